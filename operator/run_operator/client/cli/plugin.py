"""`kubectl_complete-runs`: kubectl asks it what may come next in `kubectl runs ...`, in whatever shell."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Final

from click.shell_completion import ShellComplete

from run_operator.client.cli.main import cli
from run_operator.client.terminal_text import visible

FILES: Final = ":0"
"""The directive that ends the answer: let the shell complete names of files."""
NO_FILES: Final = ":4"


def main() -> None:
    """The entry point. The arguments are the words after `kubectl runs`, the last of them the one to complete."""
    *words, incomplete = sys.argv[1:] or [""]
    for line in answer(words, incomplete):
        sys.stdout.buffer.write(f"{line}\n".encode())


def answer(words: Sequence[str], incomplete: str) -> Iterator[str]:
    """A line for each thing that fits, with its explanation after a tab; then what the shell may do itself."""
    asked = ShellComplete(cli, {}, "runctl", "_RUNCTL_COMPLETE")
    found = asked.get_completions(list(words), incomplete)
    for item in found:
        if item.type == "plain":
            yield visible(item.value) + (f"\t{visible(item.help)}" if item.help else "")
    yield FILES if any(item.type != "plain" for item in found) else NO_FILES
