"""`CLUSTER=current`: the cluster the person's own kubeconfig points at. Looked at, never changed here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from cluster.errors import ClusterError


def chosen() -> bool:
    """Whether the person named it. Without being told, no current context is ever used."""
    return os.environ.get("CLUSTER") == "current"


def kubeconfig() -> Path:
    """The person's kubeconfig file."""
    named = os.environ.get("KUBECONFIG")
    path = Path(named.split(os.pathsep)[0]) if named else Path("~/.kube/config").expanduser()
    if not path.exists():
        raise ClusterError(f"CLUSTER=current, but {path} does not exist; set KUBECONFIG")
    return path


def check() -> str:
    """One line saying which cluster it is. Raises ClusterError when it does not answer."""
    path, program = kubeconfig(), shutil.which("kubectl")
    if program is None:
        raise ClusterError("CLUSTER=current needs kubectl on the path")
    command = [program, "--kubeconfig", str(path), "--request-timeout=10s", "version", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(
            f"CLUSTER=current, but the cluster of {path} does not answer: {done.stderr.strip()[:300]}"
        )
    context = subprocess.run(
        [*command[:3], "config", "current-context"], capture_output=True, text=True, check=False
    )
    return f"using the current cluster: context {context.stdout.strip()} of {path}"
