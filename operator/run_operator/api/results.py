"""Results of a function in the status of its Run: `results` (plain values) and `outputs` (keys of entities)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_BYTES: Final = 64 * 1024
"""Bytes of all results and outputs of a Run as JSON: the status also holds metrics, and etcd limits a Run to 1.5 MiB."""
MAX_NAMES: Final = 256
MAX_NAME: Final = 128
MAX_KEY: Final = 1024
IMAGE: Final = "image"
"""The output of a build."""
BY_DIGEST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]*@sha256:[0-9a-f]{64}")
RESULT_FIELDS: Final = frozenset({"results", "outputs", "resultsInfo"})
"""Status fields that are written only when a function ends."""


class InvalidResultsError(Exception):
    """These results cannot be stored. The text is a sentence for the sender."""


@dataclass(frozen=True, slots=True)
class Results:
    """Checked results."""

    results: Mapping[str, Any]
    outputs: Mapping[str, str]

    @classmethod
    def read(cls, value: Any) -> Results:
        """Read `{"results": {...}, "outputs": {...}}`. Raises InvalidResultsError."""
        if not isinstance(value, dict) or not set(value) <= {"results", "outputs"}:
            raise InvalidResultsError("the body must be a map with results and outputs")
        results, outputs = value.get("results", {}), value.get("outputs", {})
        if not isinstance(results, dict) or not isinstance(outputs, dict):
            raise InvalidResultsError("results and outputs must be maps")
        if len(results) + len(outputs) > MAX_NAMES:
            raise InvalidResultsError(f"a Run stores at most {MAX_NAMES} results and outputs")
        for name in (*results, *outputs):
            _check_name(name)
        for name, key in outputs.items():
            if (
                not isinstance(key, str)
                or len(key) > MAX_KEY
                or not (key.startswith("store://") or _is_image(name, key))
            ):
                raise InvalidResultsError(f"the output {name!r} is not the key of an entity (store://...)")
        size = len(json.dumps(value).encode())
        if size > MAX_BYTES:
            raise InvalidResultsError(
                f"results and outputs have {size} bytes; at most {MAX_BYTES} are stored"
            )
        return cls(results, outputs)

    def status_fields(self, attempt: int, time: str) -> dict[str, Any]:
        """The fields of the status; `resultsInfo` has the attempt."""
        return {
            "results": dict(self.results),
            "outputs": dict(self.outputs),
            "resultsInfo": {"attempt": attempt, "time": time},
        }


def _is_image(name: str, value: str) -> bool:
    """Whether a result is the image that a build reports."""
    return name == IMAGE and BY_DIGEST.fullmatch(value) is not None


def _check_name(name: str) -> None:
    good = 0 < len(name) <= MAX_NAME and name.isprintable() and name not in (".", "..")
    if not good or "/" in name or "\\" in name:
        raise InvalidResultsError(f"{name[:MAX_NAME]!r} cannot name a result or an output")
