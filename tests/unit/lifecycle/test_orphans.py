"""Pods whose Deployment was deleted and whose ReplicaSet another Deployment has adopted: the Run names what to delete."""

from __future__ import annotations

from run_operator.api.raw import stamp
from run_operator.lifecycle.model import CreateService, CreateWorkload, DeleteReplicaSet, Observed, Refusal
from run_operator.lifecycle.orphans import ADOPTED
from tests.support.builders import NOW, replica, serve
from tests.support.planning import condition, kinds, status_of, step

REFUSAL = Refusal(
    ADOPTED, "Deployment other controls pods of this Run now: delete Deployment other", final=False
)


def test_a_run_whose_pods_another_deployment_adopted_says_what_to_delete_and_goes_on_when_they_are_gone():
    since = [{"status": "STOP", "time": stamp(NOW)}]
    stopping = serve(status=status_of("STOP", transitions=since))
    theirs = Observed(pods=(replica(),), fresh=True)
    made = step(stopping, theirs, NOW + 10)
    assert made.actions == (DeleteReplicaSet("hello-5d8", "replica-set-1"),)
    refused = step(serve(status=made.status), Observed(pods=(replica(),), refusal=REFUSAL), NOW + 11)
    assert (refused.status["state"], refused.status["message"]) == ("STOP", REFUSAL.message)
    assert condition(refused, "Running")["reason"] == ADOPTED
    assert [(event.type, event.reason) for event in refused.events] == [("Warning", ADOPTED)]
    again = step(serve(status=refused.status), theirs, NOW + 30)
    assert (again.status, again.events, kinds(again)) == (None, (), [DeleteReplicaSet])
    still = step(serve(status=refused.status), Observed(pods=(replica(),), refusal=REFUSAL), NOW + 31)
    assert (still.status, still.events) == (None, ())
    gone = step(serve(status=refused.status), Observed(fresh=True), NOW + 60)
    assert (gone.status["state"], kinds(gone)) == ("PENDING", [CreateService, CreateWorkload])
