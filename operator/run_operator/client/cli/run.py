"""`runctl run` and `rerun`: a Run from the command line, followed to its end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import click

from run_operator.client.cli import output as shown
from run_operator.client.cli.durations import Seconds, Whole
from run_operator.client.cli.exit_codes import FAILED, INTERRUPTED
from run_operator.client.cli.options import cluster_options, connect

if TYPE_CHECKING:
    from run_operator.client.run import Run

FORMATS: Final = click.Choice(["yaml", "json", "name"])


def _common(command: Any) -> Any:
    """Add the options that both verbs share."""
    options: list[Callable[[Any], Any]] = [
        click.option("-e", "--env", multiple=True, metavar="NAME=VALUE", help="A variable; repeatable."),
        click.option("--name", help="The name of the Run. Default: a generated name."),
        click.option("--suspend", is_flag=True, help="Create the Run suspended; runctl resume starts it."),
        click.option("-d", "--detach", is_flag=True, help="Return when the Run is created, and do not wait."),
        click.option("--dry-run", is_flag=True, help="Print the manifest and do not send it."),
        click.option(
            "-o", "--output", type=FORMATS, help="With --dry-run: yaml (default) or json. Otherwise: name."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("run")
@click.argument("command", nargs=-1, metavar="[-- COMMAND [ARG]...]")
@cluster_options()
@click.option("--image", required=True, help="The container image.")
@click.option(
    "--kind",
    default="",
    help="The kind of the Run. Default: container+job:run, with --port container+serve:run.",
)
@click.option("--project", help="The project. Default: the namespace.")
@click.option(
    "--file", type=click.Path(dir_okay=False), help="A file to put into /shared, the working folder."
)
@click.option(
    "--volume", multiple=True, metavar="NAME:/PATH[:SIZE]", help="A new claim of this Run; repeatable."
)
@click.option("--claim", multiple=True, metavar="CLAIM:/PATH", help="An existing claim; repeatable.")
@click.option("--secret", multiple=True, help="A Secret whose keys become environment variables; repeatable.")
@click.option("--port", multiple=True, metavar="PORT[:TARGET]", help="A port of a service; repeatable.")
@click.option("--cpu", help="CPU cores, such as 500m or 2.")
@click.option("--mem", help="Memory, such as 512Mi.")
@click.option("--gpu", help="Devices.")
@click.option("--profile", help="The profile, which an administrator provides.")
@click.option("-l", "--label", multiple=True, metavar="NAME=VALUE", help="A label of the object; repeatable.")
@click.option("--retries", type=Whole(0), help="Default: 0.")
@click.option(
    "--deadline", type=Seconds(1, whole=True), help="The time that the Run may be active, such as 3600 or 2h."
)
@click.option(
    "--ttl", type=Seconds(whole=True), help="The time after its end when the Run is deleted, such as 7d."
)
@_common
def run_command(
    command: tuple[str, ...], namespace: str | None, context: str | None, kubeconfig: str | None, **given: Any
) -> None:
    """Create a Run, show its lines and wait for its end. Ctrl-C asks whether to stop it or leave it running.

    \u0008
    Example:
      runctl run --image python:3.11 --env LR=0.1 --file train.py --volume data:/data:5Gi -- python3 train.py

    Exit codes as of runctl wait.
    """
    from run_operator.client.submit import fresh_name, pairs_of, run_object

    ports = given["port"]
    kind = given["kind"] or ("container+serve:run" if ports else "container+job:run")
    stem = given["file"] or (command[0] if command else given["image"].rpartition("/")[2].partition(":")[0])
    body = run_object(
        given["name"] or fresh_name(PurePath(stem).stem),
        _spec(command, given),
        kind=kind,
        project=given["project"],
        labels=pairs_of(given["label"], "label"),
        policy=_policy(given),
        suspend=given["suspend"],
    )
    _submit(body, (namespace, context, kubeconfig), given)


@click.command("rerun")
@click.argument("run", metavar="RUN")
@cluster_options()
@click.option("--image", help="Another image.")
@_common
def rerun_command(
    run: str, namespace: str | None, context: str | None, kubeconfig: str | None, **given: Any
) -> None:
    """Create a new Run of the same document, in any state of the old one, and wait for it as runctl run does.

    \u0008
    Example:
      runctl rerun train-3f2a1 --env LR=0.05
    """
    from run_operator.client.lookup import find
    from run_operator.client.submit import pairs_of, rerun_object

    raw = find(connect(namespace, context, kubeconfig), run)
    changes = {"image": given["image"]} if given["image"] else {}
    env = pairs_of(given["env"], "variable")
    body = rerun_object(raw, given["name"], env=env, spec=changes, suspend=given["suspend"])
    _submit(body, (namespace, context, kubeconfig), given)


def _spec(command: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    from run_operator.client.submit import claim_of, pairs_of, port_of, source_of, volume_of, with_variables

    return {
        "image": given["image"],
        "command": command[0] if command else None,
        "args": list(command[1:]),
        "envs": with_variables((), pairs_of(given["env"], "variable")),
        "secrets": list(given["secret"]),
        "resources": {key: given[key] for key in ("cpu", "mem", "gpu") if given[key]},
        "volumes": [*map(volume_of, given["volume"]), *map(claim_of, given["claim"])],
        "source": source_of(given["file"]) if given["file"] else None,
        "service_ports": [port_of(port) for port in given["port"]],
        "profile": given["profile"],
    }


def _policy(given: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "backoffLimit": "retries", "activeDeadlineSeconds": "deadline", "ttlSecondsAfterFinished": "ttl",
    }  # fmt: skip
    return {field: given[option] for field, option in fields.items() if given[option] is not None}


def _submit(body: dict[str, Any], place: tuple[str | None, ...], given: dict[str, Any]) -> None:
    from run_operator.client.errors import EntityAlreadyExistsError
    from run_operator.client.run import Run
    from run_operator.document.known_fields import not_used
    from run_operator.kube.resource import RUNS

    for note in not_used(body["spec"]):
        click.echo(f"runctl: note: {note}", err=True)
    if given["dry_run"]:
        if place[0]:
            body["metadata"]["namespace"] = place[0]
        if given["output"] == "name":
            click.echo(f"run.run-operator.io/{body['metadata']['name']}")
        else:
            shown.structured(body, given["output"] or "yaml")
        return
    if given["output"] in ("yaml", "json"):
        raise click.UsageError(f"-o {given['output']} needs --dry-run; runctl get shows a Run that exists")
    cluster = connect(*place)
    name = body["metadata"]["name"]
    try:
        run = Run.from_object(cluster.create(RUNS, body), cluster)
    except EntityAlreadyExistsError as error:
        raise EntityAlreadyExistsError(
            f"the Run {name} already exists in the namespace {cluster.namespace}: use another --name, or delete it first "
            f"(runctl delete {name})",
            status=error.status,
            reason=error.reason,
        ) from error
    if given["output"] == "name":
        click.echo(f"run.run-operator.io/{run.object_name}")
    else:
        click.echo(f"run {run.object_name} is created in the namespace {cluster.namespace}", err=True)
    if not given["detach"] and not given["suspend"]:
        click.get_current_context().exit(_follow(run))


def _follow(run: Run) -> int:
    """Show states and lines until its end; the exit code it deserves."""
    from run_operator.api.conditions import State
    from run_operator.client import wait
    from run_operator.client.cli.progress import Live

    while True:
        try:
            with Live(run.object_name) as live:
                raw = wait.wait(run.cluster, run.object_name, observer=live)
            return FAILED if raw["status"].get("state") == State.ERROR else 0
        except KeyboardInterrupt:
            if not _goes_on(run):
                return INTERRUPTED


def _goes_on(run: Run) -> bool:
    """Ask on a terminal what Ctrl-C means. Elsewhere, and after a second Ctrl-C, the Run is left alone."""
    name = run.object_name
    answer = "leave"
    if sys.stdin is not None and sys.stdin.isatty():
        try:
            words = click.Choice(["stop", "leave", "wait"])
            answer = click.prompt(
                f"\nrun {name}: stop it, leave it running, or continue to wait?", type=words, err=True
            )
        except (click.Abort, KeyboardInterrupt):
            answer = "leave"
    if answer == "stop":
        run.stop()
        click.echo(f"run {name} stops; runctl resume {name} continues it", err=True)
    if answer == "leave":
        click.echo(f"run {name} continues; runctl wait {name} follows it again", err=True)
    return answer == "wait"
