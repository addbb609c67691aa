"""The scene of Python functions: a table is made, a model learns from it, a service answers with the model."""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import Final, Self

from cluster.demo.scenes import EXAMPLES, title
from cluster.demo.stage import NAMESPACE, Stage, say
from cluster.errors import ClusterError
from cluster.paths import REPOSITORY, Home
from cluster.s3 import SECRET

FILE: Final = EXAMPLES / "python-learning.yaml"
TABLE: Final = "table"
LEARN: Final = "learn"
ANSWER: Final = "answer"
RUNS: Final = (TABLE, LEARN, ANSWER)
IMAGE_TIMEOUT: Final = 900
"""Seconds. The first time the image is made, of some eighty packages."""


class FunctionImage:
    """Brings the image of Python functions into the cluster while other scenes play."""

    def __init__(self, home: Home) -> None:
        self._log = home.folder / "python-runtime.log"
        command = [sys.executable, "-m", "cluster", "images", "--load", "--name", home.name, "python-runtime"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def ready(self) -> None:
        """Wait for it. Raises ClusterError."""
        if self._process.wait(IMAGE_TIMEOUT):
            raise ClusterError(f"the image of Python functions: {self._log.read_text().strip()[-600:]}")


def play(stage: Stage, home: Home, image: FunctionImage) -> None:
    """From a Function to an answer. A cluster without an S3 server has no place for a table."""
    title("A Python function has inputs and outputs, and is served")
    if not (home.folder / "s3.json").exists():
        say(
            "  left out: this cluster was started without an S3 server; `make cluster-down demo` makes a new one"
        )
        return
    for name in RUNS:
        stage.clear(name)
    _store(stage, home)
    image.ready()
    say(f"$ kubectl -n {NAMESPACE} apply -f {FILE.relative_to(REPOSITORY)}")
    say(stage.run("apply", "-f", str(FILE)).strip())
    stage.follow(TABLE, "COMPLETED")
    stage.show("get", "run", TABLE, "-o", "jsonpath={.status.outputs}")
    _go(stage, LEARN)
    stage.follow(LEARN, "COMPLETED", logs=True)
    stage.show("get", "run", LEARN, "-o", "jsonpath={.status.outputs}{.status.results}")
    _go(stage, ANSWER)
    stage.follow(ANSWER, "RUNNING")
    _ask(stage)


def _store(stage: Stage, home: Home) -> None:
    """The project's bucket, and the Secret that names it."""
    if stage.run("get", "secret", SECRET, "--ignore-not-found", "-o", "name"):
        return
    command = [sys.executable, "-m", "cluster", "store", "--name", home.name, NAMESPACE]
    say(f"$ python -m cluster store --name {home.name} {NAMESPACE}")
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise ClusterError(f"the file store of {NAMESPACE}: {done.stderr.strip()[-600:]}")


def _go(stage: Stage, name: str) -> None:
    """Start a Run that waited for what another one makes."""
    stage.show("patch", "run", name, "--type=merge", "-p", '{"spec":{"suspend":false}}')


def _ask(stage: Stage) -> None:
    """The way of a person with a laptop, until the service answers."""
    arguments = ["invoke", ANSWER, "-n", NAMESPACE, "--json", "-d", '{"x": 14}']
    say(f"\n$ runctl {' '.join(arguments[:5])} -d '{arguments[-1]}'")

    def answer() -> str:
        command = [
            sys.executable,
            "-m",
            "run_operator.client.cli",
            *arguments,
            "--kubeconfig",
            str(stage.kubeconfig),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        return "" if done.returncode else done.stdout.strip()

    say(stage.until("an answer", answer))
