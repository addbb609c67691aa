"""The end of a Run as an annotation. A restored backup has the annotation, but no status.

Everybody who may change the metadata of a Run can write it. So it has one effect only: a Run that was never started is not
started. The same right allows to suspend or delete the Run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from run_operator.api.conditions import FINAL, State, state_of
from run_operator.api.constants import ANNOTATION_FINISHED
from run_operator.api.raw import mapping, number, parse, text

MAX_BYTES: Final = 1024
_UID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_REASON: Final = re.compile(r"[A-Za-z]{1,64}")


class EndMark(NamedTuple):
    """The checked content of the annotation, which messages may repeat."""

    state: State
    reason: str
    time: str
    uid: str
    namespace: str
    name: str
    id: str
    """The id of the document."""
    attempt: int
    metrics: bool
    """Whether the Run had metrics, which a restored Run does not have."""

    def text(self) -> str:
        """The annotation's value."""
        return json.dumps(self._asdict(), separators=(",", ":"))

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> EndMark | None:
        """Read the annotation; None where it is missing or malformed."""
        value = text(mapping(metadata.get("annotations")).get(ANNOTATION_FINISHED))
        if not value or len(value) > MAX_BYTES:
            return None
        try:
            raw = mapping(json.loads(value))
        except (ValueError, RecursionError):
            return None
        words = {key: text(raw.get(key)) for key in ("reason", "time", "uid", "namespace", "name", "id")}
        found = cls(
            state=state_of(raw.get("state")),
            attempt=max(1, number(raw.get("attempt"))),
            metrics=raw.get("metrics") is True,
            **words,
        )
        return found if found._is_sound() else None

    def _is_sound(self) -> bool:
        return (
            self.state in FINAL
            and parse(self.time) is not None
            and len(self.time) < len("2026-11-23T10:00:00.123456+00:00")
            and all(map(_NAME.fullmatch, (self.namespace, self.name)))
            and _UID.fullmatch(self.uid) is not None
            and _REASON.fullmatch(self.reason) is not None
        )
