"""Two functions that the SDK had until its version 0.14 and that functions of its tutorials still import: a run of MLflow as a model.

They are added to the module `digitalhub` when it is imported and has none of its own.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

SDK = "digitalhub"
PYTHON = "python_function"
"""The flavor that every model has besides its own."""


class AddOnImport:
    """A finder that finds nothing itself: it completes the SDK when somebody imports it, and is gone then."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """No answer for any other module, which is what the next finder is for."""
        if name != SDK:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                self._complete(spec.loader)
                return spec
        return None

    def _complete(self, loader: Any) -> None:
        run = loader.exec_module

        def exec_module(module: Any) -> None:
            run(module)
            add(vars(module))

        with contextlib.suppress(AttributeError):
            loader.exec_module = exec_module


def add(names: MutableMapping[str, Any]) -> None:
    """Add what is not there."""
    for function in (from_mlflow_run, get_mlflow_model_metrics):
        names.setdefault(function.__name__, function)


def from_mlflow_run(run_id: str) -> dict[str, Any]:
    """Arguments of `log_model(kind="mlflow")` for the model `model` of a run of MLflow."""
    import mlflow

    run = mlflow.get_run(run_id)
    info = mlflow.models.get_model_info(f"runs:/{run_id}/model")
    flavor = next((name for name in info.flavors if name != PYTHON), None)
    return {
        "source": unquote(urlsplit(run.info.artifact_uri).path) + "/model",
        "framework": flavor,
        "flavor": flavor,
        "parameters": dict(run.data.params),
        "model_config": (info.flavors.get(PYTHON) or {}).get("model_config") or {},
        "signature": _signature(info.signature),
        "input_datasets": _datasets(getattr(getattr(run, "inputs", None), "dataset_inputs", None) or ()),
    }


def get_mlflow_model_metrics(run_id: str) -> dict[str, float]:
    """The last values that a run of MLflow has logged, by name."""
    import mlflow

    return dict(mlflow.get_run(run_id).data.metrics)


def _signature(given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    parts = {name: getattr(given, name, None) for name in ("inputs", "outputs", "params")}
    return {name: part.to_json() if part else None for name, part in parts.items()}


def _datasets(given: Sequence[Any]) -> list[dict[str, Any]]:
    same = ("name", "digest", "profile", "source", "source_type")
    return [
        {name: getattr(one.dataset, name) for name in same} | {"dataset_schema": one.dataset.schema}
        for one in given
    ]
