"""Documents in, objects out, as files that somebody who knows only YAML can check: tests/data/golden/<case>/.

`GOLDEN=write pytest tests/unit/workloads/test_golden.py` writes the expected files again, for review by git diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator.api.exported import manifest
from run_operator.api.references import Catalog, EntityView
from run_operator.api.run import Run
from run_operator.document.entity import load
from run_operator.document.yaml_writer import write
from run_operator.resolution.resolve import resolve
from run_operator.workloads.builder import build
from run_operator.workloads.environment import RESERVED
from run_operator.workloads.types import Options
from tests.support.builders import UID, profiles

DATA = Path(__file__).parents[2] / "data"
OURS = ("app.kubernetes.io/", "run-operator.io/")
CASES = {
    "function-only": DATA / "exports" / "container-job-function-only.yaml",
    "profile": DATA / "exports" / "container-job-full.yaml",
    "legacy-job": DATA / "golden" / "legacy-job" / "run.yaml",
    "legacy-serve": DATA / "exports" / "legacy-0.13-container-serve.yaml",
    "volumes": DATA / "golden" / "volumes" / "run.yaml",
}


def as_object(path: Path) -> dict[str, Any]:
    made = manifest(load(path.read_bytes()), namespace="ml")
    made["metadata"] |= {"uid": UID, "resourceVersion": "1", "generation": 1}
    return made


def catalog_of(folder: Path) -> Catalog:
    found = Catalog()
    for name, read in (("function", EntityView.function), ("task", EntityView.task)):
        if (folder / f"{name}.yaml").exists():
            raw = as_object(folder / f"{name}.yaml")
            raw["metadata"]["uid"] = name
            found.put(read(raw))
    if (folder / "profiles.yaml").exists():
        found.put(profiles(yaml.safe_load((folder / "profiles.yaml").read_text()), namespace="run-operator"))
    return found


def telling(body: dict[str, Any]) -> dict[str, Any]:
    """Without what is the same for every Run and tested elsewhere: our labels, owners, the Run's own variables."""
    labels = {key: value for key, value in body["metadata"]["labels"].items() if not key.startswith(OURS)}
    kept: dict[str, Any] = {"kind": body["kind"], "name": body["metadata"]["name"], "labels": labels}
    kept |= {key: body[key] for key in ("binaryData", "spec") if key in body}
    if "template" in kept.get("spec", {}):
        pod = kept["spec"]["template"]["spec"]
        del kept["spec"]["template"]["metadata"]
        (container,) = pod["containers"]
        container["env"] = [entry for entry in container["env"] if entry["name"] not in RESERVED]
    return kept


@pytest.mark.parametrize("case", CASES)
def test_what_becomes_of_a_document(case):
    folder = DATA / "golden" / case
    made = resolve(Run.from_object(as_object(CASES[case])), catalog_of(folder), Options())
    assert made.error is None, made.error
    workload = build(made.run, 1, Options())
    objects = [*workload.needs, *([workload.service] if workload.service else []), workload.child]
    warnings = [f"# warning: {text}\n" for text in (*made.warnings, *workload.warnings)]
    text = "".join(warnings) + "---\n".join(write(telling(body)) for body in objects)
    expected = folder / "objects.yaml"
    if os.environ.get("GOLDEN") == "write":
        expected.write_text(text)
    assert text == expected.read_text()
