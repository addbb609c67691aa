"""Logging: one JSON object a line for machines, or plain text for people at a terminal."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from run_operator.api.raw import precise_stamp

CARRIED: Final = ("run", "uid")
"""Extra fields that identify the Run of a line."""
QUIET: Final = ("kopf", "aiohttp", "asyncio", "kubernetes")
EVERY: Final = 600.0
"""Seconds."""
REMEMBERED: Final = 1_000
"""Warnings."""
NUMBERS: Final = re.compile(r"(?<![\w-])\d+(?:\.\d+)?")
PLAIN: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "message", "run"?, "uid"?, "error"?}` and the record's own `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON for any message."""
        entry: dict[str, Any] = {
            "time": precise_stamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in CARRIED if hasattr(record, name)}
        entry |= getattr(record, "fields", {})
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class Repeats(logging.Filter):
    """The same warning at most every ten minutes; how many were left out is said with the next one.

    Numbers in it make no difference: a quota's change with what others do.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._recent: OrderedDict[tuple[str, str, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written."""
        if record.levelno < logging.WARNING or record.exc_info:
            return True
        key = (record.name, str(getattr(record, "run", "")), NUMBERS.sub("", record.getMessage()))
        at, left_out = self._recent.get(key, (float("-inf"), 0))
        if self._clock() < at + EVERY:
            self._recent[key] = at, left_out + 1
            return False
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like it since)", ()
        self._recent[key] = self._clock(), 0
        self._recent.move_to_end(key)
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        return True


def configure(level: str, *, as_json: bool) -> None:
    """Log to standard error; libraries log from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Repeats())
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(PLAIN))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
