"""The truth rules of the model in `world.py`: what must hold at every moment, at every write of a status, and at the end."""

from __future__ import annotations

import itertools
from typing import Any

from run_operator.api.constants import LABEL_ATTEMPT
from tests.support.lifecycle_page import transitions
from tests.support.world_cluster import ClusterWorld, copied

OVER = ("COMPLETED", "ERROR")


class RuledWorld(ClusterWorld):
    """A cluster whose Run is held to the rules."""

    def check(self) -> None:
        """Rules that hold at every moment."""
        status = self.run["status"]
        live = [pod for pod in self.pods.values() if self._can_write(pod)]
        attempts = {pod["metadata"]["labels"][LABEL_ATTEMPT] for pod in live}
        self._rule(len(attempts) <= 1, f"pods of attempts {attempts} live at once")
        self._rule(len(self.jobs) <= 1, "two Jobs")
        if status["state"] in OVER:
            self._rule(not live, f"{status['state']} while a pod can write")
        known = status.get("attempt", 0)
        allowed = known or int(status["state"] == "CREATED")  # the first Job comes before its status
        for number in attempts if known or not self.lost else ():
            self._rule(int(number) <= allowed, "a pod of an attempt that is not recorded")

    def _store_status(self, status: dict[str, Any]) -> None:
        seen = {pod.uid for pod in self.seen[1]}
        live = [
            pod
            for uid, pod in self.pods.items()
            if self._can_write(pod) and (uid in seen or not self.by_hand)
        ]
        old = self.run["status"]  # a Job let go by hand makes pods that no stream may have shown yet
        said = old["state"] == "STOPPED" or status["state"] != "STOPPED" or not live
        self._rule(said, "STOPPED is said while a pod can write")
        self._rule(
            old["state"] not in OVER or status["state"] == old["state"], f"{old['state']} was not final"
        )
        self._rule(status["state"] != "COMPLETED" or self.done, "COMPLETED, though no program did its work")
        stopped = old["state"] in ("STOP", "STOPPED") and status["state"] == "ERROR"
        self._rule(not stopped or self.failed, "a stop became ERROR, though no program failed by itself")
        step = status.get("attempt", 0) - old.get("attempt", 0)
        found = old["state"] == "CREATED" and not old.get("attempt")
        self._rule(step in (0, 1) or found, f"the attempt number moves by {step}")
        self._rule(step == 0 or found or not live, "the next attempt is counted while a pod can write")
        self._follows_arrows(old, status)
        self.run["status"] = copied(status)
        self._touch(self.run)

    def _follows_arrows(self, old: dict[str, Any], status: dict[str, Any]) -> None:
        """Each change of state is one of those that docs/lifecycle.md draws; one write may hold several."""
        before = len(old.get("transitions", ()))
        entered = status.get("transitions", [])[: len(status.get("transitions", [])) - before]
        way = [old["state"], *(entry["status"] for entry in reversed(entered))]
        for one, next_one in itertools.pairwise(way):
            self._rule((one, next_one) in transitions(), f"there is no way from {one} to {next_one}")

    def settled(self) -> None:
        """What must be true once nothing moves any more."""
        state, suspend = self.run["status"]["state"], self.run["spec"]["suspend"]
        expected = {"STOPPED", *OVER} if suspend else {"RUNNING", "PENDING", *OVER}
        self._rule(state in expected, f"stuck in {state}, suspend is {suspend}")
        self._rule(not self.won or state == "COMPLETED", f"{state}, though the Job completed")
        if not suspend and not self.queue:
            self._rule(state != "PENDING", "stuck in PENDING")
