"""A Run as the platform's own programs know it: with the fields of its Function and its Task, which the backend there merges into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from run_operator.api.raw import mapping, text
from run_operator.api.record_signer import RecordSigner
from run_operator.api.references import ResolvedRecord
from run_operator.document.merge import merge


def merged(raw: Mapping[str, Any], signer: RecordSigner | None) -> dict[str, Any]:
    """The object with the spec that it was started with. A record that the operator did not sign is not used."""
    found, status = dict(raw), mapping(raw.get("status"))
    resolved, uid = mapping(status.get("resolved")), text(mapping(raw.get("metadata")).get("uid"))
    if signer is None or not resolved or not signer.is_genuine(uid, resolved):
        return found
    record = ResolvedRecord.of_status(status)
    if record.function is None:
        return found
    spec = mapping(raw.get("spec"))
    task = record.task.spec if record.task else {}
    whole = merge(task, mapping(spec.get("spec")), record.function.spec)
    return found | {"spec": {**spec, "spec": whole}}
