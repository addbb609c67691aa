"""A document whose commands are run as a person would: its files are saved, its lines typed, its output compared.

A block after "Save this as `NAME`" is a file. In a block `console` a line that begins with `$ ` is typed, and what follows it is
what appears, in this order and with other lines between. `…` stands for any text, and any age (`12s`) for any other. After `^C`
the command is interrupted as soon as what is above it has appeared.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Final

_BLOCK: Final = re.compile(r"^```(?P<language>\w+)[^\n]*\n(?P<content>.*?)^```$", re.DOTALL | re.MULTILINE)
_SAVED: Final = re.compile(r"Save this as `(?P<name>[\w./-]+)`")
_AGE: Final = re.compile(r"\b\d+(?:\.\d+)?(?:s|m|h)(?:\d+s)?\b")
_HEREDOC: Final = re.compile(r"<<\s*'?(?P<end>\w+)'?")
_INTERRUPT: Final = "^C"
_SHELL: Final = """source "$EXPORTED"; trap 'export -p > "$EXPORTED"' EXIT"""
"""What a command exports is there for the next one, as in one terminal."""
_HEARS_INTERRUPTS: Final = ("env", "--default-signal=INT")
"""A shell that starts the tests in the background ignores this signal, and what it starts inherits that."""
DEADLINE: Final = 120.0
"""Seconds for one command."""


@dataclass(slots=True)
class Command:
    """What is typed, and what appears."""

    typed: str
    expected: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class File:
    """What is saved."""

    name: str
    content: str


def steps(document: str) -> Iterator[Command | File]:
    """All that a reader does, in order."""
    after = 0
    for block in _BLOCK.finditer(document):
        saved = _SAVED.findall(document[after : block.start()].rstrip().rpartition("\n\n")[2])
        after = block.end()
        if saved:
            yield File(saved[-1], block["content"])
        elif block["language"] == "console":
            yield from _commands(block["content"].splitlines())


def _commands(lines: list[str]) -> Iterator[Command]:
    found: Command | None = None
    heredoc = ""
    for line in lines:
        if heredoc and found:
            found.typed += f"\n{line}"
            heredoc = "" if line == heredoc else heredoc
        elif line.startswith("$ "):
            if found:
                yield found
            found = Command(line.removeprefix("$ "))
            opened = _HEREDOC.search(line)
            heredoc = opened["end"] if opened else ""
        elif found and found.typed.endswith("\\"):
            found.typed += f"\n{line}"
        elif found and line.strip():
            found.expected.append(line)
    if found:
        yield found


def follow(document: Path, folder: Path, environment: Mapping[str, str]) -> int:
    """Do all of it in a folder; returns the number of commands. Raises AssertionError for what does not appear."""
    done = 0
    with tempfile.NamedTemporaryFile() as exported:
        for step in steps(document.read_text()):
            if isinstance(step, File):
                (folder / step.name).write_text(step.content)
            else:
                _type(step, folder, dict(environment) | {"EXPORTED": exported.name})
                done += 1
    return done


def _type(command: Command, folder: Path, environment: Mapping[str, str]) -> None:
    stopped = _INTERRUPT in command.expected
    expected = [_pattern(line) for line in command.expected if line != _INTERRUPT]
    output = ""
    with subprocess.Popen(
        [*_HEARS_INTERRUPTS, "bash", "-euo", "pipefail", "-c", f"{_SHELL}\n{command.typed}"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = Timer(DEADLINE, os.killpg, (process.pid, signal.SIGKILL))
        deadline.start()
        try:
            for line in process.stdout or ():
                output += line
                if expected and expected[0].search(line):
                    expected.pop(0)
                    if stopped and not expected:
                        os.killpg(process.pid, signal.SIGINT)
            process.wait()
        finally:
            deadline.cancel()
    assert not expected, f"$ {command.typed}\n{output}\nexpected: {expected[0].pattern}"
    assert stopped or process.returncode == 0, f"$ {command.typed}\n{output}\nexit code {process.returncode}"


def _pattern(line: str) -> re.Pattern[str]:
    """A line of the document as what appears may look."""
    words = (
        r"\S+" if _AGE.fullmatch(word) else re.escape(_AGE.sub("…", word)).replace("…", ".*?")
        for word in line.split()
    )
    return re.compile(r"\s+".join(words))
