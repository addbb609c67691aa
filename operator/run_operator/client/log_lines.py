"""The log of one container, as lines that come once each: through cut connections, restarts and lines without an end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from run_operator.api.raw import JSON, mapping, text
from run_operator.client.cluster import Cluster
from run_operator.client.log_reader import MAX_BYTES, LogLine, attempt_of, path

SILENCE: Final = 600.0
"""Seconds without a line after which a stream is taken for dead, and opened again."""
_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def moment(stamp: str) -> int | None:
    """Nanoseconds of a time as the kubelet writes it, in whatever zone; None for anything else.

    As texts they cannot be compared: a node's zone may change, and zeros at the end of a fraction are left out.
    """
    match = _STAMP.fullmatch(stamp)
    if match is None:
        return None
    seconds, fraction, zone = match.groups()
    try:
        whole = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone)).timestamp()
    except ValueError:
        return None
    return int(whole) * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))


class ContainerLog:
    """`for line in log.follow()` ends with the stream; the next call goes on after the last line that came.

    `cut` is called for each line of which only the beginning comes.
    """

    def __init__(
        self,
        cluster: Cluster,
        pod: JSON,
        container: str,
        opened: Callable[[Any], None],
        cut: Callable[[], None],
    ) -> None:
        self._cluster = cluster
        self._pod = pod
        self._container = container
        self._opened = opened
        self._cut = cut
        self._stamp, self._moment, self._same = "", -1, 0
        """The time of the last line, and the number of lines with that time."""
        self._rest: LogLine | None = None

    def follow(self) -> Iterator[LogLine]:
        """The lines from there on as they are written. Raises BackendError when the log cannot be read."""
        yield from self._lines({"follow": "true"})

    def previous(self) -> Iterator[LogLine]:
        """The lines that are left of the container's previous start."""
        yield from self._lines({"previous": "true"})

    def rest(self) -> Iterator[LogLine]:
        """The beginning of a line that nothing ended, once it is known that nothing follows."""
        found, self._rest = self._rest, None
        if found is not None:
            yield found

    def _lines(self, how: dict[str, str]) -> Iterator[LogLine]:
        query = {"container": self._container, "timestamps": "true"} | how
        query |= {"sinceTime": self._stamp} if self._stamp else {}
        known, again = (
            self._moment,
            self._same,
        )  # `sinceTime` is taken in whole seconds: lines of the last one come again
        self._rest = None
        for raw in self._cluster.lines(
            path(self._cluster, self._pod), query,
            silence=SILENCE, opened=self._opened, longest=MAX_BYTES, cut=self._cut,
        ):  # fmt: skip
            line = raw.decode("utf-8", "replace")
            stamp, space, said = line.removesuffix("\n").partition(" ")
            at = moment(stamp) if space else None
            if at is None:
                said = line.removesuffix("\n")  # the kubelet's own words
            elif at < known:
                continue
            elif at == known and again:
                again -= 1
                continue
            else:
                known = -1
            found = self._line(said)
            if not line.endswith("\n"):
                self._rest = found  # cut within a line: it comes again, whole
                return
            if at is not None:
                self._same = self._same + 1 if at == self._moment else 1
                self._stamp, self._moment = stamp, at
            yield found

    def _line(self, said: str) -> LogLine:
        name = text(mapping(self._pod.get("metadata")).get("name"))
        return LogLine(said, name, self._container, attempt_of(self._pod))
