"""Workflows as the SDK writes them, small ones of these tests and those of the platform's tutorials."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import yaml

TUTORIALS = sorted((Path(__file__).parents[1] / "data" / "workflows").glob("*.yaml"))


def task(name: str, *after: str, arguments: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A step of a DAG; its template has the same name."""
    given = [{"name": key, "value": value} for key, value in (arguments or {}).items()]
    found = {
        "name": name,
        "template": name,
        "depends": " && ".join(after),
        "arguments": {"parameters": given},
    }
    return {key: value for key, value in found.items() if value} | more


def template(
    name: str,
    inputs: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    function: str = "container",
    **fields: Any,
) -> dict[str, Any]:
    """The container of a step that runs the function of the same name."""
    kwargs = json.dumps({"action": "job", **fields})
    entity = f"store://demo/function/{function}/{name}:v1"
    return {
        "name": name,
        "container": {
            "image": "x", "command": ["python"], "args": ["step.py", "--entity", entity, "--kwargs", kwargs],
        },
        "inputs": {"parameters": [{"name": one} for one in inputs]},
        "outputs": {"parameters": [{"name": one, "valueFrom": {"path": f"/out/{one}"}} for one in outputs]},
    }  # fmt: skip


def workflow(tasks: list[dict[str, Any]], *templates: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """The whole document; without templates each task gets a plain one."""
    made = list(templates) or [template(one["name"]) for one in tasks]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "spec": {"entrypoint": "dag", "templates": [{"name": "dag", "dag": {"tasks": tasks}}, *made], **spec},
    }


def chain() -> dict[str, Any]:
    """`train` waits for `prepare` and takes its data set; the workflow has the parameter `url`."""
    return workflow(
        [
            task("prepare"),
            task("train", "prepare", arguments={"di": "{{tasks.prepare.outputs.parameters.dataset}}"}),
        ],
        template("prepare", outputs=("dataset",), args=["{{workflow.parameters.url}}"]),
        template("train", inputs=("di",), args=["--data={{inputs.parameters.di}}"]),
        arguments={"parameters": [{"name": "url"}]},
    )


def dumped(document: Any) -> bytes:
    """Its YAML."""
    return yaml.safe_dump(document, sort_keys=False).encode()


def build(document: Any) -> dict[str, str]:
    """`spec.build` of a workflow."""
    return {"base64": base64.b64encode(dumped(document)).decode(), "lang": "yaml"}
