"""`runctl top`: from the cluster's metrics server, summed for each Run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from run_operator.api.constants import LABEL_RUN
from run_operator.client.cli import output as shown
from run_operator.client.cli.options import cluster_options, connect, selector_option
from run_operator.kube.resource import PODS, Resource

if TYPE_CHECKING:
    from run_operator.client.cluster import Cluster

POD_METRICS: Final = Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics")
SUFFIXES: Final = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip


@click.command("top")
@cluster_options(everywhere=True)
@selector_option()
def top_command(
    namespace: str | None, context: str | None, kubeconfig: str | None, all_namespaces: bool, selector: str
) -> None:
    """Show the current usage of the pods of Runs: CPU in thousandths of a core, memory in MiB. Needs metrics-server."""
    cluster = connect(namespace, context, kubeconfig)
    labels = f"{LABEL_RUN},{selector}" if selector else LABEL_RUN
    usage = _usage(cluster, labels, all_namespaces)
    pods = _items(cluster, PODS, labels, all_namespaces)
    rows: dict[tuple[str, str], list[float]] = {}
    for pod in pods:
        metadata = pod["metadata"]
        if _phase(pod) != "Running":
            continue
        row = rows.setdefault((metadata["namespace"], metadata["labels"][LABEL_RUN]), [0, 0, 0])
        cpu, memory = usage.get((metadata["namespace"], metadata["name"]), (0.0, 0.0))
        row[0], row[1], row[2] = row[0] + 1, row[1] + cpu, row[2] + memory
    if not rows:
        click.echo("none of these Runs has a running pod", err=True)
        return
    table = [
        [*key, f"{row[0]:.0f}", f"{row[1] * 1000:.0f}m", f"{row[2] / 2**20:.0f}Mi"]
        for key, row in sorted(rows.items())
    ]
    shown.table(["NAMESPACE", "RUN", "PODS", "CPU", "MEMORY"], table)


def _phase(pod: Mapping[str, Any]) -> str:
    """`Running`, ..."""
    return str((pod.get("status") or {}).get("phase", ""))


def quantity(text: str) -> float:
    """The number that a Kubernetes quantity stands for; 0 for a text that is not a quantity."""
    number = text.rstrip("numkMGTi")
    try:
        return float(number) * SUFFIXES[text[len(number) :]]
    except (ValueError, KeyError):
        return 0.0


def _usage(cluster: Cluster, labels: str, everywhere: bool) -> dict[tuple[str, str], tuple[float, float]]:
    from run_operator.client.errors import EntityNotExistsError, UnavailableError, UnsupportedError

    try:
        items = list(_items(cluster, POD_METRICS, labels, everywhere))
    except (EntityNotExistsError, UnavailableError) as error:
        if isinstance(error, UnavailableError) and not error.status:
            raise  # nobody answers at all
        raise UnsupportedError(
            "this cluster has no metrics server: runctl top needs one (metrics.k8s.io)"
        ) from error
    found = {}
    for item in items:
        used = [container.get("usage") or {} for container in item.get("containers") or ()]
        sums = [sum(quantity(str(one.get(what, "0"))) for one in used) for what in ("cpu", "memory")]
        found[item["metadata"]["namespace"], item["metadata"]["name"]] = (sums[0], sums[1])
    return found


def _items(
    cluster: Cluster, resource: Resource, labels: str, everywhere: bool
) -> Iterable[Mapping[str, Any]]:
    for page in cluster.list(resource, labels=labels, everywhere=everywhere):
        yield from page.get("items") or ()
