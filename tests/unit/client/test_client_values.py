"""What the client decides without a cluster: documents, files, URLs, values, charts, and what it imports."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import run_operator
from run_operator.client import files, metrics, waiting
from run_operator.client.answers import error_of
from run_operator.client.cli.plot import chart
from run_operator.client.cli.top import quantity
from run_operator.client.documents import checked, new_document
from run_operator.client.errors import (
    BadRequestError,
    ConflictError,
    EntityAlreadyExistsError,
    EntityError,
    EntityNotExistsError,
    ExpiredError,
    ForbiddenError,
    UnauthorizedError,
    UnavailableError,
)
from run_operator.client.run import Run
from run_operator.client.services import path_below
from run_operator.client.text import visible
from run_operator.document.entity import load
from run_operator.resources.exported import of_object
from run_operator.resources.filters import matches, selector

EXPORTS = Path(__file__).parents[2] / "data" / "exports"
TASK = "container+job://p/t"

# -- documents


def test_a_new_document_is_what_the_sdk_makes():
    made = new_document("p", "container+job:run", "an-id", ["a"], {"task": TASK, "image": None, "args": []})
    exported = load((EXPORTS / "container-job-selfcontained.yaml").read_bytes()).document
    assert list(made) == list(exported)
    assert made["spec"] == {"task": TASK, "args": []}
    assert made["key"] == "store://p/run/container+job:run/an-id"
    assert set(made["metadata"]) == {"project", "name", "labels", "created", "updated"}
    assert len(new_document("p", "k", None, None, {})["id"]) == 32


@pytest.mark.parametrize("wrong", ["My", "a_b", "a.b", "", "-a", "a--b", "a b"])
def test_an_id_that_is_no_slug_is_refused_with_the_originals_words(wrong):
    with pytest.raises(ValueError, match=r"^Invalid ID: .*\. Must pass slugified ID\.$"):
        new_document("p", "k", wrong, None, {})


def test_a_document_without_a_task_is_refused_with_the_originals_words():
    with pytest.raises(EntityError, match=r"^Missing task in run spec"):
        checked(new_document("p", "container+job:run", "a", None, {}))


def test_a_function_is_no_run():
    function = {"kind": "container", "project": "p", "id": "a", "name": "f", "spec": {}}
    with pytest.raises(EntityError, match="this is a Function"):
        checked(function)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"image": object()}, r"^spec\.image is of the type object; a document holds"),
        ({"args": ["a", {1, 2}]}, r"^spec\.args\[1\] is of the type set"),
        ({"x": {"y": float("nan")}}, r"^spec\.x\.y is nan, which is no number"),
        ({"envs": {1: "a"}}, r"^the key 1 in spec\.envs is no text; write '1'"),
    ],
)
def test_a_value_that_no_file_can_hold_is_named(value, said):
    with pytest.raises(EntityError, match=said):
        checked(new_document("p", "container+job:run", "a", None, {"task": TASK, **value}))


def object_of(happened: dict[str, Any], **spec: Any) -> dict[str, Any]:
    document = {"kind": "container+job:run", "project": "p", "id": "a", "spec": {"task": TASK}}
    return {"metadata": {"name": "a", "uid": "u"}, "spec": document | spec, "status": happened}


def test_the_clusters_status_counts_once_the_operator_has_seen_the_run():
    exported = {"state": "COMPLETED", "results": {"a": 1}}
    before = of_object(object_of({"state": "CREATED"}, status=exported))
    assert before["status"] == {"state": "CREATED", "results": {"a": 1}}
    after = of_object(object_of({"state": "RUNNING", "observedGeneration": 1}, status=exported, suspend=True))
    assert after["status"] == {"state": "RUNNING", "observedGeneration": 1}
    assert "suspend" not in after
    assert after["extensions"] == []


# -- files


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
    files.write_document(path, document)
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert found["spec"].get(key) == (document["spec"][key])


def test_an_export_that_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "runs-a.yaml"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_document(path, {"a": 1})
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("runs-a.yaml", "old")]


def test_an_export_has_the_permissions_of_any_new_file_and_replaces_a_link_not_its_target(tmp_path):
    target, path = tmp_path / "target", tmp_path / "runs-a.yaml"
    target.write_text("precious")
    path.symlink_to(target)
    files.write_document(path, {"a": 1})
    (tmp_path / "plain").touch()
    assert (target.read_text(), path.is_symlink()) == ("precious", False)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_readers_never_see_half_a_file(tmp_path):
    path, over, seen = tmp_path / "runs-a.yaml", threading.Event(), set()
    files.write_document(path, {"n": 0, "fill": ["x" * 50] * 2000})

    def read() -> None:
        while not over.is_set():
            seen.add(path.stat().st_size)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        files.write_document(path, {"n": 1, "fill": ["x" * 50] * 2000})
    over.set()
    reader.join()
    assert len(seen) == 1


def test_a_name_too_long_for_a_file_is_shortened():
    assert files.export_path(Path("x"), "a" * 240).name == f"runs-{'a' * 240}.yaml"
    assert len(files.export_path(Path("x"), "a" * 256).name) < 80


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
        files.read_run(path)


# -- errors


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "BadRequest", BadRequestError), (401, "Unauthorized", UnauthorizedError), (403, "Forbidden", ForbiddenError),
        (404, "NotFound", EntityNotExistsError), (409, "AlreadyExists", EntityAlreadyExistsError),
        (409, "Conflict", ConflictError), (410, "Expired", ExpiredError), (422, "Invalid", BadRequestError),
        (429, "TooManyRequests", UnavailableError), (500, "", UnavailableError), (503, "", UnavailableError),
    ],
)  # fmt: skip
def test_each_answer_is_the_error_of_its_situation(status, reason, kind):
    error = error_of(
        "GET /x", status, {"Retry-After": "7"}, f'{{"reason": "{reason}", "message": "why"}}'.encode()
    )
    assert type(error) is kind
    assert (error.status, error.reason) == (status, reason)
    assert "why" in str(error)


def test_an_answer_that_is_no_status_is_shortened_and_a_missing_crd_says_what_to_do():
    assert len(str(error_of("GET /x", 502, {}, b"<html>" * 10_000))) < 700
    assert "kubectl apply -k crds" in str(error_of("GET /x", 404, {}, b"404 page not found"))
    assert "run-operator-edit" in str(error_of("GET /x", 403, {}, b"{}"))


def test_what_the_cluster_cannot_hold_is_no_outage():
    said = error_of("POST /x", 500, {}, b'{"message": "etcdserver: request is too large"}')
    assert type(said) is BadRequestError
    assert "make it smaller" in str(said)


# -- addresses

BASE = "http://echo.ml:80"


@pytest.mark.parametrize(
    ("url", "tail"),
    [
        (None, "/"),
        (BASE, "/"),
        (f"{BASE}/v1/x?a=1", "/v1/x?a=1"),
        (f"{BASE}?a=1", "/?a=1"),
        (f"{BASE}/x#y", "/x"),
    ],
)
def test_a_url_of_the_service_is_taken_apart(url, tail):
    assert path_below(BASE, url) == tail


@pytest.mark.parametrize(
    "url",
    [
        "http://evil/", "https://echo.ml:80/", f"{BASE}80/", f"{BASE}@evil/", f"{BASE}.evil/", f"{BASE}/../x",
        f"{BASE}/a/%2e%2e/x", f"{BASE}/a/%252e%252e/x", f"{BASE}/..\\x", f"{BASE}/a b", f"{BASE}/a\r\nX: y", "", f"{BASE}/é",
    ],
)  # fmt: skip
def test_a_url_of_anything_else_is_refused(url):
    with pytest.raises(EntityError, match=r"^Invalid URL: "):
        path_below(BASE, url)


# -- the end


@pytest.mark.parametrize(
    ("kind", "state", "suspend", "over"),
    [
        ("job", "CREATED", False, False), ("job", "PENDING", False, False), ("job", "RUNNING", False, False),
        ("job", "COMPLETED", False, True), ("job", "ERROR", True, True), ("job", "STOP", True, False),
        ("job", "STOPPED", True, True), ("job", "STOPPED", False, False), ("serve", "RUNNING", False, True),
        ("serve", "RUNNING", True, False), ("serve", "PENDING", False, False), ("deploy", "STOPPED", True, True),
    ],
)  # fmt: skip
def test_what_wait_waits_for(kind, state, suspend, over):
    raw = object_of(
        {"state": state},
        kind=f"container+{kind}:run",
        spec={"task": f"container+{kind}://p/t"},
        suspend=suspend,
    )
    assert waiting.settled(raw) is over


def test_a_stop_counts_once_the_operator_has_answered_the_newest_wish():
    raw = object_of({"state": "STOPPED", "observedGeneration": 4}, suspend=True)
    raw["metadata"]["generation"] = 4
    assert waiting.settled(raw)
    assert waiting.stopped(raw)
    raw["metadata"]["generation"] = 5
    assert not waiting.settled(raw)
    assert not waiting.stopped(raw)


# -- what some kinds have


def test_image_outputs_and_results_are_read_from_the_status():
    task = {"task": "container+build://p/t"}
    raw = object_of(
        {"state": "COMPLETED", "outputs": {"image": "x:1"}}, kind="container+build:run", spec=task
    )
    assert Run.from_object(raw, None).image == "x:1"
    status = {"state": "COMPLETED", "outputs": {"m": "store://p/model/m"}, "results": {"acc": 0.5, "n": None}}
    spec = {"task": "python+job://p/t", "inputs": {"d": "store://p/d"}}
    run = Run.from_object(object_of(status, kind="python+job:run", spec=spec), None)
    assert (run.inputs(), run.outputs()) == ({"d": "store://p/d"}, {"m": "store://p/model/m"})
    assert (run.output("m"), run.output("x"), run.results()) == (
        "store://p/model/m",
        None,
        {"acc": 0.5, "n": None},
    )
    assert (run.result("acc"), run.result("x")) == (0.5, None)


# -- finding


def test_conditions_of_a_list_are_met_together():
    document = {
        "id": "abc",
        "kind": "container+job:run",
        "user": "u",
        "spec": {"task": TASK},
        "metadata": {"created": "2026-11"},
    }
    assert matches(
        document, {"user": "u", "created": "2026", "q": "JOB", "action": "job", "task": TASK, "name": None}
    )
    for wrong in (
        {"user": "v"},
        {"created": "2025"},
        {"q": "zzz"},
        {"action": "serve"},
        {"task": "x"},
        {"function": "f"},
    ):
        assert not matches(document, wrong)


def test_a_selector_cannot_be_broken_out_of():
    assert selector(project="a,b=c\\d", state="RUNNING") == "spec.project=a\\,b\\=c\\\\d,status.state=RUNNING"


# -- metrics


class Scalar:
    """As numpy's and torch's."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def item(self) -> Any:
        return self._value


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1),
        (1.5, 1.5),
        ([1, 2.5], [1, 2.5]),
        ((1, 2), [1, 2]),
        ([], []),
        (Scalar(0.5), 0.5),
        ([Scalar(2)], [2]),
    ],
)
def test_numbers_are_taken(value, found):
    assert metrics.checked("loss", value) == found


