"""Documents that are followed by a person: all their commands, in order, on real pods."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.harness import REPOSITORY, Person
from tests.support.walkthrough import follow

README = "README.md"
DOCUMENTS = [README, "tutorial.md", "days/data-scientist.md"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_can_be_followed_from_its_beginning_to_its_end(
    person: Person, tmp_path: Path, document: str
):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_bytes(person.kubeconfig.read_bytes())
    environment = os.environ | {
        "KUBECONFIG": str(kubeconfig),
        "PATH": os.pathsep.join(
            (str(Path(sys.executable).parent), str(Path(person.program).parent), os.environ["PATH"])
        ),
    }
    person.kubectl(
        "config", "set-context", "--current", f"--namespace={person.namespace}", f"--kubeconfig={kubeconfig}"
    )
    folder = tmp_path / "work"
    folder.mkdir()
    assert follow(file_of(document, tmp_path), folder, environment)


def file_of(document: str, folder: Path) -> Path:
    """The document; of the README, what it types on any cluster."""
    if document != README:
        return REPOSITORY / "docs" / document
    _, begin, rest = (REPOSITORY / README).read_text().partition("Then, on this or any cluster:")
    assert begin
    part = folder / README
    part.write_text(rest)
    return part
