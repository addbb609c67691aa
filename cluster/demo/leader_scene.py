"""The demo's scene of two operators: the one that leads is deleted while a Run stops, and the other one finishes the stop."""

from __future__ import annotations

from typing import Final

from cluster.demo.scenes import TRAIN, title
from cluster.demo.stage import NAMESPACE, Stage, say
from cluster.errors import ClusterError

OPERATOR: Final = "run-operator"
"""The namespace, and the Lease in it."""


def play(stage: Stage) -> None:
    """The Run of `scenes.stop_and_resume` is stopped and resumed once more, while the leader's pod is deleted."""
    title("The operator's leader is deleted while a Run stops: the other replica finishes the stop")
    before = _leader(stage)
    count = len(_attempts(stage))
    stage.show("patch", "run", TRAIN, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    say(f"\n$ kubectl -n {OPERATOR} delete pod {before}")
    say(stage.run("delete", "pod", before, "--wait=false", namespace=OPERATOR).strip())
    stage.follow(TRAIN, "STOPPED")
    after = stage.until("another leader", lambda: other if (other := _leader(stage)) != before else "")
    say(f"  {after} leads now")
    stage.show("patch", "run", TRAIN, "--type=merge", "-p", '{"spec":{"suspend":false}}')
    stage.follow(TRAIN, "RUNNING")
    attempts = _attempts(stage)
    if len(attempts) != count + 1:
        raise ClusterError(f"one attempt more than {count} was expected in {NAMESPACE}/{TRAIN}: {attempts}")
    say(f"  attempt {attempts[-1]} runs; no attempt was lost or doubled")


def _leader(stage: Stage) -> str:
    """The pod that holds the Lease; empty while nobody does."""
    holder = stage.run(
        "get", "lease", "run-operator", "-o=jsonpath={.spec.holderIdentity}", namespace=OPERATOR
    )
    return holder.partition("_")[0]


def _attempts(stage: Stage) -> list[str]:
    """The numbers of the Run's attempts."""
    return stage.run("get", "run", TRAIN, "-o=jsonpath={.status.attempts[*].attempt}").split()
