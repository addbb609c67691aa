"""`runctl apply`: exported files straight into the cluster, many of them with a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    "-f", "--filename", multiple=True, type=click.Path(), help="The same as the argument FILE, as in kubectl."
)
@cluster_options()
@click.option("--suspend", is_flag=True, help="Create the Runs suspended; runctl resume starts them.")
@click.option("--dry-run", is_flag=True, help="Let the API server check each object and store none.")
def apply_command(
    files: tuple[str, ...],
    filename: tuple[str, ...],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    suspend: bool,
    dry_run: bool,
) -> None:
    """Create or update the objects of exported Runs, Functions and Tasks (files, folders, or - for standard input).

    Manifests of these kinds work too. Before anything is sent, a warning names each key that a Run's kind does not use.
    A file that is not an export, or that the cluster refuses, is reported with the reason, and the others are applied.
    Exit code 2 if a file was invalid, 1 if the cluster refused one.
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
    from run_operator.client.apply import apply
    from run_operator.client.documents import object_of
    from run_operator.client.errors import BackendError, EntityError, UnavailableError
    from run_operator.document.errors import DocumentError
    from run_operator.document.known_fields import not_used

    code, line = BAD_INPUT, None
    try:
        if isinstance(found, InputError):
            raise found
        body = object_of(found.read(), suspend=suspend)
        for note in not_used(body["spec"]):
            bar.say(f"runctl: note: {found.name}: {note}", err=True)
        done = apply(cluster, body, dry_run=dry_run)
    except (InputError, EntityError) as error:
        problem: Exception = error
    except DocumentError as error:
        problem, line = error, error.line
    except UnavailableError:
        raise
    except BackendError as error:
        problem, code = error, REFUSED
    else:
        bar.say(
            f"{body['kind'].lower()} {body['metadata']['name']} {done}" + (" (dry run)" if dry_run else "")
        )
        return 0
    where = f"{found.name}:{line}" if line else found.name
    bar.say(f"runctl: {where}: {problem}", err=True)
    return code
