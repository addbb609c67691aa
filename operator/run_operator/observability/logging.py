"""Logging: one JSON object a line for machines, or plain text for people at a terminal."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, Final

from run_operator.api.raw import precise_stamp

CARRIED: Final = ("run", "uid")
"""Extra fields that identify the Run of a line."""
QUIET: Final = ("kopf", "aiohttp", "asyncio", "kubernetes")
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


def configure(level: str, *, as_json: bool) -> None:
    """Log to standard error; libraries log from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(PLAIN))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
