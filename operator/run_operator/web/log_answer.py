"""The logs of a Run as text: of earlier attempts, of ended containers, and of running ones as they write."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from aiohttp import web

from run_operator.api.constants import LABEL_ATTEMPT
from run_operator.api.raw import JSON, mapping, text
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.errors import Problem
from run_operator.gateway.run_logs import LogSource, Selection, Written, attempt_of, is_running, started
from run_operator.gateway.shares import Shares, turn
from run_operator.kube.errors import ForbiddenError, KubeError, NotFoundError
from run_operator.kube.media_types import METADATA_LIST
from run_operator.kube.resource import PODS, RUN_LOGS
from run_operator.web.errors import of_problem
from run_operator.web.limits import WebLimits
from run_operator.web.rights import LOGS
from run_operator.web.stream_places import StreamPlace
from run_operator.web.view.safe_text import SafeLines, safe

PIECES: Final = 64
"""Pieces that wait to be sent, of all containers together."""
LOOK: Final = 2.0
LONGEST_LINE: Final = 65_536
LARGE: Final = 262_144
"""Bytes above which a text is made safe in a thread of its own."""
MAX_NOTE: Final = 1000


class LogAnswer:
    """One request for logs."""

    def __init__(
        self, caller: ApiClient, namespace: str, name: str, wanted: Selection, limits: WebLimits
    ) -> None:
        self._caller = caller
        self._namespace, self._name = namespace, name
        self._wanted = wanted
        self._limits = limits
        self._source = LogSource(caller, namespace, name, f"run {name}", limits, wanted)

    async def send(
        self,
        request: web.BaseRequest,
        headers: dict[str, str],
        shares: Shares,
        place: StreamPlace,
        stopped: asyncio.Event,
    ) -> web.StreamResponse:
        """Send the logs. Raises RefusedError before anything was sent."""
        try:
            async with turn(shares, self._caller):
                pods = await self._source.pods()
                found = await self._source.written(pods)
        except Problem as problem:
            raise of_problem(problem, LOGS, self._namespace) from problem
        running = [
            (pod, container)
            for pod, container in started(pods)
            if self._wanted.ended and self._wanted.container in ("", container) and is_running(pod, container)
        ]
        left = running[self._limits.followed :]
        running = running[: self._limits.followed]
        response = web.StreamResponse(headers=headers | {"X-Log-Note": note(found, running, len(left))})
        response.content_type, response.charset = "text/plain", "utf-8"
        try:
            await self._within(response.prepare(request))
            place.hold(sum(len(one.content) for one in found))
            for one in found:
                head = _head(one.attempt, one.pod, one.container) if len(found) + len(running) > 1 else b""
                await self._within(response.write(head + await _made_safe(one.content)))
            place.hold(0)
            if running:
                await self._follow(
                    request,
                    response,
                    running,
                    lambda: stopped.is_set() or place.problem is not None,
                    with_heads=bool(found),
                )
            await self._within(response.write_eof())
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # the viewer has gone
        return response

    async def _follow(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        running: Sequence[tuple[JSON, str]],
        ended: Callable[[], bool],
        *,
        with_heads: bool,
    ) -> None:
        """Follow until the containers have ended, or the time is over; then the page asks again."""
        pieces: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue(PIECES)
        tasks = [
            asyncio.create_task(self._read(pieces, at, pod, container), name="log")
            for at, (pod, container) in enumerate(running)
        ]
        last = None if with_heads or len(running) > 1 else 0
        until = asyncio.get_running_loop().time() + self._limits.stream
        try:
            while not ended() and asyncio.get_running_loop().time() < until:
                try:
                    at, piece = await asyncio.wait_for(pieces.get(), LOOK)
                except TimeoutError:
                    if all(task.done() for task in tasks) and pieces.empty():
                        return
                    if request.transport is None or request.transport.is_closing():
                        return
                    continue
                if at != last:
                    pod, container = running[at]
                    await self._within(response.write(_head(attempt_of(pod), _name(pod), container)))
                    last = at
                await self._within(response.write(piece))
                if pieces.empty() and all(task.done() for task in tasks):
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(
        self, pieces: asyncio.Queue[tuple[int, bytes]], at: int, pod: JSON, container: str
    ) -> None:
        lines = SafeLines(LONGEST_LINE)
        try:
            async for piece in self._stream(_name(pod), container):
                if whole := lines.take(piece):
                    await pieces.put((at, whole))
        except KubeError as error:
            said = f"({container} of {_name(pod)} cannot be followed: {error.message})\n"
            await pieces.put((at, said.encode()))
        if rest := lines.end():
            await pieces.put((at, rest))

    def _stream(self, pod: str, container: str) -> AsyncIterator[bytes]:
        query = {"container": container, "follow": "true", "tailLines": str(self._wanted.lines)}
        path = PODS.path(self._namespace, pod, "log")
        return self._caller.api.stream(PODS, path, query, deadline=self._limits.stream)

    async def _within(self, writing: Any) -> None:
        async with asyncio.timeout(self._limits.write):
            await writing


async def sources(caller: ApiClient, namespace: str, name: str) -> list[dict[str, Any]]:
    """The list of logs: of existing pods, and kept ones. Raises Problem."""
    pods = await LogSource(caller, namespace, name, f"run {name}", WebLimits()).pods()
    found = {
        (_name(pod), container): {
            "attempt": attempt_of(pod),
            "pod": _name(pod),
            "container": container,
            "live": True,
            "running": is_running(pod, container),
        }
        for pod, container in started(pods)
    }
    with contextlib.suppress(NotFoundError, ForbiddenError):
        kept = caller.api.list_objects(
            RUN_LOGS, namespace=namespace, selector=Selection().labels(name), accept=METADATA_LIST
        )
        async for raw in kept:
            metadata = mapping(raw.get("metadata"))
            pod, _, container = text(metadata.get("name")).rpartition(".")
            label = text(mapping(metadata.get("labels")).get(LABEL_ATTEMPT))
            attempt = int(label) if label.isdecimal() else 0
            one = {"attempt": attempt, "pod": pod, "container": container, "live": False, "running": False}
            found.setdefault((pod, container), one)
    return sorted(found.values(), key=lambda one: (one["attempt"], one["pod"], one["container"]))


async def _made_safe(content: bytes) -> bytes:
    return safe(content) if len(content) < LARGE else await asyncio.to_thread(safe, content)


def _head(attempt: int, pod: str, container: str) -> bytes:
    return f"==> attempt {attempt}, pod {pod}, container {container} <==\n".encode()


def _name(pod: JSON) -> str:
    return text(mapping(pod.get("metadata")).get("name"))


def note(found: Sequence[Written], running: Sequence[object], left: int) -> str:
    """A text for a header: one line of ASCII. `left`: running containers that are not followed, because they are too many."""
    cut = [f"{one.pod} {one.container}" for one in found if one.is_cut]
    said = [f"{left} other running containers are not followed; choose a container"] if left else []
    said += [f"only the end is shown of {', '.join(cut)}"] if cut else []
    if not found and not running:
        said = ["the program wrote nothing, or its log was not stored"]
    return "; ".join(said).encode("ascii", "replace").decode()[:MAX_NOTE]
