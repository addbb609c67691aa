"""What a real cluster does to pods: `make chaos` draws from these. The part of kubelets that fake nodes lack is played here."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

from run_operator.api.raw import stamp
from run_operator.kube.client import Api
from run_operator.kube.errors import ConflictError, KubeError, NotFoundError
from run_operator.kube.resource import PODS, Resource
from tests.support.builders import container_status
from tests.support.harness import Person

NODES: Final = Resource("", "v1", "nodes", "Node")
DEAD: Final = "dead-node"
HOUR_AGO: Final = "2026-01-01T00:00:00Z"
ON_DEAD_NODE: Final = {
    "node_selector": [{"key": "dead", "value": "yes"}],
    "tolerations": [{"operator": "Exists"}],
}
POLICY: Final = {"podTerminationTimeoutSeconds": 2, "terminationGracePeriodSeconds": 1}


def prepare(person: Person) -> None:
    """A Node that nobody keeps alive. Runs on it run because a pod there is said to."""
    taint = {"key": "dead", "effect": "NoSchedule"}
    metadata = {"name": DEAD, "labels": {"dead": "yes"}}
    person.apply({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"taints": [taint]}})
    room = {"cpu": "999", "memory": "999Gi", "pods": "9999"}
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": HOUR_AGO}
    patch = json.dumps({"status": {"conditions": [ready], "capacity": room, "allocatable": room}})
    person.kubectl("patch", "node", DEAD, "--subresource=status", "--type=merge", "-p", patch)


class Troubles:
    """Each is done to one Run, by its name; what is not there any more is none."""

    def __init__(self, api: Api, person: Person, dice: random.Random, now: Callable[[], float]) -> None:
        self._api = api
        self._person = person
        self._namespace = person.namespace
        self._dice = dice
        self._now = now
        self.done: dict[str, int] = {}

    async def strike(self, run: str) -> None:
        """One of them, by chance."""
        trouble = self._dice.choice(
            [self.evicted, self.deleted, self.kept_by_a_sidecar, self.orphaned, self.lost, self.refused]
        )
        await self.suffer(trouble, run)

    async def suffer(self, trouble: Callable[[str], Awaitable[None]], run: str) -> None:
        """Count it, unless there is nobody to suffer it."""
        try:
            await trouble(run)
        except (NotFoundError, ConflictError, LookupError):
            return
        except KubeError:
            return  # the API server is being restarted
        name = getattr(trouble, "__name__", "trouble")
        self.done[name] = self.done.get(name, 0) + 1

    async def evicted(self, run: str) -> None:
        """By the API, as a drain does."""
        pod = await self._pod(run)
        await self._disrupt(pod, "EvictionByEvictionAPI")
        await self._api.delete(PODS, self._namespace, pod["metadata"]["name"], pod["metadata"]["uid"])

    async def deleted(self, run: str) -> None:
        """By hand."""
        pod = await self._pod(run)
        await self._api.delete(PODS, self._namespace, pod["metadata"]["name"], pod["metadata"]["uid"])

    async def kept_by_a_sidecar(self, run: str) -> None:
        """The program ends, and what was injected beside it goes on."""
        pod = await self._pod(run)
        if pod["status"].get("phase") != "Running" or pod["metadata"].get("deletionTimestamp"):
            raise LookupError
        if pod["spec"]["restartPolicy"] != "Never":
            raise LookupError  # a service's program would be started again, which no fake node does
        code = self._dice.choice((0, 0, 3))
        at = stamp(self._now())
        ended = {"exitCode": code, "reason": "Completed", "startedAt": at, "finishedAt": at}
        await self._status(
            pod,
            {
                "containerStatuses": [
                    container_status(terminated=ended),
                    container_status("mesh", ready=True, running={"startedAt": at}),
                ]
            },
        )

    async def refused(self, run: str) -> None:
        """By its kubelet, before a container began."""
        pod = await self._pod(run)
        if pod["status"].get("phase") != "Pending" or pod["metadata"].get("deletionTimestamp"):
            raise LookupError
        await self._status(pod, {"phase": "Failed", "reason": "NodeAffinity", "message": "refused"})

    async def orphaned(self, run: str) -> None:
        """A plain DELETE of the Job: its pods stay."""
        await self._delete_job(run, "orphan")

    async def lost(self, run: str) -> None:
        """The Job is deleted, and its pods with it."""
        await self._delete_job(run, "background")

    async def runs_on_dead_node(self, run: str) -> None:
        """A pod that was put on the dead node is said to run there."""
        pod = await self._pod(run)
        if pod["spec"].get("nodeName") != DEAD or pod["status"].get("phase") != "Pending":
            raise LookupError
        running = container_status(ready=True, running={"startedAt": stamp(self._now())})
        ready = {"type": "Ready", "status": "True"}
        status = {"phase": "Running", "conditions": [ready], "containerStatuses": [running]}
        await self._status(pod, status)

    async def node_is_heard_again(self, _: str) -> None:
        """Pods of a node whose heartbeat was late are called unready; a kubelet takes that back, a fake node does not."""
        async for pod in self._api.list_objects(PODS, namespace=self._namespace):
            status = pod["status"]
            conditions = {one["type"]: one for one in status.get("conditions", ())}
            main = next((c for c in status.get("containerStatuses", ()) if c["name"] == "main"), {})
            runs = "running" in main.get("state", {}) and not pod["metadata"].get("deletionTimestamp")
            if runs and conditions.get("Ready", {}).get("status") == "False":
                conditions["Ready"] = {"type": "Ready", "status": "True"}
                await self._status(pod, {"conditions": [*conditions.values()]})

    async def _pod(self, run: str) -> Any:
        selector = f"run-operator.io/run={run}"
        pods = [p async for p in self._api.list_objects(PODS, namespace=self._namespace, selector=selector)]
        if not pods:
            raise LookupError
        return self._dice.choice(pods)

    async def _disrupt(self, pod: Any, by: str) -> None:
        mark = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": by,
            "lastTransitionTime": stamp(self._now()),
        }
        await self._status(pod, {"conditions": [*pod["status"].get("conditions", ()), mark]})

    async def _status(self, pod: Any, status: dict[str, Any]) -> None:
        metadata = {"resourceVersion": pod["metadata"]["resourceVersion"]}
        body = {"metadata": metadata, "status": status}
        await self._api.patch(PODS, self._namespace, pod["metadata"]["name"], body, subresource="status")

    async def _delete_job(self, run: str, cascade: str) -> None:
        flags = ("--wait=false", f"--cascade={cascade}")
        done = await asyncio.to_thread(self._person.kubectl, "delete", "job", run, *flags, check=False)
        if done.returncode:
            raise LookupError