@pytest.mark.parametrize(
    "value",
    [
        "1.5",
        None,
        True,
        {},
        [[1]],
        [True],
        float("nan"),
        float("inf"),
        [float("nan")],
        Scalar("x"),
        Scalar(True),
        b"1",
    ],
)
def test_everything_else_is_refused(value):
    with pytest.raises(ValueError, match=r"^Invalid metric value"):
        metrics.checked("loss", value)


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 129, 3, None])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(ValueError, match=r"^Invalid metric key"):
        metrics.checked(key, 1)


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("https://x:8443/v1/namespaces/ml/runs/a/metrics", True),
        ("https://x:8443/v1/namespaces/ml/runs/b/metrics", False),
        ("", False),
    ],
)
def test_a_program_knows_whether_the_run_is_its_own(monkeypatch, url, inside):
    monkeypatch.setenv("RUN_METRICS_URL", url)
    assert metrics.inside("ml", "a") is inside


# -- the terminal


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), max_size=300))
def test_a_chart_of_anything_fits_and_says_its_bounds(values):
    lines = list(chart(values, width=60))
    assert all(len(line) <= 60 for line in lines)
    numbers = [value for value in values if value is not None]
    assert len(lines) == (8 if numbers else 1)
    if numbers:
        assert f"{max(numbers):.4g}" in lines[0]


