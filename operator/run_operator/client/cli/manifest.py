"""`runctl manifest`: exported files in, manifests out that every YAML reader agrees on."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from typing import Any, Final

import click

from run_operator.api.exported import manifest
from run_operator.client.cli.inputs import Input, InputError, inputs
from run_operator.client.terminal_text import visible
from run_operator.document.entity import Entity, load
from run_operator.document.errors import DocumentError
from run_operator.document.known_fields import not_used
from run_operator.document.yaml_writer import write

BAD_INPUT: Final = 2
REMEMBERED: Final = 256 * 1024
"""Bytes of all annotations of an object: kubectl apply puts the whole manifest into one of them."""
NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@click.command("manifest")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-n", "--namespace", help="Write this namespace into the manifests.")
@click.option("--name", help="The object's name (one document only). Default: made from the document's id.")
@click.option(
    "--suspend", is_flag=True, help="Write Runs that are suspended; `spec.suspend: false` starts them."
)
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@click.pass_context
def manifest_command(
    context: click.Context,
    files: tuple[str, ...],
    namespace: str | None,
    name: str | None,
    suspend: bool,
    output: str,
) -> None:
    """Convert exported Runs, Functions and Tasks (files, folders, or - for standard input) into manifests.

    \u0008
    Example:
      runctl manifest functions-1c2d.yaml runs-3f2a.yaml | kubectl apply -f -
      runctl manifest exports/ -n ml --suspend > runs.yaml

    Exit code 0: all were converted; 2: some were not (the others are printed all the same); 1: nothing could be written.
    """
    _check_name("--namespace", namespace)
    _check_name("--name", name)
    batch = _Batch(namespace, name, suspend)
    for found in inputs(files):
        batch.take(found)
    if name and len(batch.manifests) + batch.failures > 1:
        raise click.UsageError("--name needs exactly one document")
    _print(batch.manifests, output)
    if batch.failures:
        total = batch.failures + len(batch.manifests)
        if total > 1:
            click.echo(f"runctl: {batch.failures} of {total} files could not be converted", err=True)
        context.exit(BAD_INPUT)


@dataclass
class _Batch:
    """The results of the inputs so far."""

    namespace: str | None
    name: str | None
    suspend: bool
    manifests: list[dict[str, Any]] = field(default_factory=list)
    failures: int = 0
    _seen: dict[str, tuple[str, str]] = field(default_factory=dict)

    def take(self, found: Input | InputError) -> None:
        """One input: a manifest more, or a line on standard error."""
        try:
            if isinstance(found, InputError):
                raise found
            self._convert(found)
        except InputError as error:
            self._fail(error.name, None, str(error))
        except DocumentError as error:
            self._fail(found.name, error.line, str(error))

    def _convert(self, found: Input) -> None:
        entity = load(found.read())
        made = manifest(entity, namespace=self.namespace, name=self.name, suspend=self.suspend)
        for line in not_used(made["spec"]):
            _say(f"runctl: note: {found.name}: {line}")
        self._check_twice(found.name, entity, f"{made['kind']} {made['metadata']['name']}")
        size = len(
            json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        )
        if size >= REMEMBERED:
            _say(
                f"runctl: note: {found.name}: {made['kind']} {made['metadata']['name']} has {size} bytes, more than kubectl "
                "apply takes: use kubectl apply --server-side, or runctl apply"
            )
        self.manifests.append(made)

    def _check_twice(self, source: str, entity: Entity, name: str) -> None:
        """The same document twice is worth a note; two that would overwrite each other are an error."""
        title = entity.document.get("name", entity.id)
        identity = f"{entity.kind} {title} of project {entity.project}"
        first, other = self._seen.setdefault(name, (source, identity))
        if first == source:
            return
        if other != identity:
            problem = f"{name} would be {identity} here and {other} in {first}; convert them in separate runs of this command"
            raise InputError(source, problem)
        _say(
            f"runctl: note: {source}: {name} is also in {first}; if both are applied, the later one is stored"
        )

    def _fail(self, name: str, line: int | None, problem: str) -> None:
        self.failures += 1
        where = f"{name}:{line}" if line else name
        _say(f"runctl: {where}: {problem}")


def _say(line: str) -> None:
    click.echo(visible(line), err=True)


def _print(manifests: list[dict[str, Any]], output: str) -> None:
    if output == "json":
        whole = (
            manifests[0] if len(manifests) == 1 else {"apiVersion": "v1", "kind": "List", "items": manifests}
        )
        if manifests:
            _out(json.dumps(whole, indent=2) + "\n")
        return
    _out("---\n".join(write(made) for made in manifests))


def _out(text: str) -> None:
    """As UTF-8, whatever the locale: that is what YAML and JSON are. Nothing may be lost unnoticed."""
    try:
        if sys.stdout is None:
            raise click.ClickException("standard output is closed; nothing was printed")
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"the manifests could not be written: {error.strerror}") from error


def _check_name(option: str, value: str | None) -> None:
    if value is not None and not NAME.fullmatch(value):
        raise click.UsageError(f"{option} {visible(value)[:80]!r}: use at most 63 of a-z, 0-9 and -")
