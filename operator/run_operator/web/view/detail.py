"""Everything about one Run that its page shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest
from typing import Any, Final, TypeVar

from run_operator.api.exported import of_object
from run_operator.api.metric_figures import figures
from run_operator.api.raw import JSON, mapping, mappings, number, parse, text
from run_operator.document.yaml_writer import write
from run_operator.web.view.commands import commands, invocation
from run_operator.web.view.rows import row, service_url
from run_operator.web.view.timeline import attempts

T = TypeVar("T")
MAX_EVENTS: Final = 100
MAX_DOCUMENT: Final = 128 * 1024
"""Characters of a document that are shown."""
MAX_VALUES: Final = 5_000
"""Its texts, numbers, lists and maps."""
MAX_MESSAGE: Final = 4096
MAX_WORD: Final = 256
"""Characters of the type, the reason and the time of an Event."""
WORDS: Final = ("kind", "id", "project", "name", "user", "suspend")
LONG: Final = ("resolved", "results", "outputs")
"""Fields of a status that `of_document` reads, and `of_now` does not."""


def of_document(raw: JSON) -> dict[str, Any]:
    """The author's document and its results. Its size is only bounded by the API server."""
    status = mapping(raw.get("status"))
    inner = mapping(mapping(raw.get("spec")).get("spec"))
    document = {key: value for key, value in of_object(raw).items() if key != "status"}
    resolved = mapping(status.get("resolved"))
    return {
        "document": _yaml(document),
        "resolved": _yaml({key: one for key, one in resolved.items() if key != "signature"})
        if resolved
        else None,
        "results": mapping(status.get("results")),
        "outputs": mapping(status.get("outputs")),
        "inputs": mapping(inner.get("inputs")),
        "parameters": mapping(inner.get("parameters")) or _variables(inner),
    }


def of_now(raw: JSON) -> dict[str, Any]:
    """The Run's state and history. Reads no more fields than `without_document` keeps."""
    metadata, status = mapping(raw.get("metadata")), mapping(raw.get("status"))
    namespace, name = text(metadata.get("namespace")), text(metadata.get("name"))
    url = service_url(status)
    return {
        "row": row(raw),
        "attempts": attempts(status, parse(metadata.get("creationTimestamp"))),
        "conditions": [_condition(one) for one in mappings(status.get("conditions"))],
        "metrics": summaries(status),
        "service": {"url": url, "invoke": invocation(namespace, name)} if url else None,
        "commands": commands(namespace, name),
    }


def beside(
    events: Sequence[Mapping[str, Any]], rights: Mapping[str, str | None], notes: Sequence[str]
) -> dict[str, Any]:
    """Data that is read apart from the Run.

    `events`: what `newest` gives. `rights`: action to the right that is missing, None where it is there. `notes`: what could
    not be read, and why.
    """
    return {"events": list(events), "rights": dict(rights), "notes": list(notes)}


def without_document(raw: JSON) -> JSON:
    """A Run that can be held for every viewer: an author chooses the size of a document, and its shape."""
    metadata, spec = mapping(raw.get("metadata")), mapping(raw.get("spec"))
    words: dict[str, Any] = {key: spec[key] for key in WORDS if isinstance(spec.get(key), str | bool)}
    words["metadata"] = {"name": text(mapping(spec.get("metadata")).get("name"))}
    words["spec"] = {"function": text(mapping(spec.get("spec")).get("function"))}
    return {
        "metadata": {key: value for key, value in metadata.items() if key != "managedFields"},
        "spec": words,
        "status": {key: value for key, value in mapping(raw.get("status")).items() if key not in LONG},
    }


def summaries(status: JSON) -> list[dict[str, Any]]:
    """Each metric in a few numbers."""
    found = []
    for name, value in mapping(status.get("metrics")).items():
        known = figures(status, name)
        found.append(
            {
                "name": name,
                "type": "series" if isinstance(value, list) else "single",
                "count": known.logged,
                "last": known.last,
                "min": known.min,
                "max": known.max,
            }
        )
    return found


def shown_event(one: JSON) -> dict[str, Any]:
    """The part of an Event that the page shows. Its author chooses the length of its texts."""
    return {
        "time": (text(one.get("lastTimestamp")) or text(one.get("eventTime")))[:MAX_WORD] or None,
        "type": text(one.get("type"))[:MAX_WORD],
        "reason": text(one.get("reason"))[:MAX_WORD],
        "message": text(one.get("message"))[:MAX_MESSAGE],
        "count": number(one.get("count")) or 1,
    }


def newest(shown: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest Events first, and no more than the page shows."""
    return nlargest(MAX_EVENTS, shown, key=lambda one: str(one["time"] or ""))


def _condition(one: JSON) -> dict[str, Any]:
    return {
        "type": text(one.get("type")),
        "status": text(one.get("status")),
        "reason": text(one.get("reason")),
        "message": text(one.get("message"))[:MAX_MESSAGE],
        "time": text(one.get("lastTransitionTime")) or None,
    }


def _variables(inner: JSON) -> dict[str, Any]:
    """Environment variables, where a document has no parameters."""
    return {text(one.get("name")): one.get("value") for one in mappings(inner.get("envs")) if one.get("name")}


def _yaml(document: JSON) -> str:
    """The document, or its beginning: writing a megabyte takes seconds, in the process that all viewers share."""
    beginning = _Beginning()
    written = write(beginning.of(document))
    return written if beginning.is_whole else f"{written}# the rest is not shown here: it is too large\n"


class _Beginning:
    """Copies a JSON value as far as the page shows it."""

    def __init__(self) -> None:
        self._values = MAX_VALUES
        self._characters = MAX_DOCUMENT
        self.is_whole = True

    def of(self, value: Any) -> Any:
        """The value, or its beginning."""
        self._values -= 1
        if isinstance(value, Mapping):
            return {self._text(key): self.of(inner) for key, inner in self._taken(value.items())}
        if isinstance(value, list):
            return [self.of(inner) for inner in self._taken(value)]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, value: str) -> str:
        kept = value[: max(0, self._characters)]
        self._characters -= len(value)
        self.is_whole = self.is_whole and len(kept) == len(value)
        return kept

    def _taken(self, entries: Iterable[T]) -> Iterator[T]:
        for one in entries:
            if self._values <= 0 or self._characters <= 0:
                self.is_whole = False
                return
            yield one
