"""Runs near the size that the cluster can store: none of them is tried without end and without a word."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from run_operator.client.errors import BadRequestError
from run_operator.kube import errors
from run_operator.kube.client import Api
from run_operator.kube.config import load
from run_operator.kube.fence import Unfenced
from run_operator.kube.resource import DEPLOYMENTS, JOBS, RUNS
from tests.support.clients import job
from tests.support.harness import Person, condition, run_object, wait_for

KI = 1024
ROOM = 1530 * KI
"""What a document may hold for the Run to be stored, and no status beside it."""


def variables(size: int, each: int) -> list[dict[str, str]]:
    """Environment variables of `size` bytes altogether."""
    return [{"name": f"V{number}", "value": "x" * each} for number in range(size // each)]


def pods(size: int) -> dict[str, Any]:
    main = {"name": "main", "image": "x", "env": variables(size, 100 * KI)}
    labels = {"app": "x"}
    return {"metadata": {"labels": labels}, "spec": {"containers": [main], "restartPolicy": "Never"}}


def child(kind: str, version: str, template: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": "x"},
        "spec": {"template": template} | spec,
    }


def events(person: Person, name: str, reason: str) -> list[Any]:
    return person.items("events", "--field-selector", f"involvedObject.name={name},reason={reason}")


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # which the operator never does
@pytest.mark.parametrize("size", [1600 * KI, 2400 * KI, 3200 * KI], ids=["etcd", "its client", "API server"])
def test_every_way_to_say_it_is_the_typed_error(person, monkeypatch, size):
    monkeypatch.setenv("KUBECONFIG", str(person.kubeconfig))
    template = pods(size)
    serving = {"restartPolicy": "Always"}
    deployed = template | {"spec": template["spec"] | serving}
    bodies = (
        (RUNS, run_object("x", suspend=True, spec={"envs": variables(size, 100 * KI)})),
        (JOBS, child("Job", "batch/v1", template)),
        (DEPLOYMENTS, child("Deployment", "apps/v1", deployed, selector={"matchLabels": {"app": "x"}})),
    )

    async def create() -> None:
        api = Api(await load(1), Unfenced(), lambda *_: None, "test")
        try:
            for resource, body in bodies:
                with pytest.raises(errors.TooLargeError):
                    await api.create(resource, person.namespace, body)
        finally:
            await api.close()

    asyncio.run(create())


def test_a_document_that_leaves_no_room_for_its_status_is_an_error_and_starts_nothing(
    operator, cluster, person
):
    for name, size in (("some", 1100 * KI), ("all", ROOM)):
        job(cluster, uuid=name, envs=variables(size, 100 * KI))
        failed = condition(person.becomes(name, "ERROR"), "Failed")
        assert failed["reason"] == "TooLarge"
        assert "at most 1048576 are allowed, to leave room" in failed["message"]
    assert person.items("jobs") == []


def test_a_run_whose_status_cannot_be_stored_says_so(operator, cluster, person):
    """What fills it up is what the export carried along, which nobody looks at."""
    crowded = run_object("full")
    crowded["spec"]["status"] = {"results": "x" * (1535 * KI)}
    cluster.create(RUNS, crowded)
    (event,) = wait_for("its event", lambda: events(person, "full", "TooLarge"))
    assert "the status of this Run cannot be updated any more" in event["message"]


def test_who_sends_what_cannot_be_stored_reads_what_to_do(cluster):
    with pytest.raises(BadRequestError, match="make it smaller"):
        job(cluster, envs=variables(1600 * KI, 100 * KI))
