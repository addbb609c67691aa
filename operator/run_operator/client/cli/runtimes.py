"""`runctl runtimes` and `runctl explain-runtime`: which kinds run here, and the objects that a document becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from run_operator.api.conditions import find
from run_operator.api.raw import mapping, mappings, text
from run_operator.api.runtime_object import ACCEPTED, CLUSTER_KIND, NAMESPACED_KIND
from run_operator.client.cli import output as shown
from run_operator.client.cli.options import cluster_options, connect
from run_operator.client.errors import EntityNotExistsError
from run_operator.client.terminal_text import visible
from run_operator.kube.resource import CLUSTER_RUNTIMES, RUNTIMES

if TYPE_CHECKING:
    from run_operator.client.cluster import Cluster

KINDS = (CLUSTER_KIND, NAMESPACED_KIND)


@click.command("runtimes")
@cluster_options()
def runtimes_command(namespace: str | None, context: str | None, kubeconfig: str | None) -> None:
    """List the kinds that Runtimes of the namespace and ClusterRuntimes provide, and whether they can be used."""
    rows = []
    for raw in _of_cluster(connect(namespace, context, kubeconfig)):
        condition = find(mappings(mapping(raw.get("status")).get("conditions")), ACCEPTED) or {}
        kinds = ", ".join(map(text, mapping(raw.get("spec")).get("kinds") or ()))
        state = text(condition.get("status")) or "Unknown"
        said = "" if state == "True" else visible(text(condition.get("message")))
        rows.append([text(raw["metadata"].get("name")), _kind(raw), kinds, state, said])
    shown.table(["NAME", "KIND", "STANDS FOR", "ACCEPTED", "MESSAGE"], rows)


@click.command("explain-runtime")
@click.argument("kind", metavar="KIND")
@click.option(
    "-f",
    "--filename",
    type=click.Path(exists=True, dir_okay=False),
    help="A Run's document: show the objects that the operator would make of it.",
)
@click.option(
    "--function",
    type=click.Path(exists=True, dir_okay=False),
    help="The export of the Function that the document names.",
)
@click.option(
    "--runtime",
    type=click.Path(exists=True),
    multiple=True,
    help="A file or a folder with Runtimes. Default: the Runtimes of the cluster.",
)
@cluster_options()
def explain_runtime_command(
    kind: str,
    filename: str | None,
    function: str | None,
    runtime: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> None:
    """Show which fields a kind takes; with -f, the objects that a document would become. Nothing is created.

    \u0008
    Example:
      runctl explain-runtime sklearnserve+serve --runtime manifests/runtimes/sklearnserve.yaml -f runs-3f2a.yaml
    """
    label = kind.removesuffix(":run")
    if runtime:
        found, where = [raw for name in runtime for raw in _of_files(Path(name))], namespace or "default"
    else:
        cluster = connect(namespace, context, kubeconfig)
        found, where = list(_of_cluster(cluster)), cluster.namespace
    lines, notes = _explained(label, found, where, filename, function)
    shown.data(lines)
    for note in notes:
        click.echo(f"runctl: note: {note}", err=True)


def _explained(
    label: str, found: list[Mapping[str, Any]], namespace: str, filename: str | None, function: str | None
) -> tuple[str, tuple[str, ...]]:
    """The text to print. Raises ClickException."""
    from run_operator.client.documents import object_of
    from run_operator.document.known_fields import USED
    from run_operator.document.yaml_writer import write
    from run_operator.runtimes.explain import ExplainError, counting, fields_of, objects_of

    view = counting(found, label, namespace)
    if view is None:
        if label in USED:
            raise click.ClickException(f"{label} is built in: docs/fields.md lists its fields")
        raise click.ClickException(
            f"no Runtime defines {label}; runctl runtimes lists the kinds of the cluster"
        )
    try:
        if filename is None:
            rows = [f"{name}\t{kind}\t{default}\t{said}" for name, kind, default, said in fields_of(view)]
            return "\n".join([f"# {view.place}: field, type, default, meaning", *rows, ""]), ()
        raw = object_of(Path(filename).read_bytes())
        if text(raw["spec"].get("kind")).removesuffix(":run") != label:
            raise click.ClickException(f"{filename} is of kind {raw['spec'].get('kind')}, not of {label}:run")
        raw["metadata"]["namespace"] = namespace
        given = object_of(Path(function).read_bytes()) if function else None
        made, notes = objects_of(view, raw, given)
    except ExplainError as error:
        raise click.ClickException(f"{view.place}: {error}") from error
    return "---\n".join(write(one) for one in made), notes


def _of_cluster(cluster: Cluster) -> Iterator[Mapping[str, Any]]:
    """Runtimes of the namespace, then ClusterRuntimes; none where the CRDs are not there."""
    for resource in (RUNTIMES, CLUSTER_RUNTIMES):
        try:
            for page in cluster.list(resource, everywhere=not resource.is_namespaced):
                yield from ({"kind": resource.kind, **raw} for raw in page.get("items") or ())
        except EntityNotExistsError:
            continue


def _of_files(path: Path) -> Iterator[Mapping[str, Any]]:
    import yaml

    for file in sorted(path.glob("*.yaml")) if path.is_dir() else (path,):
        try:
            found = list(yaml.safe_load_all(file.read_text()))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise click.ClickException(f"{file} is not YAML: {' '.join(str(error).split())[:200]}") from error
        yield from (raw for raw in found if isinstance(raw, dict) and raw.get("kind") in KINDS)


def _kind(raw: Mapping[str, Any]) -> str:
    return NAMESPACED_KIND if raw["metadata"].get("namespace") else CLUSTER_KIND
