"""`runctl ui` as a process of its own, with the rights of a person."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.harness import REPOSITORY, Person

COMMAND = [sys.executable, "-u", "-m", "run_operator.client.cli", "ui", "--no-browser"]


@contextmanager
def runctl_ui(person: Person) -> Iterator[str]:
    """Gives the address that it prints; with the token."""
    environment = os.environ | {
        "KUBECONFIG": str(person.kubeconfig),
        "PYTHONPATH": str(REPOSITORY / "operator"),
    }
    process = subprocess.Popen(
        [*COMMAND, "-n", person.namespace], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, said
        yield found.group()
    finally:
        process.terminate()
        process.wait(15)
        process.stdout.close()
