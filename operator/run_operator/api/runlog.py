"""A `RunLog` custom resource as Python: the log of one container of a Run, kept when its pod is gone."""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.constants import ANNOTATION_LOG_SIZE, API_VERSION, RUN_LOG_KIND
from run_operator.api.raw import mapping, text

MAX_STORED: Final = 786_432
"""Bytes of compressed text in one object; in base64 1 MiB, the schema's limit for `data`."""
MAX_UNPACKED: Final = 64 * 1024 * 1024
"""Most bytes that are unpacked from one object, which others may have written; the operator keeps at most 16 MiB."""
LEVEL: Final = 6
MAX_NAME: Final = 253


@dataclass(frozen=True, slots=True)
class RunLog:
    """A decoded RunLog. Times are as the API server writes them, empty where they are not known."""

    run: str
    attempt: int
    pod: str
    pod_uid: str
    container: str
    data: bytes
    """The kept log, not compressed: all that the container wrote, or the end of it."""
    truncated: bool = False
    """Whether `data` lacks the beginning of the log."""
    lines: int = 0
    """Number of lines that were read, kept or not."""
    bytes: int = 0
    """Number of bytes that were read, kept or not."""
    init: bool = False
    node: str = ""
    restarts: int = 0
    start_time: str = ""
    end_time: str = ""
    exit_code: int | None = None

    @property
    def text(self) -> str:
        """The kept log as text; bytes that are not UTF-8 become U+FFFD."""
        return self.data.decode("utf-8", "replace")


def name_of(pod: str, container: str) -> str:
    """The name of a container's RunLog. It is always the same, so that concurrent writers create one object."""
    return f"{pod}.{container}"[:MAX_NAME]


def from_object(raw: Mapping[str, Any]) -> RunLog:
    """Decode a RunLog as the API server serves it. Raises ValueError when its data is damaged or unreasonably large."""
    metadata = mapping(raw.get("metadata"))
    code = raw.get("exitCode")
    return RunLog(
        run=text(raw.get("run")),
        attempt=_number(raw.get("attempt")),
        pod=text(raw.get("pod")),
        pod_uid=text(raw.get("podUID")),
        container=text(raw.get("container")),
        data=_unpacked(text(raw.get("data")), f"RunLog {text(metadata.get('name'))}"),
        truncated=raw.get("truncated") is True,
        lines=_number(raw.get("lines")),
        bytes=_number(raw.get("bytes")),
        init=raw.get("init") is True,
        node=text(raw.get("node")),
        restarts=_number(raw.get("restarts")),
        start_time=text(raw.get("startTime")),
        end_time=text(raw.get("endTime")),
        exit_code=code if isinstance(code, int) else None,
    )


def packed(data: bytes) -> bytes:
    """The text as gzip: the same bytes every time. It takes tens of milliseconds for one MiB."""
    return gzip.compress(data, LEVEL, mtime=0)


def body(
    log: RunLog, stored: bytes, labels: Mapping[str, str], owners: list[dict[str, Any]]
) -> dict[str, Any]:
    """The object to create. `stored` is `packed(log.data)`, `owners` the owner references."""
    known = {
        "node": log.node,
        "startTime": log.start_time,
        "endTime": log.end_time,
        "exitCode": log.exit_code,
        "init": log.init or None,
        "restarts": log.restarts or None,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": RUN_LOG_KIND,
        "metadata": {
            "name": name_of(log.pod, log.container),
            "labels": dict(labels),
            "annotations": {ANNOTATION_LOG_SIZE: str(len(stored))},
            "ownerReferences": owners,
        },
        "run": log.run,
        "attempt": log.attempt,
        "pod": log.pod,
        "podUID": log.pod_uid,
        "container": log.container,
        **{key: value for key, value in known.items() if value not in (None, "")},
        "lines": log.lines,
        "bytes": log.bytes,
        "truncated": log.truncated,
        "data": base64.b64encode(stored).decode("ascii"),
    }


def _unpacked(data: str, what: str) -> bytes:
    try:
        stored = base64.b64decode(data, validate=True)
        stream = zlib.decompressobj(wbits=31)  # gzip
        found = stream.decompress(stored, MAX_UNPACKED)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(f"the data of {what} is damaged: {error}") from error
    if not stream.eof:
        why = "is cut short" if not stream.unconsumed_tail else f"unpacks to more than {MAX_UNPACKED} bytes"
        raise ValueError(f"the data of {what} {why}")
    return found


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
