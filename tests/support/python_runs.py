"""Runs of Python functions, as a person applies them."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.e2e.conftest import manifest
from tests.support.harness import EXPORTS, Person, condition

PLAIN = "docker.io/library/python:3.12-slim"
"""An image with Python and nothing of ours."""


def function(
    person: Person,
    name: str,
    code: str,
    handler: str = "run",
    *,
    kind: str = "python+job:run",
    project: str = "demo",
    policy: dict[str, Any] | None = None,
    **spec: Any,
) -> None:
    """A Run of this code, as an export has it."""
    encoded = base64.b64encode(code.encode()).decode()
    source = {"source": "main.py", "handler": handler, "base64": encoded, "lang": "python"}
    if "init_function" in spec:
        source["init_function"] = spec.pop("init_function")
    inner = {
        "task": f"{kind.removesuffix(':run')}://demo/task",
        "source": source,
        "local_execution": False,
        **({"image": PLAIN} if "python_version" not in spec else {}),
        **spec,
    }
    body = {
        "apiVersion": "run-operator.io/v1alpha1",
        "kind": "Run",
        "metadata": {"name": name},
        "spec": {"kind": kind, "project": project, "id": name, "runPolicy": policy or {}, "spec": inner},
    }
    person.kubectl("create", "-f", "-", stdin=json.dumps(body))


def failed(person: Person, name: str) -> tuple[str, str]:
    """Reason and message of a Run that ends in ERROR."""
    status = person.becomes(name, "ERROR", 120)
    return condition(status, "Failed")["reason"], status["message"]


def suspend(person: Person, name: str, value: bool) -> None:
    """Stop the Run, or resume it."""
    person.kubectl("patch", "run", name, "--type=merge", "-p", json.dumps({"spec": {"suspend": value}}))


def apply_export(person: Person, export: str, replaced: dict[str, str] | None = None) -> str:
    """Create what runctl makes of an export, with texts of it replaced; the name of the object."""
    text = (EXPORTS / f"{export}.yaml").read_text()
    for old, new in (replaced or {}).items():
        assert old in text
        text = text.replace(old, new)
    path = Path(tempfile.mkdtemp()) / f"{export}.yaml"
    path.write_text(text)
    created = person.kubectl("create", "-f", "-", "-o", "name", stdin=manifest(path)).stdout
    return created.strip().partition("/")[2]
