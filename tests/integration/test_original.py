"""The client beside the original DigitalHub SDK.

Names, arguments and defaults are written down here, as the SDK has them, and compared with both lines of the real one, which
also load exported files. They have environments of their own (requirements/sdk.lock, sdk-next.lock).
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import run_operator
from run_operator import Run
from run_operator.api.exported import of_object
from run_operator.client.documents import write_document
from run_operator.document.entity import load
from tests.support.gateway_process import LINES

EXPORTS = Path(__file__).parents[1] / "data" / "exports"
NONE = "None"
METHODS: dict[str, dict[str, str]] = {
    "save": {"update": "False"},
    "export": {},
    "refresh": {},
    "wait": {"log_info": "True"},
    "stop": {},
    "resume": {},
    "logs": {},
    "log_metric": {"key": "", "value": "", "overwrite": "False", "single_value": "False"},
    "log_metrics": {"metrics": "", "overwrite": "False"},
    "to_dict": {},
}
FUNCTIONS: dict[str, dict[str, str]] = {
    "new_run": {"project": "", "kind": "", "uuid": NONE, "labels": NONE, "task": NONE},
    "get_run": {"identifier": "", "project": NONE},
    "import_run": {"file": NONE, "key": NONE, "reset_id": "False", "context": NONE},
    "load_run": {"file": ""},
    "update_run": {"entity": ""},
    "delete_run": {"identifier": "", "project": NONE, "entity_id": NONE},
}
LISTED = (
    "project",
    "q",
    "name",
    "kind",
    "user",
    "state",
    "created",
    "updated",
    "function",
    "workflow",
    "task",
    "action",
)
NEXT: dict[str, dict[str, dict[str, str]]] = {
    "methods": {"save": {}, "update": {}, "logs": {"as_entity": "False"}},
    "functions": {
        "new_run": {"project": "", "kind": "", "uuid": NONE, "name": NONE, "labels": NONE, "task": NONE}
    },
}
"""What is different in 0.16."""
READER = """
import inspect, json, sys
from digitalhub.entities.run import crud
from digitalhub.entities.run._base.entity import Run
from digitalhub.factory.entity import entity_factory
from digitalhub.utils.io_utils import read_yaml
def signature_of(do):
    skipped = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    found = [p for p in inspect.signature(do).parameters.values() if p.name != "self" and p.kind not in skipped]
    return {p.name: "" if p.default is p.empty else repr(p.default) for p in found}
asked = json.load(sys.stdin)
loaded = [entity_factory.build_entity_from_dict(read_yaml(file)).to_dict() for file in asked["files"]]
print(json.dumps({
    "methods": {name: signature_of(getattr(Run, name)) for name in asked["methods"]},
    "functions": {name: signature_of(getattr(crud, name)) for name in asked["functions"]},
    "loaded": loaded,
}))
"""


def signature_of(do: Callable[..., Any]) -> dict[str, str]:
    """The arguments that can be given by position, with their defaults."""
    ordinary = inspect.Parameter.POSITIONAL_OR_KEYWORD
    found = [p for p in inspect.signature(do).parameters.values() if p.name != "self" and p.kind is ordinary]
    return {p.name: "" if p.default is p.empty else repr(p.default) for p in found}


@pytest.mark.parametrize("name", METHODS)
def test_methods_begin_with_the_originals_arguments(name):
    ours = signature_of(getattr(Run, name))
    assert list(ours.items())[: len(METHODS[name])] == list(METHODS[name].items())
    assert "" not in list(ours.values())[len(METHODS[name]) :], "what is ours alone has a default"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_the_originals_arguments(name):
    """In its order and with its defaults; what the original needs may have a default here."""
    ours, theirs = signature_of(getattr(run_operator, name)), FUNCTIONS[name]
    assert list(ours) == list(theirs)
    assert {key: default for key, default in ours.items() if theirs[key]} == {
        key: default for key, default in theirs.items() if default
    }


def test_list_runs_has_the_originals_arguments_and_needs_none():
    assert signature_of(run_operator.list_runs) == dict.fromkeys(LISTED, NONE)


def test_the_real_sdk_agrees_and_loads_what_we_export(tmp_path, line):
    files = [str(_exported(tmp_path, path)) for path in sorted(EXPORTS.glob("container-*.yaml"))]
    different = NEXT if line == "0.16" else {}
    methods = METHODS | different.get("methods", {})
    functions = FUNCTIONS | different.get("functions", {})
    asked = {"methods": list(methods), "functions": [*FUNCTIONS, "list_runs"], "files": files}
    done = subprocess.run(
        [str(LINES[line]), "-c", READER], input=json.dumps(asked), env=os.environ | {"DHCORE_ENDPOINT": "http://127.0.0.1:1"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert answer["methods"] == methods
    listed = dict.fromkeys(LISTED, NONE) | {"project": ""}
    assert answer["functions"] == functions | {"list_runs": listed}
    for found, file in zip(answer["loaded"], files, strict=True):
        document = load(Path(file).read_bytes()).document
        assert found["spec"] == document["spec"]
        assert found["status"]["state"] == "COMPLETED"
        assert found["status"]["metrics"] == {"loss": [0.5, 0.25], "acc": 1}


def _exported(folder: Path, path: Path) -> Path:
    """The document as `Run.export` writes it when the Run has been in the cluster."""
    document = load(path.read_bytes()).document
    status = {
        "state": "COMPLETED", "observedGeneration": 1, "message": "exited with code 0", "attempt": 1,
        "conditions": [{"type": "Complete", "status": "True", "reason": "CompletionsReached"}],
        "attempts": [{"attempt": 1, "exitCode": 0}], "transitions": [{"status": "COMPLETED", "time": "2026-11-24T10:00:00Z"}],
        "metrics": {"loss": [0.5, 0.25], "acc": 1}, "outputs": {"image": "a"}, "results": {"b": 1},
    }  # fmt: skip
    file = folder / path.name
    write_document(file, of_object({"metadata": {"name": "x"}, "spec": document, "status": status}))
    return file
