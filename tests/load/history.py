"""What happened in a namespace, event by event in the API server's own order, held against the truth rules.

resourceVersions of one etcd are one sequence over all kinds, so that events of Runs and pods can be put in order
after the fact, exactly.
"""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass, field
from typing import Any

from run_operator.kube import config
from run_operator.kube.client import Api
from run_operator.kube.errors import ExpiredError, KubeError
from run_operator.kube.fence import Unfenced
from run_operator.kube.resource import PODS, RUNS, Resource
from tests.load.troubles import DEAD
from tests.support.harness import Person

OVER = ("COMPLETED", "ERROR")
LABEL_RUN = "run-operator.io/run"
LABEL_ATTEMPT = "run-operator.io/attempt"
GAP = "GAP"
"""From here to the next HOLE of the same kind nothing of it is known."""
HOLE = "HOLE"
WATCHED = 3
"""Seconds a watch is open, and so until the recording has ended."""


class Recording:
    """Two watches of one namespace, each through restarts of the API server, in threads of their own."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._stop = threading.Event()
        os.environ["KUBECONFIG"] = str(person.kubeconfig)
        self._events: list[tuple[int, dict[str, Any]]] = []
        self._threads = [threading.Thread(target=self._follow, args=(kind,)) for kind in (RUNS, PODS)]
        for one in self._threads:
            one.start()

    def stop(self) -> list[dict[str, Any]]:
        """End the watches; all events, in order."""
        self._stop.set()
        for one in self._threads:
            one.join()
        return [event for _, event in sorted(self._events, key=lambda one: one[0])]

    def _follow(self, resource: Resource) -> None:
        asyncio.run(self._watch(resource))

    async def _watch(self, resource: Resource) -> None:
        configuration = await config.load(2)
        api = Api(configuration, Unfenced(), lambda *_: None, "recording")
        try:
            version = await self._listed(api, resource)
            while not self._stop.is_set():
                try:
                    async for event in api.watch(
                        resource, namespace=self._person.namespace, version=version, seconds=WATCHED
                    ):
                        version = str(event["object"]["metadata"]["resourceVersion"])
                        if event["type"] != "BOOKMARK":
                            self._events.append((int(version), dict(event)))
                except ExpiredError:  # an API server that was restarted remembers nothing from before
                    self._events.append((int(version), {"type": GAP, "kind": resource.kind}))
                    version = await self._listed(api, resource)
                except KubeError:
                    await asyncio.sleep(0.2)
        finally:
            await api.close()

    async def _listed(self, api: Api, resource: Resource) -> str:
        """What is there, in place of events that nobody can tell any more; returns its version."""
        while True:
            try:
                items: list[Any] = []
                async for page in api.pages(resource, namespace=self._person.namespace):
                    version = str(page["metadata"]["resourceVersion"])
                    items += page.get("items") or ()
            except KubeError:
                await asyncio.sleep(0.2)
                continue
            found = {"type": HOLE, "kind": resource.kind, "items": items}
            self._events.append((int(version), found))
            return version


@dataclass
class Judge:
    """Goes through a history; `broken` says which rule was broken when."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    live: dict[str, dict[str, int]] = field(default_factory=dict)
    """Run -> pod -> attempt, of pods that can write."""
    broken: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    """Runs of which a program did its work."""
    states: dict[str, int] = field(default_factory=dict)
    """How often each state was entered."""
    blind: set[str] = field(default_factory=set)
    """Kinds of which nothing is known at the moment."""

    def hear(self, event: dict[str, Any]) -> None:
        """One event."""
        if event["type"] == GAP:
            self.blind.add(event["kind"])
            return
        if event["type"] == HOLE:
            self.blind.discard(event["kind"])
            self._begin_again(event["kind"], event["items"])
            return
        item = event["object"]
        if item["kind"] == "Pod":
            self._pod(event["type"], item)
        elif event["type"] != "DELETED":
            self._run(item)

    def _begin_again(self, kind: str, items: list[Any]) -> None:
        """The rules say nothing about what happened in a hole of the history."""
        if kind == RUNS.kind:
            self.runs = {item["metadata"]["name"]: item.get("status", {}) for item in items}
            self.done |= {name for name, status in self.runs.items() if status.get("state") == "COMPLETED"}
            return
        self.live = {}
        for pod in items:
            self._program(str(pod["metadata"].get("labels", {}).get(LABEL_RUN)), pod)
            if not _cannot_write(pod) and pod.get("spec", {}).get("nodeName") != DEAD:
                labels = pod["metadata"].get("labels", {})
                pods = self.live.setdefault(str(labels.get(LABEL_RUN)), {})
                pods[pod["metadata"]["name"]] = int(labels.get(LABEL_ATTEMPT, 0))

    def _pod(self, what: str, pod: dict[str, Any]) -> None:
        labels, name = pod["metadata"].get("labels", {}), pod["metadata"]["name"]
        run, attempt = labels.get(LABEL_RUN), int(labels.get(LABEL_ATTEMPT, 0))
        pods = self.live.setdefault(str(run), {})
        self._program(str(run), pod)
        if pod.get("spec", {}).get("nodeName") == DEAD:
            pods.pop(name, None)  # given up after its time, as the policy of these Runs says
            return
        if what == "DELETED" or _cannot_write(pod):
            pods.pop(name, None)
            return
        status = self.runs.get(str(run), {})
        if name not in pods:
            first = (
                attempt == 1 and status.get("state", "CREATED") == "CREATED"
            )  # its Job comes before its status
            recorded = first or status.get("attempt", 0) >= attempt
            self._rule(run, recorded, f"pod {name} of attempt {attempt} is not recorded")
            self._rule(
                run,
                status.get("state") not in (*OVER, "STOPPED"),
                f"pod {name} is made while {status.get('state')}",
            )
        pods[name] = attempt
        self._rule(run, len(set(pods.values())) == 1, f"pods of two attempts can write: {pods}")

    def _program(self, run: str, pod: dict[str, Any]) -> None:
        """Whether a program came to a good end by itself: nobody had asked its pod to end."""
        for container in pod.get("status", {}).get("containerStatuses", ()):
            ended = container["state"].get("terminated") if container["name"] == "main" else None
            if ended and ended["exitCode"] == 0 and not pod["metadata"].get("deletionTimestamp"):
                self.done.add(run)

    def _run(self, item: dict[str, Any]) -> None:
        name, status = item["metadata"]["name"], item.get("status", {})
        old = self.runs.get(name, {})
        state, before = status.get("state"), old.get("state")
        if state != before:
            self.states[str(state)] = self.states.get(str(state), 0) + 1
            if state in (*OVER, "STOPPED"):
                self._rule(name, not self.live.get(name), f"{state} while {self.live.get(name)} can write")
        self._rule(
            name, state != "COMPLETED" or name in self.done, "COMPLETED, though no program did its work"
        )
        self._rule(name, before not in OVER or state == before, f"{before} became {state}")
        step = status.get("attempt", 0) - old.get("attempt", 0)
        found = not old.get("attempt")  # a first Job that was deleted before its attempt was stored
        self._rule(name, step in (0, 1) or (found and step == 2), f"the attempt number moved by {step}")
        self.runs[name] = status

    def _rule(self, run: Any, holds: bool, text: str) -> None:
        if not holds and not self.blind:
            self.broken.append(f"{run}: {text}")


def _cannot_write(pod: dict[str, Any]) -> bool:
    """Whether it has ended, or is being deleted without a node: the API server gives it none any more."""
    never_begins = pod["metadata"].get("deletionTimestamp") and not pod.get("spec", {}).get("nodeName")
    return bool(never_begins) or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
