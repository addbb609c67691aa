"""docs/kinds.md, written from the kinds of the platform and the Runtimes that are shipped: `python -m tests.support.kinds_page` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from run_operator.document.kinds import RUNTIMES, Kind
from run_operator.runtimes.shipped import FOLDER, SHIPPED, missing
from run_operator.workloads.builder import SUPPORTED
from run_operator.workloads.pipeline_kinds import STEPS
from tests.support.runtimes import ROOT, shipped

PAGE: Final = ROOT / "docs" / "kinds.md"
START: Final = """\
# Kinds and actions

<!-- Written by `make docs` from the kinds of the platform and manifests/runtimes. -->

How a Run of each kind of the platform is carried out. A kind that is not here runs too, with [a Runtime of your own](runtimes.md). What a
Runtime does not use of a document is reported in the Run's condition `NotApplied`.

| kind | here | as | how |
|---|---|---|---|
"""
END: Final = """
An action that a kind does not have ends a Run with `UnsupportedKind`. A Run whose kind needs something waits in CREATED, with the sentence of
this table in its message, and starts when it is applied.
"""


def text() -> str:
    """The whole page."""
    rows = [
        row
        for runtime, actions in RUNTIMES.items()
        for action in actions
        for row in _rows(Kind(runtime, action))
    ]
    return START + "".join(f"{row}\n" for row in rows) + END


def _rows(kind: Kind) -> Iterator[str]:
    label = kind.label
    if label in SUPPORTED:
        here, how = (
            ("runs with a registry", "[built in](builds.md), once the operator knows a registry")
            if (kind.action == "build")
            else ("runs", "built in")
        )
        yield f"| `{label}` | {here} | {_word(SUPPORTED[label].child_kind)} | {how} |"
    elif label in SHIPPED:
        spec = _spec(label)
        built = spec.get("document", {}).get("kind", "").removesuffix(":run")
        word = (
            _word(SUPPORTED[built].child_kind)
            if built
            else f"{spec['resource']['kind']} of {spec['resource']['component']}"
        )
        file = f"{FOLDER}/{SHIPPED[label]}.yaml"
        yield (
            f"| `{label}` | runs with a ClusterRuntime | {word} | `kubectl apply -f {file}`: "
            f"{spec['description']} |"
        )
    else:
        yield f"| `{label}` | waits | | {missing(kind)} |"


def _spec(label: str) -> dict[str, Any]:
    return next(raw["spec"] for raw in shipped() if f"{label}:run" in raw["spec"]["kinds"])


def _word(child: str) -> str:
    return {"Deployment": "service", STEPS: "Runs, one for each step"}.get(child, "job")


if __name__ == "__main__":
    Path(PAGE).write_text(text())
