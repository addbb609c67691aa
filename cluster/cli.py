"""`python -m cluster up|down|status|kubeconfig|images`."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Final

import click

from cluster import authentication, control_plane, current, full, images, prerequisites, s3
from cluster.api import kubectl
from cluster.build import BESIDE, MODULE_NAMES, build, link_kubectl
from cluster.errors import ClusterError
from cluster.locks import alone
from cluster.paths import Home
from cluster.processes import with_arguments
from cluster.state import State, known
from cluster.supervise import MODULE

INTERRUPTED: Final = 130
SHAPES: Final = ("full", "control-plane")
NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?")


def _default_shape() -> str:
    return "full" if os.geteuid() == 0 else "control-plane"


def _checked_name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter("use at most 20 of a-z, 0-9 and -")
    return value


name_option = click.option(
    "--name", default="dev", show_default=True, callback=_checked_name, help="Which cluster; several may run."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """A throw-away real Kubernetes 1.35, built from Go modules.

    With CLUSTER=current in the environment every command is about the cluster your kubeconfig points at instead.
    """


@cli.command()
@name_option
@click.option("--shape", type=click.Choice(SHAPES), default=_default_shape, help="Default: full as root.")
@click.option("--audit", is_flag=True, help="Write an audit log of every write (control-plane).")
@click.option("--restarts", is_flag=True, help="Restart components that die (control-plane).")
@click.option(
    "--s3", "with_s3", is_flag=True, help="An S3 server too, for file stores; its first build takes minutes."
)
@click.option(
    "--registry",
    "with_registry",
    is_flag=True,
    help="A registry too, for images that are built (full); its first build takes minutes.",
)
def up(name: str, shape: str, audit: bool, restarts: bool, with_s3: bool, with_registry: bool) -> None:
    """Build what is missing, start the cluster, wait until it is ready. Running already: nothing to do."""
    if current.chosen():
        click.echo(current.check())
        return
    home = Home(name)
    try:
        with alone(home.lock, lambda: _busy(name)):
            _up(home, shape, audit=audit, restarts=restarts, with_s3=with_s3, with_registry=with_registry)
    except KeyboardInterrupt:
        again = f"run it again to go on; `python -m cluster down --name {name}` removes what was begun"
        click.echo(f"\ncluster: interrupted; {again}", err=True)
        sys.exit(INTERRUPTED)


def _up(home: Home, shape: str, *, audit: bool, restarts: bool, with_s3: bool, with_registry: bool) -> None:
    state = State.load(home)
    if state and state.running and state.ready and state.shape == shape:
        click.echo(f"{home.name} is running already; export KUBECONFIG={home.kubeconfig}")
        return
    problems = prerequisites.check(shape)
    if problems:
        for problem in problems:
            click.echo(f"cluster: {problem.line}", err=True)
        sys.exit(2)
    _clean(home)
    for folder in (home.folder, home.logs):
        folder.mkdir(parents=True, exist_ok=True)
    if shape == "full":
        started = full.up(home, with_s3=with_s3, with_registry=with_registry)
    else:
        started = control_plane.up(home, audit=audit, restarts=restarts, with_s3=with_s3)
    link_kubectl()
    click.echo(f"{home.name} is up at {started.server}; export KUBECONFIG={home.kubeconfig}")


def _busy(name: str) -> None:
    click.echo(f"  another command is at work on {name}; waiting for its end", err=True)


@cli.command()
@name_option
def down(name: str) -> None:
    """Stop the cluster and remove every trace of it. Binaries and images stay in the cache."""
    if current.chosen():
        click.echo("CLUSTER=current: that cluster is yours; nothing was touched")
        return
    home = Home(name)
    with alone(home.lock, lambda: _busy(name)):
        click.echo(f"{name} is gone" if _clean(home) else f"{name}: nothing to do")


@cli.command()
@name_option
@click.argument("project")
@click.option("-n", "--namespace", help="Where its Secret goes; default: the project's name.")
def store(name: str, project: str, namespace: str | None) -> None:
    """Make a bucket, and a user for it, for one project; its pods and the gateway find both in a Secret."""
    home = Home(name)
    variables = s3.Server.load(home.folder).add_project(s3.program(), project)
    made = s3.secret(variables, namespace or project)
    kubectl(home, build("kubernetes"), "apply", "-f", "-", stdin=json.dumps(made))
    click.echo(
        f"s3://{project} at {variables['AWS_ENDPOINT_URL']}; Secret {s3.SECRET} in {namespace or project}"
    )


@cli.command()
@name_option
@click.option("--issuer", required=True, help="https://…, as the provider's tokens name it.")
@click.option("--client-id", required=True, help="The audience of its tokens.")
@click.option(
    "--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM file of its authority."
)
@click.option(
    "--username-claim",
    default="sub",
    show_default=True,
    help="The claim with a person's name in the cluster.",
)
def trust(name: str, issuer: str, client_id: str, ca: Path | None, username_claim: str) -> None:
    """Let people sign in with an OIDC provider, which the API server must reach; in RBAC they are oidc:NAME."""
    authentication.trust(Home(name), issuer, client_id, ca, username_claim)
    click.echo(f"{name} knows the people of {issuer}, as User oidc:…")


@cli.command()
def status() -> None:
    """All clusters on this machine."""
    if current.chosen():
        click.echo(current.check())
        return
    rows = [("NAME", "SHAPE", "STATE", "SERVER", "UPTIME", "KUBECONFIG")]
    for home in known():
        state = State.load(home)
        if state is None:
            rows.append((home.name, "?", "broken", "", "", ""))
            continue
        uptime = f"{(time.time() - state.since) / 60:.0f}m" if state.running else ""
        rows.append((home.name, state.shape, state.word, state.server, uptime, str(home.kubeconfig)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@cli.command()
@name_option
def kubeconfig(name: str) -> None:
    """Print the path of the cluster's kubeconfig, and nothing else."""
    if current.chosen():
        click.echo(current.kubeconfig())
        return
    home = Home(name)
    state = State.load(home)
    if not state or not state.running or not state.ready:
        raise ClusterError(f"no cluster {name} is running; start it with: python -m cluster up --name {name}")
    click.echo(home.kubeconfig)


