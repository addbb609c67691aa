"""Commands of kubectl, runctl and Python that do the same as the page."""

from __future__ import annotations

import shlex

from run_operator.api.constants import LABEL_RUN


def commands(namespace: str, name: str) -> dict[str, dict[str, str]]:
    """Tool to action to command."""
    where, run = f"-n {shlex.quote(namespace)}", shlex.quote(name)
    stop, resume = (
        f'kubectl patch run {run} {where} --type merge -p \'{{"spec":{{"suspend":{word}}}}}\''
        for word in ("true", "false")
    )
    begin = (
        "from run_operator import Cluster, get_run\n"
        f"run = get_run({name!r}, cluster=Cluster.connect(namespace={namespace!r}))\n"
    )
    return {
        "kubectl": {
            "get": f"kubectl get run {run} {where} -o yaml",
            "logs": f"kubectl logs {where} -l {LABEL_RUN}={run} -c main --tail=-1 -f",
            "stop": stop,
            "resume": resume,
            "delete": f"kubectl delete run {run} {where}",
        },
        "runctl": {
            "get": f"runctl describe {run} {where}",
            "logs": f"runctl logs {run} {where} -f",
            "stop": f"runctl stop {run} {where}",
            "resume": f"runctl resume {run} {where}",
            "delete": f"runctl delete {run} {where}",
        },
        "python": {
            "get": begin + "print(run, run.status)",
            "logs": begin + "print(run.logs())",
            "stop": begin + "run.stop(wait=True)",
            "resume": begin + "run.resume(wait=True)",
            "delete": begin + "run.delete()",
        },
    }


def invocation(namespace: str, name: str) -> str:
    """A command that sends a request to a Run's service from outside of the cluster."""
    return f"runctl invoke {shlex.quote(name)} -n {shlex.quote(namespace)}"
