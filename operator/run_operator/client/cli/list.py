"""`runctl list` and `runctl get`: the server's own columns, or the objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from run_operator.api.conditions import State
from run_operator.client.cli import output as shown
from run_operator.client.cli.exit_codes import Several
from run_operator.client.cli.options import cluster_options, connect, run_argument, selector_option

if TYPE_CHECKING:
    from run_operator.client.cluster import Cluster

FORMATS: Final = click.Choice(["table", "wide", "name", "json", "yaml"])


class _States(click.Choice[str]):
    """No Run can be in another: the API server would select none, which looks like an answer.

    Small letters will do; click's own way with them would name the states in small letters too.
    """

    def __init__(self) -> None:
        super().__init__([str(state) for state in State])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As the base class, of the word in capitals."""
        return super().convert(str(value).upper(), param, ctx)


@click.command("list")
@cluster_options(everywhere=True)
@selector_option()
@click.option("--project", help="Only Runs of this project.")
@click.option("--state", type=_States(), help="Only Runs in this state.")
@click.option("--kind", help="Only Runs of this kind, e.g. container+job:run.")
@click.option("-o", "--output", type=FORMATS, default="table", show_default=True)
def list_command(
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    all_namespaces: bool,
    selector: str,
    project: str | None,
    state: str | None,
    kind: str | None,
    output: str,
) -> None:
    """List Runs. The comparisons are made by the API server."""
    from run_operator.api.exported import selector as fields_of

    cluster = connect(namespace, context, kubeconfig)
    fields = fields_of(project=project, kind=kind, state=state)
    how = {"labels": selector, "fields": fields, "everywhere": all_namespaces}
    if output in ("table", "wide"):
        found = _table(cluster, output == "wide", all_namespaces, how)
        if not found:
            where = "in any namespace" if all_namespaces else f"in the namespace {cluster.namespace}"
            click.echo(f"no Runs {where}" + (" that match" if fields or selector else ""), err=True)
        return
    from run_operator.kube.resource import RUNS

    items = [raw for page in cluster.list(RUNS, **how) for raw in page.get("items") or ()]  # type: ignore[arg-type]
    _objects(items, output, alone=False)


@click.command("get")
@run_argument(many=True)
@cluster_options()
@click.option("-o", "--output", type=FORMATS, default="table", show_default=True)
def get_command(
    names: tuple[str, ...], namespace: str | None, context: str | None, kubeconfig: str | None, output: str
) -> None:
    """Show Runs by name, id or key."""
    from run_operator.client.lookup import find

    if not names:
        raise click.UsageError("name a Run; runctl list shows them all")
    cluster = connect(namespace, context, kubeconfig)
    several, items = Several(), []
    for name in names:
        with several.each():
            items.append(dict(find(cluster, name)))
    if items and output in ("table", "wide"):
        _rows(items, output == "wide")
    elif items:
        _objects(items, output, alone=len(names) == 1)
    several.end()


def _table(cluster: Cluster, wide: bool, all_namespaces: bool, how: Mapping[str, Any]) -> bool:
    """The columns of the CRD, as kubectl shows them; whether there was a row."""
    from run_operator.client.cluster import TABLE
    from run_operator.kube.resource import RUNS

    header: list[str] = []
    kept: list[int] = []
    rows: list[list[Any]] = []
    for page in cluster.list(RUNS, accept=TABLE, **how):
        if page.get("columnDefinitions"):  # of the first page only
            columns = page["columnDefinitions"]
            kept = [at for at, column in enumerate(columns) if wide or not column.get("priority")]
            header = [str(columns[at]["name"]).upper() for at in kept]
        for row in page.get("rows") or ():
            rows.append([("" if row["cells"][at] is None else row["cells"][at]) for at in kept])
            if all_namespaces:
                rows[-1].insert(0, row["object"]["metadata"].get("namespace", ""))
    if rows:
        shown.table((["NAMESPACE"] if all_namespaces else []) + header, rows)
    return bool(rows)


def _rows(items: list[dict[str, Any]], wide: bool) -> None:
    header = ["NAME", "STATE", "ATTEMPT", "PROJECT", "KIND"] + (["MESSAGE"] if wide else [])
    shown.table(header, [list(_cells(raw, wide)) for raw in items])


def _cells(raw: Mapping[str, Any], wide: bool) -> Iterator[Any]:
    status, spec = raw.get("status") or {}, raw["spec"]
    yield from (raw["metadata"]["name"], status.get("state", ""), status.get("attempt", ""))
    yield from (spec.get("project", ""), spec.get("kind", ""))
    if wide:
        yield status.get("message", "")


def _objects(items: list[dict[str, Any]], output: str, *, alone: bool) -> None:
    if output == "name":
        for raw in items:
            click.echo(f"run.run-operator.io/{raw['metadata']['name']}")
        return
    for raw in items:
        raw["metadata"].pop("managedFields", None)
        raw.setdefault("apiVersion", "run-operator.io/v1alpha1")
        raw.setdefault("kind", "Run")
    shown.structured(shown.as_list(items, alone), output)
