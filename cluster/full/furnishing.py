"""What a cluster needs to be useful: images, DNS, storage."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from cluster import components, dns, storage
from cluster.api import explain, kubectl
from cluster.build import build
from cluster.errors import ClusterError
from cluster.full.plan import NODE, SOCKET
from cluster.paths import Home
from cluster.processes import wait_until
from cluster.progress import step
from cluster.state import State

OPERATOR: Final = "run-operator"


def load_images(home: Home, archives: list[Path]) -> None:
    """Import archives into the cluster's container runtime; what is there already costs little."""
    state = State.load(home)
    if state is None:
        raise ClusterError(f"no cluster {home.name} is running")
    ctr = str(build("containerd") / "ctr")
    inside = ["nsenter", "-t", str(state.leftovers["inner"]["pid"]), "-m", "-n", "-p"]
    with step("loading images") as current:
        for number, path in enumerate(archives):
            current.update(path.name.rpartition("-")[0], number / len(archives))
            command = [*inside, ctr, "-a", SOCKET, "-n", "k8s.io", "images", "import", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ClusterError(f"loading {path.name} failed: {done.stderr.strip()[-400:]}")
            if path.name.startswith(f"{OPERATOR}-"):
                operator_image(home).write_text(path.name)


def operator_image(home: Home) -> Path:
    """The file that says which archive of the operator the cluster has."""
    return home.folder / "operator-image"


def furnish(home: Home, programs: Path) -> None:
    """DNS and storage, and wait for them and the node. Raises ClusterError."""
    kubectl(
        home,
        programs,
        "apply",
        "-f",
        "-",
        stdin=dns.manifest(components.SERVICE_DNS) + "---\n" + storage.manifest(),
    )
    there = wait_until(lambda: kubectl(home, programs, "get", "nodes", "-o", "name") != "", 60)
    if not there:
        raise ClusterError(explain(home))
    kubectl(home, programs, "wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=60s")
    for namespace, name in (("kube-system", "coredns"), ("local-path-storage", "local-path-provisioner")):
        kubectl(home, programs, "rollout", "status", "-n", namespace, f"deployment/{name}", "--timeout=90s")
