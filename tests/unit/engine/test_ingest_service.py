"""Metrics of Runs in the operator: what is exported, what pods need first, and which Runs it concerns."""

from __future__ import annotations

import pytest

from run_operator.api.run import Key
from run_operator.engine.executor import Executor
from run_operator.engine.ingest_service import _at_rest, _Gauges
from run_operator.engine.refusals import RefusedError
from run_operator.engine.store import Store
from run_operator.ingest.configmap import NotOursError
from run_operator.kube.errors import ForbiddenError
from run_operator.lifecycle.model import CreateWorkload
from run_operator.workloads.builder import build
from run_operator.workloads.types import Options
from tests.support.builders import run
from tests.support.ingest_world import World, batch


async def test_the_last_values_are_exported_only_when_asked_for_and_never_more_than_that():
    async with World() as world:
        ops = [{"k": f"m{number}", "put": number} for number in range(5)]
        await world.post(world.token(), batch(1, 0.5, None) | {"ops": [*ops, {"k": "nan", "put": None}]})
        exported = {}
        for most in (0, 3, 100):
            families = {family.name: family.samples for family in _Gauges(world.ingest, most).collect()}
            exported[most] = families.get("run_operator_run_metric", [])
            assert families["run_operator_ingest_held_runs"][0].value == 1
            assert families["run_operator_ingest_held_values"][0].value >= 6
        assert [len(exported[most]) for most in (0, 3, 100)] == [0, 3, 5]
        assert exported[100][2].labels == {"namespace": "ml", "run": "train", "metric": "m2"}
        assert exported[100][2].value == 2.0


@pytest.mark.parametrize(
    ("error", "reason", "final"),
    [
        (NotOursError("it is somebody else's"), "NameConflict", False),
        (ForbiddenError("create", 403, "the namespace is going away"), "Forbidden", False),
    ],
)
async def test_no_pod_is_made_before_what_it_mounts_is_there(error, reason, final):
    one = run()
    store = Store(lambda *_: None)
    store.put_run(one)

    async def prepare(namespace: str) -> None:
        assert namespace == one.namespace
        raise error

    executor = Executor(None, store, prepare)  # type: ignore[arg-type]  # no request may be made
    with pytest.raises(RefusedError) as caught:
        await executor.carry_out(one, CreateWorkload(build(one, 1, Options())))
    assert (caught.value.refusal.reason, caught.value.refusal.final) == (reason, final)


@pytest.mark.parametrize(
    ("state", "rests"), [("PENDING", False), ("RUNNING", False), ("STOPPED", True), ("COMPLETED", True)]
)
def test_namespaces_in_which_every_run_rests_are_not_looked_after(state, rests):
    assert _at_rest(run(status={"state": state})) is rests
    assert run().key == Key("ml", "hello")
