"""One line for each request: user, path and result. No token, no body, no query."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web

from run_operator.gateway.telemetry import Asked, route

MOST: Final = 128
"""Characters of names that the caller chose: a project, an entity."""

log = logging.getLogger("run_operator.gateway.access")


def note(request: web.BaseRequest, parts: tuple[str, ...], asked: Asked) -> None:
    """Write the line of an answered request."""
    entry = {
        "user": asked.user,
        "address": request.remote or "",
        "verb": request.method,
        "project": _project(parts)[:MOST],
        "entity": (parts[5] if len(parts) > 5 else "")[:MOST],  # noqa: PLR2004 - /api/v1/-/PROJECT/PLURAL/ID
        "route": route(parts),
        "code": asked.code,
        "seconds": round(asked.seconds, 3),
    }
    line = " ".join(f"{key}={value!r}" for key, value in entry.items() if value != "")
    log.info("%s", line, extra={"fields": entry})


def _project(parts: tuple[str, ...]) -> str:
    match parts:
        case ("api", "v1", "projects", name, *_) | ("api", "v1", "-", name, *_):
            return name
    return ""
