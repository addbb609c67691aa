"""`CLUSTER=current`: the cluster the person's own kubeconfig points at. Looked at, never changed here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from cluster.errors import ClusterError
from cluster.paths import cache


def chosen() -> bool:
    """Whether the person named it. A current context is never used unasked."""
    return os.environ.get("CLUSTER") == "current"


def kubeconfig() -> Path:
    """The person's kubeconfig file; of several in KUBECONFIG, what kubectl makes of them, in a file of the cache.

    Raises ClusterError when there is none.
    """
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    found = [
        path for path in (Path(one).expanduser() for one in named.split(os.pathsep) if one) if path.exists()
    ]
    if not found:
        raise ClusterError(f"CLUSTER=current, but {named} does not exist; set KUBECONFIG")
    return found[0] if len(found) == 1 else _merged(found)


def _merged(paths: list[Path]) -> Path:
    files = os.pathsep.join(map(str, paths))
    command = [_kubectl(), "config", "view", "--raw", "--flatten"]
    done = subprocess.run(
        command, env=os.environ | {"KUBECONFIG": files}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"CLUSTER=current, but {files} cannot be merged: {done.stderr.strip()[:300]}")
    cache().mkdir(parents=True, exist_ok=True)
    target = cache() / "current.kubeconfig"
    target.unlink(missing_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(done.stdout)  # with credentials: nobody else may read it
    return target


def check() -> str:
    """One line saying which cluster it is. Raises ClusterError when it does not answer."""
    path = kubeconfig()
    command = [_kubectl(), "--kubeconfig", str(path), "--request-timeout=10s", "version", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(
            f"CLUSTER=current, but the cluster of {path} does not answer: {done.stderr.strip()[:300]}"
        )
    context = subprocess.run(
        [*command[:3], "config", "current-context"], capture_output=True, text=True, check=False
    )
    return f"using the current cluster: context {context.stdout.strip()} of {path}"


def _kubectl() -> str:
    program = shutil.which("kubectl")
    if program is None:
        raise ClusterError("CLUSTER=current needs kubectl on the path")
    return program
