"""`runctl version`: of the client, of the CRDs, of the operator, and whether they fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from run_operator import __version__
from run_operator.api.raw import mapping, text
from run_operator.client.cli import output as shown
from run_operator.client.cli.options import cluster_options, connect
from run_operator.client.errors import EntityNotExistsError, ForbiddenError
from run_operator.kube.resource import DEPLOYMENTS, RUNS, Resource

if TYPE_CHECKING:
    from run_operator.client.cluster import Cluster

LABEL: Final = "app.kubernetes.io/version"
DEFINITIONS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"
)
UNKNOWN: Final = "unknown"
NONE: Final = "none"
OPERATOR: Final = "app.kubernetes.io/name=run-operator"


@click.command("version")
@cluster_options()
@click.option("--client", is_flag=True, help="Show the version of the client only, without a cluster.")
def version_command(namespace: str | None, context: str | None, kubeconfig: str | None, client: bool) -> None:
    """Versions of client, CRDs and operator. Exit code 1 if their minor versions differ."""
    if client:
        click.echo(__version__)
        return
    cluster = connect(namespace, context, kubeconfig)
    rows = [["client", __version__, ""], ["CRDs", *_definitions(cluster)], ["operator", *_operator(cluster)]]
    shown.table(["WHAT", "VERSION", ""], rows)
    known = [row[1] for row in rows if row[1] not in (UNKNOWN, NONE)]
    if len({_minor(one) for one in known}) > 1:
        raise click.ClickException(
            "the minor versions differ: upgrade the CRDs, then the operator, then the client"
        )


def _definitions(cluster: Cluster) -> list[str]:
    path = DEFINITIONS.path(name=f"{RUNS.plural}.{RUNS.group}")
    return _found(cluster, path, "CustomResourceDefinitions", "none: kubectl apply -k crds")


def _operator(cluster: Cluster) -> list[str]:
    query = {"labelSelector": OPERATOR}
    return _found(
        cluster,
        DEPLOYMENTS.path(),
        "Deployments of all namespaces",
        "none: kubectl apply -k manifests/base",
        query,
    )


def _found(
    cluster: Cluster, path: str, what: str, missing: str, query: Mapping[str, str] | None = None
) -> list[str]:
    """Version, and where it is from or why it is not known. Raises BackendError."""
    try:
        answer = cluster.json("GET", path, query)
    except ForbiddenError:
        return [UNKNOWN, f"you are not allowed to read {what}"]
    except EntityNotExistsError:
        return [NONE, missing]
    objects = answer.get("items", [answer])
    if not objects:
        return [NONE, missing]
    metadata = mapping(objects[0].get("metadata"))
    where = f"namespace {metadata['namespace']}" if metadata.get("namespace") else ""
    return [text(mapping(metadata.get("labels")).get(LABEL)) or UNKNOWN, where]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
