"""The document of a Run as its page shows it: all of one that people write, and the beginning of a larger one, soon."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from run_operator.web.view.detail import MAX_DOCUMENT, MAX_VALUES, of_document


def shown(**spec: Any) -> str:
    inner = {"image": "x"} | spec
    raw = {"metadata": {"name": "hello"}, "spec": {"kind": "container+job:run", "id": "hello", "spec": inner}}
    return str(of_document(raw)["document"])


def test_a_document_is_shown_as_it_was_written():
    found = yaml.safe_load(shown(args=["a", 1, None, {"b": [True]}], envs=[]))
    assert found["spec"] | {"task": ""} == {
        "task": "",
        "image": "x",
        "args": ["a", 1, None, {"b": [True]}],
        "envs": [],
    }


LARGE: dict[str, dict[str, Any]] = {
    "keys": {f"k{i}": 1 for i in range(80_000)},
    "entries": {"args": ["x"] * 250_000},
    "text": {"args": ["\u2028\x85\u00e9 '\"#: " * 80_000]},
    "maps": {"envs": [{"name": f"V{i}", "value": "x: y"} for i in range(25_000)]},
    "nested": {"a": [[[[["x"] * 10] * 10] * 10] * 10]},
    "key": {"k" * 900_000: "x"},
}


@pytest.mark.parametrize("name", LARGE)
def test_the_beginning_of_a_megabyte_is_written_soon(name):
    """The server writes it in the process that all viewers share, each time that one opens the page of the Run."""
    began = time.thread_time()
    found = shown(**LARGE[name])
    assert time.thread_time() - began < 0.3
    assert found.endswith("# the rest is not shown here: it is too large\n")
    assert "  image: x\n" in found
    assert found.count("\n") <= MAX_VALUES * 2
    assert len(found) <= MAX_DOCUMENT * 12, "escapes, and blanks before each line"
