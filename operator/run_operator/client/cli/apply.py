"""`runctl apply`: exported files straight into the cluster, many of them with a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from run_operator.client.cli.inputs import Input, InputError, inputs
from run_operator.client.cli.options import cluster_options, connect
from run_operator.client.text import visible

if TYPE_CHECKING:
    from run_operator.client.kube import Cluster

BAR_FROM: Final = 5
"""Files from which on a bar is worth its line."""
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
    for one in _with_bar(found):
        code = max(code, _apply(cluster, one, suspend, dry_run))
    if code:
        click.get_current_context().exit(code)


def _with_bar(found: list[Input | InputError]) -> Iterator[Input | InputError]:
    if len(found) < BAR_FROM or not sys.stderr.isatty():
        yield from found
        return
    with click.progressbar(found, label="applying", file=sys.stderr) as bar:
        yield from bar


def _apply(cluster: Cluster, found: Input | InputError, suspend: bool, dry_run: bool) -> int:
    from run_operator.client.errors import BackendError, EntityError, UnavailableError  # noqa: PLC0415 - not for help
    from run_operator.document.errors import DocumentError  # noqa: PLC0415

    try:
        if isinstance(found, InputError):
            raise found
        kind, name, done = _one(cluster, found.read(), suspend, dry_run)
    except InputError as error:
        return _bad(error.name, None, error)
    except DocumentError as error:
        return _bad(found.name, error.line, error)
    except EntityError as error:
        return _bad(found.name, None, error)
    except UnavailableError:
        raise
    except BackendError as error:
        _bad(found.name, None, error)
        return 1
    click.echo(f"{kind.lower()} {name} {done}" + (" (dry run)" if dry_run else ""))
    return 0


def _one(cluster: Cluster, data: bytes, suspend: bool, dry_run: bool) -> tuple[str, str, str]:
    """Kind, name, and what was done."""
    from run_operator.client.saving import apply  # noqa: PLC0415 - not for the help text
    from run_operator.document.entity import load  # noqa: PLC0415
    from run_operator.document.kinds import EntityType  # noqa: PLC0415
    from run_operator.resources.manifest import manifest  # noqa: PLC0415

    entity = load(data)
    body: Mapping[str, Any] = manifest(entity, suspend=suspend and entity.type is EntityType.RUN)
    return entity.type.value, str(body["metadata"]["name"]), apply(cluster, body, dry_run=dry_run)


def _bad(name: str, line: int | None, error: Exception) -> int:
    where = f"{name}:{line}" if line else name
    click.echo(visible(f"runctl: {where}: {error}"), err=True)
    return BAD_INPUT
