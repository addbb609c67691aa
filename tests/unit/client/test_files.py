"""Exports as files: whole or not at all, and read back as they were."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from run_operator.client import documents
from run_operator.client.errors import EntityError

EXPORTS = Path(__file__).parents[2] / "data" / "exports"
TASK = "container+job://p/t"


@given(
    st.text(max_size=40),
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=60)),
)
def test_whatever_is_written_is_read_back_as_it_was(tmp_path_factory, key, value):
    path = tmp_path_factory.mktemp("x") / "runs-a.yaml"
    document = {"kind": "container+job:run", "project": "p", "id": "a", "spec": {"task": TASK, key: value}}
    try:
        text = f"{key}{value}".encode().decode()
    except UnicodeEncodeError:
        return
    assert text is not None
    documents.write_document(path, document)
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert found["spec"].get(key) == (document["spec"][key])


def test_an_export_that_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "runs-a.yaml"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        documents.write_document(path, {"a": 1})
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("runs-a.yaml", "old")]


def test_an_export_has_the_permissions_of_any_new_file_and_replaces_a_link_not_its_target(tmp_path):
    target, path = tmp_path / "target", tmp_path / "runs-a.yaml"
    target.write_text("precious")
    path.symlink_to(target)
    documents.write_document(path, {"a": 1})
    (tmp_path / "plain").touch()
    assert (target.read_text(), path.is_symlink()) == ("precious", False)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_readers_never_see_half_a_file(tmp_path):
    path, over, seen = tmp_path / "runs-a.yaml", threading.Event(), set()
    documents.write_document(path, {"n": 0, "fill": ["x" * 50] * 500})

    def read() -> None:
        while not over.is_set():
            seen.add(path.stat().st_size)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        documents.write_document(path, {"n": 1, "fill": ["x" * 50] * 500})
    over.set()
    reader.join()
    assert len(seen) == 1


def test_a_name_too_long_for_a_file_is_shortened():
    assert documents.export_path(Path("x"), "a" * 240).name == f"runs-{'a' * 240}.yaml"
    assert len(documents.export_path(Path("x"), "a" * 256).name) < 80


@pytest.mark.parametrize("make", ["junk", "fifo", "function", "folder", "missing"])
def test_a_file_that_is_no_run_is_an_error_with_its_name(tmp_path, make):
    path = tmp_path / "x.yaml"
    if make == "junk":
        path.write_bytes(os.urandom(4096))
    elif make == "fifo":
        os.mkfifo(path)
    elif make == "folder":
        path.mkdir()
    elif make == "function":
        path.write_bytes((EXPORTS / "function-container.yaml").read_bytes())
    with pytest.raises((EntityError, FileNotFoundError, IsADirectoryError), match=r"x\.yaml"):
        documents.read_run(path)
