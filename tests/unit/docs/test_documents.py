"""What the documents name is there: files, targets, commands, reasons."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import click
import pytest

from cluster import cli as launcher
from run_operator.client.cli.main import cli as runctl

ROOT: Final = Path(__file__).parents[3]
DOCUMENTS: Final = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        ROOT / "web" / "README.md",
        ROOT / "cluster" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
)

CAMEL: Final = re.compile(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+|OOMKilled|Evicted|Unschedulable)`")
KUBERNETES: Final = {"BackoffLimitExceeded"}
"""Passed on as the Job controller says it."""


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_commands_exist(path):
    text = path.read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^|current )make ([a-z0-9-]+)", text, re.MULTILINE)) <= targets
    for folder in re.findall(r"apply -k ([a-z/-]+)", text):
        assert (ROOT / folder / "kustomization.yaml").exists(), folder
    for group, shown in (
        (runctl, r"(?:^\$? ?|`)runctl ([a-z-]+)\b"),
        (launcher.cli, r"python -m cluster ([a-z]+)\b"),
    ):
        assert isinstance(group, click.Group)
        assert set(re.findall(shown, text, re.MULTILINE)) <= set(group.list_commands(click.Context(group)))


FOLDERS: Final = (
    "operator",
    "tests",
    "cluster",
    "manifests",
    "crds",
    "charts",
    "web/src",
    "web/tests",
    "docs",
    "images",
    "requirements",
)
FILE: Final = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|yaml|lua|tsx?|lock|in))(?:::\w+)?`")
"""A file of the repository in a document: a path, or the end of one."""


@pytest.fixture(scope="module")
def there() -> list[str]:
    return [path.as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids)
def test_files_exist(path, there):
    text = path.read_text()
    written = set(re.findall(r"^Save this as `([^`]+)`", text, re.MULTILINE))
    for name in set(FILE.findall(text)) - written:
        assert "NAME" in name or any(one.endswith(f"/{name}") for one in there), name


def test_make_help_lists_every_target_that_is_explained():
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    explained = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [line.split()[0] for line in done.stdout.splitlines()] == explained


def test_every_document_is_in_the_navigation_of_the_site():
    shown = (ROOT / "mkdocs.yml").read_text()
    for path in (ROOT / "docs").rglob("*.md"):
        assert str(path.relative_to(ROOT / "docs")) in shown, path.name


def test_every_reason_of_the_features_is_explained_and_none_is_made_up():
    row = next(
        line
        for line in (ROOT / "docs" / "features.md").read_text().splitlines()
        if line.startswith("| Reasons")
    )
    explained = set(CAMEL.findall((ROOT / "docs" / "troubleshooting.md").read_text()))
    assert set(CAMEL.findall(row)) <= explained
    code = "".join(path.read_text() for path in (ROOT / "operator" / "run_operator").rglob("*.py"))
    for reason in explained - KUBERNETES - {"Running", "Failed", "Resolved"}:
        assert f'"{reason}"' in code, reason


def test_the_architecture_names_every_room_and_no_other():
    text = (ROOT / "docs" / "architecture.md").read_text()
    package = ROOT / "operator" / "run_operator"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE)) == rooms
    beside = {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    assert beside <= set(re.findall(r"`(\w+\.py)`", text))
    for named in re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", text):
        assert any(
            (place / named).exists()
            for place in (ROOT, ROOT / "tests", package, package / "client", package / "workloads")
        ), named
