"""`context` and `event` of a handler: the classes of nuclio-sdk where the image has it, else small ones like them."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Response:
    """`context.Response`."""

    def __init__(
        self,
        headers: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str | None = None,
        status_code: int = 200,
        event_id: str | None = None,
    ) -> None:
        self.headers = dict(headers or {})
        self.body = body
        self.status_code = status_code
        self.content_type = content_type or "text/plain"
        self.event_id = event_id


class _Trigger:
    def __init__(self, kind: str = "", name: str = "") -> None:
        self.kind = kind
        self.name = name


class _Event:
    """`event`: one request."""

    def __init__(self, **fields: Any) -> None:
        self.body = fields.get("body")
        self.content_type = fields.get("content_type")
        self.trigger = fields.get("trigger") or _Trigger()
        self.fields = fields.get("fields") or {}
        self.headers = fields.get("headers") or {}
        self.id = fields.get("_id")
        self.method = fields.get("method")
        self.path = fields.get("path") or "/"
        self.size = fields.get("size")
        self.timestamp = fields.get("timestamp") or 0
        self.url = fields.get("url")
        self.shard_id = fields.get("shard_id")
        self.num_shards = fields.get("num_shards")
        self.type = fields.get("_type")
        self.type_version = fields.get("type_version")
        self.version = fields.get("version")
        self.last_in_batch = False
        self.offset = fields.get("offset") or 0
        self.topic = fields.get("topic")

    def get_header(self, header_key: str) -> Any:
        """A header by its name, in whatever case."""
        return next((value for key, value in self.headers.items() if key.lower() == header_key.lower()), None)


class _Logger:
    """`context.logger`: lines on standard output; `*_with` adds what it is given."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("handler")
        self._logger.setLevel(logging.DEBUG)
        self._logger.propagate = False
        if not self._logger.handlers:
            stream = logging.StreamHandler(sys.stdout)
            stream.setFormatter(logging.Formatter("%(asctime)s [%(levelname)s] %(message)s"))
            self._logger.addHandler(stream)

    def __getattr__(self, name: str) -> Callable[..., None]:
        plain = name.removesuffix("_with")
        level = {"warn": "warning"}.get(plain, plain)
        if level not in ("debug", "info", "warning", "error", "critical", "exception"):
            raise AttributeError(name)
        write = getattr(self._logger, level)
        if plain == name:
            return write  # type: ignore[no-any-return]
        return lambda message, *args, **more: write(f"{message}: {more}" if more else message, *args)


class _Context:
    def __init__(self, logger: Any = None, worker_id: Any = None, **_: Any) -> None:
        self.logger = logger
        self.platform = None
        self.worker_id = worker_id
        self.trigger = None
        self.user_data = type("UserData", (), {})()
        self.Response = _Response


Context: Any = _Context
Event: Any = _Event
Response: Any = _Response
Trigger: Any = _Trigger


def _logger() -> Any:
    return _Logger()


try:
    import nuclio_sdk
    from nuclio_sdk.event import TriggerInfo
    from nuclio_sdk.logger import HumanReadableFormatter
    from nuclio_sdk.logger import Logger as SdkLogger
except ImportError:  # the standard library is enough
    pass
else:
    Context, Event, Response, Trigger = nuclio_sdk.Context, nuclio_sdk.Event, nuclio_sdk.Response, TriggerInfo

    def _logger() -> Any:
        made = SdkLogger(logging.DEBUG)
        made.set_handler("default", sys.stdout, HumanReadableFormatter())
        return made


class _Late:
    """An attribute that is made when it is read, and that a function may set."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else self._make()


def context(worker: int, more: Mapping[str, Callable[[], Any]]) -> Any:
    """The context of one worker. `more`: attributes that are made when they are asked for the first time."""
    kind = type("Context", (Context,), {name: _Late(make) for name, make in more.items()})
    return kind(logger=_logger(), worker_id=worker)


def job_event(run: Mapping[str, Any]) -> Any:
    """The event of a job's handler: the whole Run, as on the platform."""
    return Event(
        body=dict(run), content_type="application/json", method="POST", path="/", _id=str(run.get("id", "")),
        trigger=Trigger("job", "job"), timestamp=dt.datetime.now(dt.timezone.utc), headers={},
    )  # fmt: skip


_encode = json.JSONEncoder(default=str).encode
"""Made once: `json.dumps` with an option makes an encoder each time."""


def as_json(value: Any) -> str:
    """How a handler's map or list becomes a body."""
    return _encode(value)


def fields_of(query: str) -> dict[str, str]:
    """`event.fields`: of a parameter that is given twice the last one counts, as in nuclio."""
    from urllib.parse import parse_qsl

    return dict(parse_qsl(query, keep_blank_values=True))
