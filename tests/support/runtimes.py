"""Runtimes for tests: those of manifests/runtimes, and one made by hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from run_operator.api.references import Catalog
from run_operator.api.runtime_object import RuntimeView

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "manifests" / "runtimes"


@cache
def shipped() -> tuple[dict[str, Any], ...]:
    """Every object of manifests/runtimes that is a ClusterRuntime, as an API server would serve it."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        found += [
            raw for raw in yaml.safe_load_all(path.read_text()) if raw and raw.get("kind") == "ClusterRuntime"
        ]
    for i, raw in enumerate(found):
        raw["metadata"] |= {
            "uid": f"uid-{raw['metadata']['name']}",
            "generation": 1,
            "resourceVersion": str(i + 1),
        }
    return tuple(found)


def catalog(*raws: dict[str, Any]) -> Catalog:
    """These Runtimes; without any, the shipped ones."""
    found = Catalog()
    for raw in raws or shipped():
        found.put(RuntimeView.from_object(raw))
    return found


def runtime(name: str = "echo", *, namespace: str = "", **spec: Any) -> dict[str, Any]:
    """A Runtime that stands for echo+serve; `spec`: other parts of it, and `version`, `generation`."""
    generation, version = spec.pop("generation", 1), spec.pop("version", "5")
    metadata = {"name": name, "uid": f"uid-{name}", "generation": generation, "resourceVersion": version}
    return {
        "apiVersion": "run-operator.io/v1alpha1",
        "kind": "Runtime" if namespace else "ClusterRuntime",
        "metadata": metadata | ({"namespace": namespace} if namespace else {}),
        "spec": {
            "kinds": ["echo+serve:run"],
            "settings": {"image": "example.org/echo:1"},
            "fields": {
                "text": {"required": True, "example": "hello"},
                "times": {"type": "integer", "default": 1},
            },
            "document": {
                "kind": "container+serve:run",
                "spec": {
                    "image": "${settings.image}",
                    "args": ["--text=${run.spec.text}", "--times=${run.spec.times}"],
                    "envs": [{"name": "WHO", "value": "${run.name}"}],
                    "service_ports": [{"port": 80, "target_port": 8080}],
                },
            },
            "readiness": {"path": "/ready"},
        }
        | spec,
    }


def widgets(**state: str) -> dict[str, Any]:
    """A ClusterRuntime whose Runs become a Widget of another operator."""
    spec = {
        "kinds": ["widget+serve:run", "widget+train:run"],
        "fields": {"size": {"type": "integer", "default": 1}},
        "resource": {
            "apiVersion": "example.org/v1", "kind": "Widget", "plural": "widgets", "component": "Widgets (example.org)",
            "spec": {"size": "${run.spec.size}"},
            "state": {
                "running": "${has(object.status.phase) && object.status.phase == 'Up'}",
                "succeeded": "${has(object.status.phase) && object.status.phase == 'Done'}",
                "failed": "${has(object.status.phase) && object.status.phase == 'Broken'}",
                "message": "${has(object.status.phase) ? 'it is ' + object.status.phase : 'nothing yet'}",
                "url": "${run.name}.example.org:80",
            }
            | state,
        },
    }  # fmt: skip
    made = runtime("widgets")
    return {**made, "spec": spec}
