"""What the SDK no longer has, beside a stand-in for MLflow: the real one is too large for the tests' environment."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace as Some

import pytest

from run_operator.runner.mlflow_run import AddOnImport, from_mlflow_run, get_mlflow_model_metrics

DATASET = Some(name="iris", digest="d", profile=None, schema="{}", source="{}", source_type="code")
RUN = Some(
    info=Some(artifact_uri="file:///shared/ml%20runs/0/abc/artifacts"),
    data=Some(params={"C": "1"}, metrics={"score": 0.9}),
    inputs=Some(dataset_inputs=[Some(dataset=DATASET)]),
)
INPUTS = Some(to_json=lambda: "[]")
INFO = Some(
    flavors={"python_function": {}, "sklearn": {}}, signature=Some(inputs=INPUTS, outputs=None, params=None)
)


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("mlflow")
    models = Some(get_model_info={"runs:/abc/model": INFO}.get)
    vars(module).update(get_run={"abc": RUN}.get, models=models)
    monkeypatch.setitem(sys.modules, "mlflow", module)


@pytest.mark.usefixtures("mlflow")
def test_a_run_of_mlflow_becomes_what_the_sdk_logs():
    assert from_mlflow_run("abc") == {
        "source": "/shared/ml runs/0/abc/artifacts/model",
        "framework": "sklearn",
        "flavor": "sklearn",
        "parameters": {"C": "1"},
        "model_config": {},
        "signature": {"inputs": "[]", "outputs": None, "params": None},
        "input_datasets": [
            {
                "name": "iris", "digest": "d", "profile": None, "source": "{}", "source_type": "code", "dataset_schema": "{}",
            }
        ],
    }  # fmt: skip
    assert get_mlflow_model_metrics("abc") == {"score": 0.9}


@pytest.fixture
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "digitalhub", raising=False)
    monkeypatch.setattr(sys, "meta_path", [AddOnImport(), *sys.meta_path])
    yield tmp_path / "digitalhub.py"
    sys.modules.pop("digitalhub", None)


def test_they_are_added_when_the_sdk_is_imported_and_once(sdk):
    sdk.write_text("def get_project():\n    pass\n")
    module = importlib.import_module("digitalhub")
    assert module.from_mlflow_run is from_mlflow_run
    assert not [finder for finder in sys.meta_path if isinstance(finder, AddOnImport)]


def test_the_sdks_own_are_left(sdk):
    sdk.write_text("from_mlflow_run = 'its own'\n")
    assert importlib.import_module("digitalhub").from_mlflow_run == "its own"
