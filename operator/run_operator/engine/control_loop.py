"""The control loop as a table: an event causes a look at Runs, a look makes a plan, a plan leads to these writes.

`tests/unit/engine/test_control_loop.py` holds the code to it: no other Run is looked at, and nothing else is written.
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

ITSELF: Final = "the Run itself, and the pipeline that it is a step of"
ITS_OWNER: Final = "the Run that owns it"
ITS_USERS: Final = "the Runs whose last plan looked for it"

EVENTS: Final[dict[Resource, str]] = {
    RUNS: ITSELF,
    **dict.fromkeys((JOBS, DEPLOYMENTS, SERVICES, PODS), ITS_OWNER),
    **dict.fromkeys((FUNCTIONS, TASKS, RUNTIMES, CLUSTER_RUNTIMES, CONFIG_MAPS), ITS_USERS),
}
"""The Runs that are looked at after an event of this kind. A plan's own `wake_at` leads to a look too."""

decide: Final = plan.plan
OF_ANOTHER: Final = Resource("*", "*", "*", "*")  # an operator, whose kind a ClusterRuntime names
STATUS: Final = ("patch", RUNS)
"""The write of `Plan.status`, before everything else in the plan."""
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
    model.DeleteCustom: (("delete", OF_ANOTHER),), model.PatchCustom: (("patch", OF_ANOTHER),),
    model.MarkFinished: (("patch", RUNS),),
    model.DeleteRun: (("delete", RUNS),),
    model.CreateRun: (("create", RUNS),), model.SuspendRun: (("patch", RUNS),),  # steps of a pipeline
}  # fmt: skip
"""The writes of each action of a plan: method of the client, and kind."""
