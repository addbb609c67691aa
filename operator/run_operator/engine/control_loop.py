"""The control loop as a table: an event wakes Runs, `decide` makes a plan of what is there, a plan leads to these writes.

`tests/unit/engine/test_control_loop.py` holds the code to it: nobody else is woken, and nothing else is written.
"""

from __future__ import annotations

from typing import Final

from run_operator.kube.resource import (
    CLAIMS,
    CLUSTER_RUNTIMES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    FUNCTIONS,
    JOBS,
    PODS,
    REPLICA_SETS,
    RUNS,
    RUNTIMES,
    SERVICES,
    TASKS,
    Resource,
)  # fmt: skip
from run_operator.lifecycle import model, plan

ITSELF: Final = "the Run itself"
ITS_OWNER: Final = "the Run that owns it"
ITS_USERS: Final = "the Runs whose last plan looked for it"

EVENTS: Final[dict[Resource, str]] = {
    RUNS: ITSELF,
    **dict.fromkeys((JOBS, DEPLOYMENTS, SERVICES, PODS), ITS_OWNER),
    **dict.fromkeys((FUNCTIONS, TASKS, RUNTIMES, CLUSTER_RUNTIMES, CONFIG_MAPS), ITS_USERS),
}
"""Whom an event of this kind wakes. Beside events, a plan's own `wake_at` does."""

decide: Final = plan.plan
OF_ANOTHER: Final = Resource("*", "*", "*", "*")  # an operator, whose kind a ClusterRuntime names
STATUS: Final = ("patch", RUNS)
"""How `Plan.status` is written, before everything else in the plan."""
WRITES: Final[dict[type[model.Action], tuple[tuple[str, Resource], ...]]] = {
    model.CreateWorkload: (
        ("create", CLAIMS), ("create", CONFIG_MAPS), ("create", JOBS), ("create", DEPLOYMENTS), ("create", OF_ANOTHER),
    ),
    model.SuspendChild: (("patch", JOBS),),
    model.SetDeadline: (("patch", JOBS),),
    model.ScaleChild: (("patch", DEPLOYMENTS),),
    model.RestartChild: (("create", CLAIMS), ("create", CONFIG_MAPS), ("json_patch", DEPLOYMENTS)),
    model.CreateService: (("create", SERVICES),),
    model.PatchService: (("patch", SERVICES),),
    model.DeleteChild: (("delete", JOBS), ("delete", SERVICES)),
    model.DeletePod: (("delete", PODS),),
    model.DeleteReplicaSet: (("delete", REPLICA_SETS),),
    model.DeleteCustom: (("delete", OF_ANOTHER),),
    model.MarkFinished: (("patch", RUNS),),
    model.DeleteRun: (("delete", RUNS),),
}  # fmt: skip
"""What each action of a plan may write: the method of the client and the kind."""
