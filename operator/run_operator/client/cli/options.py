"""Options that many verbs share: the cluster, the Runs, the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from run_operator.client.cli.exit_codes import Several

if TYPE_CHECKING:
    from run_operator.client.cluster import Cluster
    from run_operator.client.run import Run

Decorator = Callable[[Any], Any]
COMPLETION_SECONDS = 3.0


def cluster_options(everywhere: bool = False) -> Decorator:
    """-n, --context, --kubeconfig, and -A where a verb can do with all namespaces."""
    options: list[Decorator] = [
        click.option(
            "-n",
            "--namespace",
            help="The namespace. Default: that of the context.",
            shell_complete=_namespaces,
        ),
        click.option("--context", help="A context of the kubeconfig.", shell_complete=_contexts),
        click.option(
            "--kubeconfig",
            type=click.Path(),
            help="The kubeconfig file. Default: the variable KUBECONFIG, else ~/.kube/config.",
        ),
    ]
    if everywhere:
        options.append(click.option("-A", "--all-namespaces", is_flag=True, help="Runs of all namespaces."))
    return _all(options)


def run_argument(many: bool = False) -> Decorator:
    """The name, id or key of a Run, or several."""
    count: dict[str, Any] = {"nargs": -1} if many else {}
    name = "names" if many else "name"
    metavar = "RUN..." if many else "RUN"
    return click.argument(name, required=not many, metavar=metavar, shell_complete=_runs, **count)


def selector_option() -> Decorator:
    """The option `-l`: a selector of labels."""
    return click.option("-l", "--selector", default="", help="Only Runs with these labels, e.g. team=a.")


def selection_options() -> Decorator:
    """-l and --project, of verbs that take many Runs."""
    return _all([selector_option(), click.option("--project", help="Only Runs of this project.")])


def connect(namespace: str | None, context: str | None, kubeconfig: str | None) -> Cluster:
    """The cluster the options mean."""
    from run_operator.client.cluster import Cluster

    return Cluster.connect(namespace=namespace, context=context, kubeconfig=kubeconfig)


def the_run(cluster: Cluster, name: str) -> Run:
    """The Run of this name, id or key."""
    from run_operator.client.runs import get_run

    return get_run(name, cluster=cluster)


def the_runs(
    cluster: Cluster, names: tuple[str, ...], selector: str, several: Several, project: str | None = None
) -> list[Run]:
    """Those named, as far as they are there, or those selected. Raises UsageError when nothing is asked for."""
    from run_operator.client.runs import list_runs

    if bool(names) == bool(selector or project):
        raise click.UsageError("name Runs, or select them with -l or --project")
    if not names:
        found = list_runs(project, selector_labels=selector, cluster=cluster)
        if not found:
            click.echo(f"the selector matches no Run in the namespace {cluster.namespace}", err=True)
        return found
    found = []
    for name in names:
        with several.each():
            found.append(the_run(cluster, name))
    return found


def _all(options: list[Decorator]) -> Decorator:
    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _runs(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of Runs, with state and project; nothing when the cluster does not answer at once."""
    from run_operator.client.cluster import Cluster
    from run_operator.kube.resource import RUNS

    given = {key: context.params.get(key) for key in ("namespace", "context", "kubeconfig")}
    try:
        cluster = Cluster.connect(**given)
        page = cluster.page(RUNS, limit=200, deadline=COMPLETION_SECONDS)
    except Exception:  # noqa: BLE001 - a completion has nobody to tell
        return []
    found = []
    for raw in page.get("items") or ():
        name = str(raw["metadata"]["name"])
        if name.startswith(incomplete):
            summary = f"{raw.get('status', {}).get('state', '')} {raw.get('spec', {}).get('project', '')}"
            found.append(CompletionItem(name, help=summary))
    return found


def _contexts(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    from run_operator.client.kubeconfig import contexts

    return [name for name in contexts(context.params.get("kubeconfig")) if name.startswith(incomplete)]


def _namespaces(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    from run_operator.client.cluster import Cluster
    from run_operator.kube.resource import Resource

    given = {key: context.params.get(key) for key in ("context", "kubeconfig")}
    try:
        page = Cluster.connect(**given).page(
            Resource("", "v1", "namespaces", "Namespace"),
            limit=200,
            deadline=COMPLETION_SECONDS,
            everywhere=True,
        )
    except Exception:  # noqa: BLE001 - a completion has nobody to tell
        return []
    names = [str(raw["metadata"]["name"]) for raw in page.get("items") or ()]
    return [name for name in names if name.startswith(incomplete)]
