"""A part of a document (`metadata`, `spec`, `status`): a dict whose fields can also be read and set with a dot."""

from __future__ import annotations

from typing import Any


class Section(dict[str, Any]):
    """`run.status.state` is `run.status["state"]`. A field that is not there is an AttributeError, or KeyError."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            there = ", ".join(self) or "nothing"
            raise AttributeError(f"there is no field {name!r}; there is {there[:300]}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def to_dict(self) -> dict[str, Any]:
        """As a plain dict, a copy one level deep."""
        return dict(self)
