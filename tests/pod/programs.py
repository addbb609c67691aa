"""Programs that log as they would in a pod: a real interpreter with nothing but the module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.support.harness import REPOSITORY

MODULE = REPOSITORY / "operator" / "run_operator" / "client" / "pod" / "runmetrics.py"


PYTHON = os.environ.get("POD_PYTHON", sys.executable)
"""The Python of the programs: any from 3.8 on."""


class Program:
    """A Python program with nothing but the module; its spool is `folder`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.impatient = True
        """Short pauses between attempts and while it waits in `flush`; no questions at other times."""
        self.environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(MODULE.parent)} | environment
        self.environment["RUN_METRICS_FOLDER"] = str(folder)

    def start(self, code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """`code` after `from runmetrics import *`; warnings of any kind are written to stderr."""
        text = "import os, signal, sys, threading, time\nimport runmetrics\nfrom runmetrics import *\n"
        if self.impatient:
            text += "runmetrics.FIRST_PAUSE = runmetrics.CATCH_UP_PAUSE = 0.01\n"
            text += "runmetrics.POLLS, runmetrics.FLUSH_POLLS = (3600, 3600), (0.01, 0.1)\n"
        self.folder.parent.mkdir(exist_ok=True)
        file = self.folder.parent / "program.py"
        file.write_text(text + textwrap.dedent(code))
        forks = "ignore:This process:DeprecationWarning"  # Python 3.12 warns of any fork beside a thread
        command = [PYTHON, "-W", "always", "-W", forks, str(file), *arguments]
        return subprocess.Popen(
            command,
            env=self.environment | environment,
            cwd=self.folder.parent,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(
        self, code: str, *arguments: str, exit_code: int = 0, quiet: bool = True, **environment: str
    ) -> str:
        """Until its end; answers stdout, or stderr if that is not to be empty."""
        process = self.start(code, *arguments, **environment)
        out, errors = process.communicate(timeout=60)
        assert process.returncode == exit_code, errors
        if quiet:
            assert errors == ""
        return out if quiet else errors

    def lines(self) -> list[dict[str, Any]]:
        """Everything in the spool, in order of time."""
        files = sorted(self.folder.glob("*.jsonl"))
        found = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return sorted(found, key=lambda line: line["time"])

    def values(self, key: str) -> list[Any]:
        """Of one metric in the spool."""
        return [line["value"] for line in self.lines() if line["key"] == key]
