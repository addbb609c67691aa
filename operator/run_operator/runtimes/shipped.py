"""The message of a Run whose kind has no Runtime: the object to apply, or why no object would help."""

from __future__ import annotations

import difflib
from typing import Final

from run_operator.document.kinds import RUNTIMES, Kind
from run_operator.workloads.fields import UnresolvedError, UnsupportedError, WorkloadError

FOLDER: Final = "manifests/runtimes"
SHIPPED: Final[dict[str, str]] = {
    "sklearnserve+serve": "sklearnserve",
    "mlflowserve+serve": "mlflowserve",
    "huggingfaceserve+serve": "huggingfaceserve",
    "vllmserve-text+serve": "vllmserve",
    "vllmserve-speech+serve": "vllmserve",
    "vllmserve-pooling+serve": "vllmserve",
    "kubeai-text+serve": "kubeai",
    "kubeai-speech+serve": "kubeai",
    "openinference+serve": "openinference",
    "guardrail+serve": "guardrail",
    "servicegraph+serve": "servicegraph",
    "dbt+transform": "dbt",
    "flower-app+train": "flower",
    "flower-server+deploy": "flower",
    "flower-client+deploy": "flower",
    "mlflowserve+build": "mlflowserve",
    "flower-server+build": "flower",
    "flower-client+build": "flower",
}
"""The kinds that a file of manifests/runtimes makes run."""
_KFP: Final = "its workflow is written for Kubeflow Pipelines; write it with hera (docs/pipelines.md), or apply a Run for each of its steps"
COMPONENTS: Final[dict[str, str]] = {"kfp": _KFP}
"""By runtime: what else it would take."""
HOW_TO: Final = "docs/runtimes.md shows how to write one"
REASON: Final = "RuntimeNotFound"
CUTOFF: Final = 0.85
"""How alike two kinds are, from 0 to 1, of which one is taken for a typing error."""


def missing(kind: Kind) -> WorkloadError:
    """Nobody stands for this kind. An UnresolvedError may pass: the Run waits for a Runtime."""
    label = kind.label
    if file := SHIPPED.get(label):
        return UnresolvedError(
            REASON,
            f"{label} needs a ClusterRuntime: an administrator applies {FOLDER}/{file}.yaml "
            f"(kubectl apply -f {FOLDER}/{file}.yaml)",
        )
    actions = RUNTIMES.get(kind.runtime)
    if actions is not None and kind.action not in actions:
        known = ", ".join(actions)
        return UnsupportedError(
            "UnsupportedKind", f"{kind.runtime} has no action {kind.action}; it has {known}"
        )
    if component := COMPONENTS.get(kind.runtime):
        return UnresolvedError(
            REASON,
            f"{label} needs a ClusterRuntime, and this operator comes without one: {component}; {HOW_TO}",
        )
    return UnresolvedError(
        REASON,
        f"{label} needs a Runtime or ClusterRuntime whose spec.kinds has {label}:run{_nearest(label)}; {HOW_TO}",
    )


def _nearest(label: str) -> str:
    """`; did you mean container+job?`, or an empty text."""
    known = [f"{runtime}+{action}" for runtime, actions in RUNTIMES.items() for action in actions]
    found = difflib.get_close_matches(label, known, n=1, cutoff=CUTOFF)
    return f"; did you mean {found[0]}?" if found else ""
