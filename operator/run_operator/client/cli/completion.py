"""`runctl completion`: what to put into the shell's start file."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

INSTALL: Final = {
    "bash": "echo 'eval \"$(runctl completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(runctl completion zsh)\"' >> ~/.zshrc",
    "fish": "runctl completion fish > ~/.config/fish/completions/runctl.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(INSTALL)))
def completion_command(shell: str) -> None:
    """Print the completion for SHELL: verbs, options, contexts, namespaces, and the names of Runs.

    \u0008
    bash:  echo 'eval "$(runctl completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(runctl completion zsh)"' >> ~/.zshrc
    fish:  runctl completion fish > ~/.config/fish/completions/runctl.fish
    """
    from run_operator.client.cli.main import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"runctl has no completion for the shell {shell}")
    click.echo(kind(cli, {}, "runctl", "_RUNCTL_COMPLETE").source())
