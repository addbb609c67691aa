"""Requests of the page to the API server, each with the right that it needs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, TypeVar

from run_operator.api.raw import JSON, mapping, text
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.errors import Problem
from run_operator.gateway.suspension import set_suspend
from run_operator.kube.errors import KubeError
from run_operator.kube.resource import ACCESS_REVIEWS, EVENTS, NAMESPACES, RUNS
from run_operator.web.errors import RefusedError, of_kube, of_problem
from run_operator.web.limits import WebLimits
from run_operator.web.rights import ACTIONS, CHANGE, DELETE, GET, LIST, SEE_EVENTS, Right
from run_operator.web.view.detail import MAX_EVENTS, newest, shown_event

MAX_NAMESPACES: Final = 5000
T = TypeVar("T")

LOST: Final = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
"""Answers about one Run that say nothing about the others of a comparison."""
AT_ONCE: Final = 4
"""Runs of a comparison that are read at the same time."""


class ApiRequests:
    """`through`: the program, for the field manager of a stop."""

    def __init__(self, limits: WebLimits, through: str) -> None:
        self._limits = limits
        self._through = through
        self._known: OrderedDict[tuple[str, Right, str | None, str], tuple[float, bool]] = OrderedDict()

    async def page(self, caller: ApiClient, namespace: str | None, limit: int, token: str) -> JSON:
        """One page of Runs."""
        async with _doing(f"the Runs of {_place(namespace)} cannot be listed", LIST, namespace):
            pages = caller.api.pages(RUNS, namespace=namespace, page_size=limit, token=token)
            async with aclosing(pages):
                async for page in pages:
                    return page
        return {}

    async def run(self, caller: ApiClient, namespace: str, name: str) -> JSON:
        """One Run."""
        async with _doing(f"run {name} of namespace {namespace} cannot be read", GET, namespace):
            return await caller.get(RUNS, namespace, name)

    async def runs(
        self, caller: ApiClient, keys: Iterable[tuple[str, str]], keep: Callable[[JSON], T]
    ) -> tuple[list[T], dict[str, str]]:
        """The kept part of each of several Runs, in their order, and why others are not there.

        Whole Runs could exceed the memory. Raises RefusedError if none of them can be read.
        """
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(namespace: str, name: str) -> T | RefusedError:
            async with gate:
                try:
                    return keep(await self.run(caller, namespace, name))
                except RefusedError as error:
                    if error.status not in LOST:
                        raise
                    return error

        keys = list(keys)
        answers = await asyncio.gather(*(one(*key) for key in keys))
        found = [one for one in answers if not isinstance(one, RefusedError)]
        lost = {
            f"{namespace}/{name}": one
            for (namespace, name), one in zip(keys, answers, strict=True)
            if isinstance(one, RefusedError)
        }
        if lost and not found:
            raise next(iter(lost.values()))
        return found, {key: str(one) for key, one in lost.items()}

    async def events(self, caller: ApiClient, raw: JSON) -> tuple[list[dict[str, Any]], list[str]]:
        """The shown part of a Run's Events, and a note if the viewer may not see them."""
        metadata = mapping(raw.get("metadata"))
        namespace, fields = text(metadata.get("namespace")), f"involvedObject.uid={metadata.get('uid')}"
        try:
            async with _doing("Events are not shown", SEE_EVENTS, namespace):
                shown: list[dict[str, Any]] = []
                async for one in caller.all(EVENTS, namespace, fields=fields):
                    shown.append(shown_event(one))
                    if len(shown) > 2 * MAX_EVENTS:
                        shown = newest(shown)
                return newest(shown), []
        except RefusedError as error:
            return [], [str(error)]

    async def namespaces(self, caller: ApiClient) -> tuple[list[str], bool]:
        """The namespaces that the viewer may list, and whether the viewer may list Runs of all of them."""
        every = await self.may(caller, LIST, None)
        names: list[str] = []
        with contextlib.suppress(KubeError):
            async for raw in caller.api.list_objects(NAMESPACES):
                names.append(text(mapping(raw.get("metadata")).get("name")))
                if len(names) >= MAX_NAMESPACES:
                    break
        return sorted(names), every

    async def rights(self, caller: ApiClient, namespace: str, name: str) -> dict[str, str | None]:
        """Action to its missing right; None: the viewer has it."""
        wanted = dict.fromkeys(ACTIONS.values())
        found = dict(
            zip(
                wanted,
                await asyncio.gather(*(self.may(caller, right, namespace, name) for right in wanted)),
                strict=True,
            )
        )
        return {
            action: None if found[right] else right.missing(namespace) for action, right in ACTIONS.items()
        }

    async def may(
        self, caller: ApiClient, right: Right, namespace: str | None, name: str = "", *, fresh: bool = False
    ) -> bool:
        """Whether the caller has the right, from the API server. The answer is remembered for a short time, unless `fresh`."""
        key = caller.identity.digest, right, namespace, name
        at, answer = self._known.get(key, (float("-inf"), False))
        if not fresh and time.monotonic() < at + self._limits.known:
            return answer
        async with _doing("your rights cannot be checked", right, namespace):
            review = await caller.create(ACCESS_REVIEWS, "", right.review(namespace, name))
        answer = mapping(review.get("status")).get("allowed") is True
        self._known[key] = time.monotonic(), answer
        self._known.move_to_end(key)
        if len(self._known) > self._limits.remembered:
            self._known.popitem(last=False)
        return answer

    async def check(
        self, caller: ApiClient, rights: Sequence[Right], namespace: str | None, name: str = ""
    ) -> None:
        """Raise RefusedError if the caller does not have the right."""
        asked = (self.may(caller, right, namespace, name, fresh=True) for right in rights)
        for right, answer in zip(rights, await asyncio.gather(*asked), strict=True):
            if not answer:
                missing = right.missing(namespace)
                raise RefusedError(403, "Forbidden", f"you lack the right to {missing}", missing=missing)

    async def set_suspend(self, caller: ApiClient, namespace: str, name: str, *, suspend: bool) -> JSON:
        """Stop or resume, with the same write as every other program."""

        async def read() -> JSON:
            return await self.run(caller, namespace, name)

        try:
            return await set_suspend(
                caller, read, namespace, f"run {name}", suspend=suspend, through=self._through
            )
        except Problem as problem:
            raise of_problem(problem, CHANGE, namespace) from problem

    async def delete(self, caller: ApiClient, namespace: str, name: str) -> JSON:
        """Delete a Run; returns its last state."""
        raw = await self.run(caller, namespace, name)
        async with _doing(f"run {name} of namespace {namespace} cannot be deleted", DELETE, namespace):
            await caller.delete(RUNS, namespace, name, text(mapping(raw.get("metadata")).get("uid")))
        return raw


def _place(namespace: str | None) -> str:
    return f"namespace {namespace}" if namespace else "all namespaces"


@asynccontextmanager
async def _doing(what: str, right: Right, namespace: str | None) -> AsyncIterator[None]:
    try:
        yield
    except KubeError as error:
        raise of_kube(error, what, right, namespace) from error
