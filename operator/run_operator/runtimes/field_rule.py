"""`spec.fields` of a Runtime: what it takes of a document, of which type, and what counts where the document is silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.raw import mapping, text
from run_operator.document.merge import is_empty
from run_operator.workloads.fields import ROOT, InvalidSpecError, kind_of

SAMPLES: Final[Mapping[str, Any]] = {
    "string": "text", "integer": 1, "number": 1.5, "boolean": True, "list": ["text"], "map": {"key": "text"}, "any": "text",
}  # fmt: skip
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "list": (list,), "map": (dict,),
}  # fmt: skip
_WORDS: Final[Mapping[str, str]] = {
    "string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false", "list": "a list",
    "map": "a map",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field of the inner spec."""

    type: str = "string"
    required: bool = False
    """A document without it takes it from its Function."""
    default: Any = None
    example: Any = None
    values: tuple[Any, ...] = ()
    """The only ones that are allowed; empty: all."""
    as_is: bool = False
    """It becomes part of what is built as it is, and no expression gets it: source code, a list of ports."""

    @classmethod
    def from_object(cls, raw: Mapping[str, Any]) -> FieldRule:
        """Read one entry of `spec.fields`."""
        values = raw.get("values")
        return cls(
            type=text(raw.get("type")) or "string",
            required=raw.get("required") is True,
            default=raw.get("default"),
            example=raw.get("example"),
            values=tuple(values) if isinstance(values, list) else (),
            as_is=raw.get("asIs") is True,
        )

    @property
    def sample(self) -> Any:
        """A value as a document may have it."""
        if self.example is not None:
            return self.example
        if self.values:
            return self.values[0]
        return SAMPLES[self.type] if self.default is None else self.default

    def problem(self) -> str:
        """The problem of the rule itself; empty if there is none."""
        if self.type not in SAMPLES:
            return f"type {self.type[:40]!r} is unknown; use one of {', '.join(SAMPLES)}"
        for word, value in (("default", self.default), ("example", self.example)):
            if value is not None and not self._takes(value):
                return f"{word} is {kind_of(value)}, not {_WORDS[self.type]}"
        return ""

    def value(self, spec: Mapping[str, Any], name: str) -> Any:
        """The value that counts for this document; None for no value. Raises InvalidSpecError."""
        given = spec.get(name)
        if is_empty(given):
            return self.default
        if not self._takes(given):
            raise InvalidSpecError(f"{ROOT}.{name}", f"must be {_WORDS[self.type]}, not {kind_of(given)}")
        if self.values and given not in self.values:
            known = ", ".join(map(str, self.values))
            raise InvalidSpecError(f"{ROOT}.{name}", f"{str(given)[:80]!r} is unknown; use one of {known}")
        return given

    def _takes(self, value: Any) -> bool:
        kinds = _TYPES.get(self.type)
        if kinds is None:
            return True
        return isinstance(value, kinds) and (self.type == "boolean" or not isinstance(value, bool))


def rules(spec: Mapping[str, Any]) -> dict[str, FieldRule]:
    """All rules of a Runtime's spec."""
    return {name: FieldRule.from_object(mapping(raw)) for name, raw in mapping(spec.get("fields")).items()}
