"""A MetricBatch as Python: values that somebody outside of a Run's pods wants in its metrics.

A person or a program with the right to create MetricBatches makes one, the operator stores its values in the Run and
deletes it. So nobody but the operator writes a status, and all that is needed is a way to the API server. The name of a batch is its watermark in the Run:
one that is created again because an answer was lost counts once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.constants import API_VERSION, METRIC_BATCH_KIND
from run_operator.api.raw import JSON, mapping, number, text
from run_operator.api.run import Key
from run_operator.metrics.protocol import Batch, MalformedError, of_operations, read

WRITER: Final = "outside"
"""The part of a writer's name where that of a pod has the pod's uid."""
STORED: Final = "Stored"
"""With notes: some values are not stored as they were given. Without notes a batch is deleted at once."""
REFUSED: Final = "Refused"
LONGEST_STEM: Final = 200
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class OutsideBatch:
    """One object, checked."""

    run: Key
    uid: str
    """The uid that the Run must have; empty: any."""
    attempt: int
    """The attempt that the metrics belonged to when the sender looked; 0: it did not."""
    writer: str
    batch: Batch


def checked(ops: Sequence[JSON]) -> Batch:
    """The operations, checked as the ingest checks those of pods. Raises RefusedBatchError."""
    return read(json.dumps({"writer": WRITER, "seq": 1, "ops": list(ops), "end": True}).encode())


def body(run: JSON, ops: Sequence[JSON], token: str) -> dict[str, Any]:
    """The object to create for this Run, as it was read. `token`: a random name of the call."""
    name = str(run["metadata"]["name"])
    spec = {"run": name, "runUID": str(run["metadata"]["uid"]), "attempt": _attempt(run), "ops": list(ops)}
    metadata = {"name": f"{name[:LONGEST_STEM]}-{token}"}
    return {"apiVersion": API_VERSION, "kind": METRIC_BATCH_KIND, "metadata": metadata, "spec": spec}


def from_object(raw: JSON) -> OutsideBatch:
    """The part of it that the operator reads. Raises RefusedBatchError."""
    metadata, spec = mapping(raw.get("metadata")), mapping(raw.get("spec"))
    ops, run = spec.get("ops"), text(spec.get("run"))
    if not _NAME.fullmatch(run):
        raise MalformedError(f"spec.run: {run[:60]!a} is not a valid name of a Run")
    return OutsideBatch(
        Key(text(metadata.get("namespace")), run),
        text(spec.get("runUID")),
        number(spec.get("attempt")),
        f"{WRITER}/{text(metadata.get('name'))}",
        of_operations(WRITER, ops if isinstance(ops, list) else []),
    )


def is_answered(raw: JSON) -> bool:
    """Whether the operator has answered it."""
    return bool(mapping(raw.get("status")).get("state"))


def refusal(raw: JSON) -> str:
    """Why it was refused; empty where it was not."""
    status = mapping(raw.get("status"))
    return text(status.get("message")) or "refused" if status.get("state") == REFUSED else ""


def notes(raw: JSON) -> list[str]:
    """Notes about values that were stored differently."""
    found = mapping(raw.get("status")).get("notes")
    return [str(one) for one in found] if isinstance(found, list) else []


def advice(namespace: str, refused: str) -> str:
    """Advice for a caller that may create none, by the words of the API server."""
    if "quota" in refused:
        return "The operator deletes MetricBatches when it has stored them: try again in a moment"
    return (
        "An administrator of the cluster can allow it: "
        f"kubectl create rolebinding log-metrics -n {namespace} --clusterrole=run-operator-metrics --user=..."
    )


def _attempt(run: JSON) -> int:
    """The attempt of the stored metrics, else the attempt of the Run."""
    status = mapping(run.get("status"))
    known = number(mapping(status.get("metricsIngest")).get("attempt"))
    return known or max(1, number(status.get("attempt")))
