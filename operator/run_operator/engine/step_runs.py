"""The Runs of a pipeline's steps: made, stopped and resumed for it, and read when it asks what they returned."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from run_operator.api.constants import LABEL_PIPELINE
from run_operator.api.raw import mapping
from run_operator.api.run import Run
from run_operator.engine.refusals import RefusedError, refusals
from run_operator.engine.store import Store
from run_operator.kube.client import Api
from run_operator.kube.errors import AlreadyExistsError, NotFoundError
from run_operator.kube.resource import RUNS
from run_operator.lifecycle.model import CreateRun, Refusal, SuspendRun


class StepRuns:
    """Answers of the API server go to the store at once."""

    def __init__(self, api: Api, store: Store) -> None:
        self._api = api
        self._store = store

    async def change(self, run: Run, action: CreateRun | SuspendRun) -> None:
        """Carry out one action about the Run of a step. Raises RefusedError, or an error of `kube.errors`."""
        match action:
            case CreateRun(body):
                answer = await self._create(run, body)
            case SuspendRun(name, uid, suspend):
                patch = {"metadata": {"uid": uid}, "spec": {"suspend": suspend}}
                answer = await self._api.patch(RUNS, run.namespace, name, patch)
        self._store.put_run(Run.from_object(answer))

    async def of(self, run: Run) -> AsyncIterator[Run]:
        """Those that are there now."""
        selector = f"{LABEL_PIPELINE}={run.uid}"
        async for raw in self._api.list_objects(RUNS, namespace=run.namespace, selector=selector):
            one = Run.from_object(raw)
            if one.pipeline == run.uid:
                self._store.put_run(one)
                yield one

    async def returned(self, run: Run, names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """The whole status of each; an empty one of those that are gone."""
        found: dict[str, Mapping[str, Any]] = {}
        for name in names:
            try:
                raw = await self._api.get(RUNS, run.namespace, name)
            except NotFoundError:
                raw = {}
            found[name] = mapping(raw.get("status")) if Run.from_object(raw).pipeline == run.uid else {}
        return found

    async def _create(self, run: Run, body: Mapping[str, Any]) -> Mapping[str, Any]:
        name = str(body["metadata"]["name"])
        try:
            with refusals():
                return await self._api.create(RUNS, run.namespace, body)
        except AlreadyExistsError:
            found = await self._api.get(RUNS, run.namespace, name)
        if Run.from_object(found).pipeline == run.uid:
            return found
        message = f"Run {name} already exists and is not a step of this pipeline: the operator does not change it; apply this Run under another name"
        raise RefusedError(Refusal("NameConflict", message, final=True))
