"""`runctl` in the test's own process: the same entry point, without half a second for a new interpreter at each call."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from click.testing import CliRunner

from run_operator.client.cli.main import main


class Ended(NamedTuple):
    """What a command left, as bytes; `text` has it as texts."""

    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> EndedText:
        """The same, decoded."""
        return EndedText(self.returncode, self.stdout.decode(), self.stderr.decode())


class EndedText(NamedTuple):
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


def call_runctl(
    *arguments: object,
    stdin: bytes = b"",
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Ended:
    """Run it until its end, in a folder and with these variables beside the test's own."""
    with _arguments("runctl", *map(str, arguments)), contextlib.chdir(folder or Path.cwd()):
        with CliRunner().isolation(input=stdin, env=variables) as (stdout, stderr, _):
            code: object = 0
            try:
                main()
            except SystemExit as end:
                code = end.code
            sys.stdout.flush()
            sys.stderr.flush()
        return Ended(
            code if isinstance(code, int) else int(code is not None), stdout.getvalue(), stderr.getvalue()
        )


@contextlib.contextmanager
def _arguments(*given: str) -> Iterator[None]:
    """As a script is started: click reads the program's name from both of these."""
    arguments, script = sys.argv, sys.modules["__main__"]
    sys.argv, sys.modules["__main__"] = list(given), ModuleType("__main__")
    try:
        yield
    finally:
        sys.argv, sys.modules["__main__"] = arguments, script
