"""`runctl apply`: exported files straight into the cluster, many of them with a progress bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from run_operator.client.cli.inputs import Input, InputError, inputs
from run_operator.client.cli.options import cluster_options, connect
from run_operator.client.cli.output import Bar

if TYPE_CHECKING:
    from run_operator.client.cluster import Cluster

REFUSED: Final = 1
BAD_INPUT: Final = 2


@click.command("apply")
@click.argument("files", nargs=-1, metavar="FILE...", type=click.Path())
@click.option(
    "-f", "--filename", multiple=True, type=click.Path(), help="As FILE, for hands that know kubectl."
)
@cluster_options()
@click.option("--suspend", is_flag=True, help="Create the Runs stopped; runctl resume starts them.")
@click.option("--dry-run", is_flag=True, help="Let the server check everything, and store nothing.")
def apply_command(
    files: tuple[str, ...],
    filename: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    suspend: bool,
    dry_run: bool,
) -> None:
    """Create or change what exported Runs, Functions and Tasks say (files, folders, or - for standard input).

    A file that is no export, or that the cluster refuses, is named with the reason; the others are applied all the
    same. Exit code 2 if a file was bad, 1 if the cluster refused one.
    """
    if not files and not filename:
        raise click.UsageError("name a file or a folder, or - for standard input")
    cluster = connect(namespace, context, kubeconfig)
    found = list(inputs((*files, *filename)))
    code = 0
    with Bar("applying", len(found)) as bar:
        for one in found:
            code = max(code, _apply(cluster, one, bar, suspend=suspend, dry_run=dry_run))
            bar.step()
    if code:
        click.get_current_context().exit(code)


def _apply(cluster: Cluster, found: Input | InputError, bar: Bar, *, suspend: bool, dry_run: bool) -> int:
    """One of them; the exit code it deserves."""
    from run_operator.client.errors import BackendError, EntityError, UnavailableError
    from run_operator.document.errors import DocumentError

    code, line = BAD_INPUT, None
    try:
        if isinstance(found, InputError):
            raise found
        kind, name, done = _one(cluster, found.read(), suspend, dry_run)
    except (InputError, EntityError) as error:
        problem: Exception = error
    except DocumentError as error:
        problem, line = error, error.line
    except UnavailableError:
        raise
    except BackendError as error:
        problem, code = error, REFUSED
    else:
        bar.say(f"{kind.lower()} {name} {done}" + (" (dry run)" if dry_run else ""))
        return 0
    where = f"{found.name}:{line}" if line else found.name
    bar.say(f"runctl: {where}: {problem}", err=True)
    return code


def _one(cluster: Cluster, data: bytes, suspend: bool, dry_run: bool) -> tuple[str, str, str]:
    """Kind, name, and what was done."""
    from run_operator.api.exported import manifest
    from run_operator.client.apply import apply
    from run_operator.document.entity import load
    from run_operator.document.kinds import EntityType

    entity = load(data)
    body: Mapping[str, Any] = manifest(entity, suspend=suspend and entity.type is EntityType.RUN)
    return entity.type.value, str(body["metadata"]["name"]), apply(cluster, body, dry_run=dry_run)