def test_a_falling_curve_falls():
    lines = [line.partition("┤")[2] for line in chart([8, 7, 6, 5, 4, 3, 2, 1], width=40)]
    first = [next(at for at, dot in enumerate(line) if dot != "\u2800") for line in lines]
    assert first == sorted(first)


@pytest.mark.parametrize(
    ("text", "value"), [("250m", 0.25), ("2", 2), ("64Mi", 2**26), ("3n", 3e-9), ("x", 0), ("", 0)]
)
def test_quantities(text, value):
    assert quantity(text) == pytest.approx(value)


@given(st.text())
def test_what_is_made_visible_is_one_line(text):
    assert visible(text).isprintable()


def modules_after(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules, sep='\\n')"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(Path("operator").resolve())},
    )  # fmt: skip
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("name", run_operator.__all__)
def test_the_client_is_imported_without_the_operators_dependencies(name):
    found = modules_after(f"from run_operator import {name}")
    assert not found & {"kopf", "aiohttp", "prometheus_client", "cryptography"}
    assert "kubernetes" in found


def test_the_help_loads_neither_the_kubernetes_client_nor_yaml():
    program = "from run_operator.client.cli.main import cli; cli(['--help'], standalone_mode=False)"
    found = modules_after(program)
    assert not found & {"kopf", "aiohttp", "kubernetes", "yaml", "urllib3"}


def test_what_the_package_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        run_operator.nonsense  # noqa: B018
