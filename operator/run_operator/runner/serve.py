"""Serving a function over HTTP: uvicorn takes the requests, in one process or in several."""

from __future__ import annotations

import importlib.util
import inspect
import os
import signal
import socket
from typing import TYPE_CHECKING, Any, Callable

from . import report
from .asgi import Application
from .errors import INVALID_ARGUMENTS, SERVER_FAILED, RunnerError, Stopped
from .masking import without_secrets
from .traces import STDOUT, say

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = 8080
ENV_WORKERS, ENV_CONCURRENCY = "RUN_SERVE_WORKERS", "RUN_SERVE_CONCURRENCY"
ENV_SUPERVISOR = "RUN_SERVE_SUPERVISOR"
MOST_WORKERS, MOST_AT_ONCE = 64, 256
WAITING = 2048
"""Requests taken at once; further ones are answered 503."""
SERVER = ["uvicorn"]
"""Installed where the image has none."""


def needed() -> list[str]:
    """Requirements of the server that the image lacks."""
    return [name for name in SERVER if importlib.util.find_spec(name) is None]


def serve(runner: Any) -> int:
    """Serve until SIGTERM. Raises RunnerError."""
    prepared = runner.prepared(needed())
    workers = _number(ENV_WORKERS, 1, MOST_WORKERS)
    import uvicorn

    settings: dict[str, Any] = {
        "host": os.environ.get("RUN_SERVE_HOST") or _any_host(workers),
        "port": _number("RUN_SERVE_PORT", PORT, 65535),
        "lifespan": "off",
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "limit_concurrency": WAITING,
        "timeout_graceful_shutdown": prepared.document.grace,
    }
    runner.stage = "serving"
    if workers == 1:
        application: Any = make(runner, prepared, 0)
    else:
        os.environ[ENV_SUPERVISOR] = str(os.getpid())
        application = f"{__package__}.serve:worker"
        settings |= {"factory": True, "workers": workers}
    say(f"serving on port {settings['port']} with {workers} worker{'s' if workers > 1 else ''}\n", STDOUT)
    try:
        uvicorn.run(application, **settings)
    except Stopped:
        raise
    except SystemExit as error:
        raise RunnerError(SERVER_FAILED, f"the server could not listen on port {settings['port']}") from error
    return 0


def _any_host(workers: int) -> str:
    """The host that means every address of both families: none for one process, and `::` for a socket that several share."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
    except OSError:
        return "0.0.0.0"  # noqa: S104 - the pod's own address is not known
    return "" if workers == 1 else "::"


def worker() -> Application:
    """The application of one of several processes. One that cannot start ends the whole service, with its reason."""
    from .main import Runner

    try:
        runner = Runner()
        return make(runner, runner.again(), os.getpid())
    except RunnerError as error:
        report.end(error.reason, error.message)
        say(without_secrets(f"{error.reason}: {error.message}\n"))
        os.kill(int(os.environ[ENV_SUPERVISOR]), signal.SIGTERM)
        raise SystemExit(1) from error


def make(runner: Any, prepared: Any, number: int) -> Application:
    """The application of one worker, its init function run. Raises RunnerError."""
    handler, session = prepared.functions.handler, prepared.session
    context = runner.context(prepared, number)
    names = inspect.signature(handler).parameters
    reserved: Mapping[str, Callable[[], Any]] = {
        "project": lambda: session.project, "run": lambda: session.run, "context": lambda: context
    }  # fmt: skip
    given = {name: value() for name, value in reserved.items() if name in names}
    takes_event = "event" in names
    try:
        inspect.signature(handler).bind(**given, **({"event": None} if takes_event else {}))
    except TypeError as error:
        name = getattr(handler, "__name__", "handler")
        raise RunnerError(
            INVALID_ARGUMENTS,
            f"{name}{inspect.signature(handler)} is called with context, event, project and run only: {error}",
        ) from error
    at_once = _number(ENV_CONCURRENCY, 1, MOST_AT_ONCE)
    return Application(
        handler, given, takes_event=takes_event, concurrency=at_once, grace=prepared.document.grace
    )


def _number(name: str, default: int, most: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not 0 < int(text) <= most:
        raise RunnerError(SERVER_FAILED, f"{name}={text[:40]!r} is not a number from 1 to {most}")
    return int(text)
