"""`runctl list` and `runctl get`: the server's own columns, or the objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from run_operator.api.conditions import State
from run_operator.api.exported import project_of
from run_operator.client.cli import output as shown
from run_operator.client.cli.exit_codes import Several
from run_operator.client.cli.options import cluster_options, connect, run_argument, selector_option

if TYPE_CHECKING:
    from run_operator.client.cluster import Cluster

FORMATS: Final = click.Choice(["table", "wide", "name", "json", "yaml"])


OWN_NAME: Final = "Run-Name"
"""The column with the name in the document: the SDK gives a Run one beside its id since 0.16."""
GIVING_WAY: Final = ("SUMMARY", "ATTEMPT", "AGE", "REASON")
"""On a narrow terminal, in this order; NAME, RUN-NAME and STATE never do."""
WORDS: Final = ("name", "state", "created")
"""Values of --sort beside names of metrics."""


@dataclass(frozen=True)
class _Chosen:
    """The Runs a person asks for."""

    cluster: Cluster
    labels: str
    everywhere: bool
    project: str | None
    kind: str | None
    state: str | None

    def pages(self, **how: Any) -> Iterator[dict[str, Any]]:
        """From the API server, whose comparisons they are."""
        from run_operator.api.exported import selectors
        from run_operator.kube.resource import RUNS

        place = "" if self.everywhere else self.cluster.namespace
        for fields in selectors(place, project=self.project, kind=self.kind, state=self.state):
            yield from self.cluster.list(
                RUNS, labels=self.labels, fields=fields, everywhere=self.everywhere, **how
            )

    @property
    def none(self) -> str:
        """The line that is printed when there are no Runs."""
        where = "in any namespace" if self.everywhere else f"in the namespace {self.cluster.namespace}"
        narrow = self.labels or self.project or self.kind or self.state
        return f"no Runs {where}" + (" that match" if narrow else "")


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
@click.option(
    "-m", "--metric", "metrics", multiple=True, help="Show the last value of this metric; repeatable."
)
@click.option(
    "--sort",
    help="Sort by the last value of a metric, or by name, state or created; -loss: the largest first.",
)
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
    metrics: tuple[str, ...],
    sort: str | None,
    output: str,
) -> None:
    """List Runs. The order of --sort is made on this machine."""
    cluster = connect(namespace, context, kubeconfig)
    chosen = _Chosen(cluster, selector, all_namespaces, project, kind, state)
    if output in ("table", "wide") and not metrics and not sort:
        if not _table(chosen, output == "wide"):
            click.echo(chosen.none, err=True)
        return
    items = [raw for page in chosen.pages() for raw in page.get("items") or ()]
    if sort:
        items = sorted_by(items, sort)
    if output not in ("table", "wide"):
        _objects(items, output, alone=False)
    elif items:
        key = (sort or "").removeprefix("-")
        shown_too = [] if key in (*WORDS, "", *metrics) else [key]
        _figures(items, [*metrics, *shown_too], all_namespaces)
    else:
        click.echo(chosen.none, err=True)


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
        raise click.UsageError("name a Run; runctl list shows all of them")
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


def sorted_by(items: Sequence[Mapping[str, Any]], sort: str) -> list[Mapping[str, Any]]:
    """By the last value of a metric, or by one of WORDS; a - before it: the other way round. Runs without it come last."""
    from run_operator.api.metric_figures import last_value

    key, backwards = sort.removeprefix("-"), sort.startswith("-")

    def value(raw: Mapping[str, Any]) -> Any:
        status, metadata = raw.get("status") or {}, raw["metadata"]
        words = {
            "name": metadata["name"], "state": status.get("state"), "created": metadata.get("creationTimestamp"),
        }  # fmt: skip
        return words[key] if key in words else last_value(status, key)

    having = [raw for raw in items if value(raw) is not None]
    return sorted(having, key=value, reverse=backwards) + [raw for raw in items if value(raw) is None]


def _figures(items: Sequence[Mapping[str, Any]], metrics: Sequence[str], all_namespaces: bool) -> None:
    from run_operator.api.metric_figures import last_value
    from run_operator.client.terminal_text import short

    rows = []
    for raw in items:
        status = raw.get("status") or {}
        values = [last_value(status, metric) for metric in metrics]
        where = [raw["metadata"].get("namespace", "")] if all_namespaces else []
        row = [raw["metadata"]["name"], status.get("state", ""), status.get("attempt", "")]
        rows.append([*where, *row, *("-" if value is None else short(value, 6) for value in values)])
    head = (["NAMESPACE"] if all_namespaces else []) + ["NAME", "STATE", "ATTEMPT"]
    shown.table([*head, *(metric.upper() for metric in metrics)], rows)


def _table(chosen: _Chosen, wide: bool) -> bool:
    """The columns of the CRD, as kubectl shows them; whether there was a row."""
    from run_operator.client.cluster import TABLE

    all_namespaces = chosen.everywhere
    header: list[str] = []
    kept: list[int] = []
    rows: list[list[Any]] = []
    messages: list[str] = []
    for page in chosen.pages(accept=TABLE):
        if page.get("columnDefinitions"):  # of the first page of a list only
            columns = page["columnDefinitions"]
            kept = [
                at
                for at, column in enumerate(columns)
                if wide or not column.get("priority") or column["name"] == OWN_NAME
            ]
            header = [str(columns[at]["name"]).upper() for at in kept]
            at_message = [at for at, column in enumerate(columns) if column["name"] == "Message" and not wide]
        for row in page.get("rows") or ():
            rows.append([("" if row["cells"][at] is None else row["cells"][at]) for at in kept])
            messages.append(str(row["cells"][at_message[0]] or "") if at_message else "")
            if all_namespaces:
                rows[-1].insert(0, row["object"]["metadata"].get("namespace", ""))
    if not wide:
        _drop_own_names(header, rows, offset=int(all_namespaces))
    if rows:
        shown.table(
            (["NAMESPACE"] if all_namespaces else []) + header, rows, ("MESSAGE", messages), GIVING_WAY
        )
    return bool(rows)


def _drop_own_names(header: list[str], rows: list[list[Any]], offset: int) -> None:
    """Leave out the names of the documents where each is the name of its object, or there is none."""
    if OWN_NAME.upper() not in header:
        return
    at, name = header.index(OWN_NAME.upper()), header.index("NAME")
    if any(row[at + offset] not in ("", row[name + offset]) for row in rows):
        return
    del header[at]
    for row in rows:
        del row[at + offset]


def _rows(items: list[dict[str, Any]], wide: bool) -> None:
    header = ["NAME", "STATE", "REASON", "ATTEMPT", "PROJECT", "KIND", "SUMMARY"] + (
        ["MESSAGE"] if wide else []
    )
    shown.table(header, [list(_cells(raw, wide)) for raw in items], elastic=["SUMMARY"])


def _cells(raw: Mapping[str, Any], wide: bool) -> Iterator[Any]:
    status, spec = raw.get("status") or {}, raw["spec"]
    yield from (raw["metadata"]["name"], status.get("state", ""), status.get("reason", ""))
    yield from (
        status.get("attempt", ""),
        project_of(raw),
        spec.get("kind", ""),
        status.get("metricsSummary", ""),
    )
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
