"""The pages about the client name what there is, and all of it."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import click

import run_operator
from run_operator import Run
from run_operator.client import errors
from run_operator.client.cli import exit_codes, main

DOCS = Path(__file__).parents[3] / "docs"


def first_column(page: str, title: str) -> str:
    """The first cells of the first table whose header begins with this word."""
    text = (DOCS / page).read_text().partition(f"\n| {title} |")[2].partition("\n\n")[0]
    return " ".join(line.split(" | ")[0] for line in text.splitlines()[2:])


def names(cells: str) -> set[str]:
    return set(re.findall(r"`([\w-]+)", cells))


def test_every_verb_is_documented_and_every_documented_one_exists():
    assert names(first_column("runctl.md", "verb")) == set(main.VERBS)


def test_the_exit_codes_are_the_constants():
    codes = {int(code) for code in re.findall(r"\d+", first_column("runctl.md", "exit code"))}
    assert codes == {
        0, exit_codes.FAILED, exit_codes.USAGE, exit_codes.NOT_FOUND, exit_codes.TIMED_OUT, exit_codes.INTERRUPTED,
    }  # fmt: skip


def test_every_method_is_documented():
    ours = {name for name, _ in inspect.getmembers(Run) if not name.startswith("_")}
    assert names(first_column("client.md", "method")) == ours - {"from_object", "to_dict"}


def test_every_function_is_documented():
    found = names(first_column("client.md", "function"))
    assert found == set(run_operator.__all__) - {"Run", "Cluster"}


def test_every_error_is_documented():
    ours = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    }
    assert names(first_column("client.md", "error")) - {"ValueError"} == ours


def test_every_example_of_runctl_is_a_command_it_takes(tmp_path, monkeypatch):
    (tmp_path / "exports").mkdir()
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "runctl.md").read_text().replace("\\|", "|")
    examples = [line.partition("|")[0] for line in re.findall(r"`runctl ([a-z][^`]*)`", text)]
    assert len(examples) >= 10
    for example in examples:
        verb, *arguments = shlex.split(example)
        command = main.cli.get_command(click.Context(main.cli), verb)
        assert command is not None, example
        command.make_context(verb, arguments)
