"""The alerts and panels of `manifests/components/monitoring`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "manifests" / "components" / "monitoring"


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((FOLDER / "prometheus-rule.yaml").read_text())
    return [rule for group in document["spec"]["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    text = yaml.safe_load((FOLDER / "dashboard.yaml").read_text())["data"]["run-operator.json"]
    found: list[dict[str, Any]] = json.loads(text)["panels"]
    return found