@cli.command("build")
@click.argument("modules", nargs=-1, type=click.Choice(MODULE_NAMES))
@click.option("--images", "with_images", is_flag=True, help="Make all images too, large ones included.")
def build_command(modules: tuple[str, ...], with_images: bool) -> None:
    """Build programs (default: all that a cluster runs) before somebody waits for them. Built already: nothing to do."""
    for module in modules or (name for name in MODULE_NAMES if name not in BESIDE):
        build(module)
    if with_images:
        images.ensure(image.name for image in images.catalogue())


@cli.command("images")
@click.argument("names", nargs=-1)
@name_option
@click.option("--load", is_flag=True, help="Build what changed and load it into the running cluster.")
def images_command(names: tuple[str, ...], name: str, load: bool) -> None:
    """The images the cluster has; with --load bring them (or the named ones) up to date.

    With CLUSTER=current, --load prints the archive's path (of the operator, or of those named): that cluster has
    its own way of taking it.
    """
    if not load:
        for image in images.catalogue():
            click.echo(f"{image.name:<24} {', '.join(image.references)}")
        return
    if current.chosen():
        for archive in images.ensure(names or ["run-operator"]):
            click.echo(archive)
        click.echo("load it the way that cluster wants it, e.g. `kind load image-archive FILE`", err=True)
        return
    home = Home(name)
    state = State.load(home)
    if not state or not state.running or state.shape != "full":
        raise ClusterError(f"no cluster {name} of the shape full is running")
    full.load_images(home, images.ensure(names or None))


def _clean(home: Home) -> bool:
    """End what runs, put back what was changed, remove the folder; whether there was anything."""
    state = State.load(home)
    if state.shape == "full" if state else os.geteuid() == 0:
        full.down(home, state)
    if state:
        state.supervisor.stop(15)
    for process in with_arguments(MODULE, str(home.plan)):
        process.stop(15)
    existed = home.folder.exists()
    _remove(home.folder)
    return existed


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def main() -> None:
    """One line for what a person can mend; no traceback."""
    try:
        sys.exit(cli(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ClusterError as error:
        click.echo(f"cluster: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"cluster: {error.filename or 'the machine'}: {error.strerror or error}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
