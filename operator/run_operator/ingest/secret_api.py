"""Secrets for pods of a Run: the names of those that its document names, without values.

The operator may not read Secrets. In the pod they are variables, and the SDK's helper module
(`client/pod/sitecustomize.py`) puts the values into the answer there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from run_operator.api.raw import JSON
from run_operator.api.run import Run
from run_operator.http.server import OK, Answer, DeniedError

PATH: Final = re.compile(r"/api/v1/-/([^/]+)/secrets(?:/(data))?")


def secrets(run: Run, part: str | None, query: Mapping[str, str]) -> Answer:
    """The list of Secrets, or the names whose values the pod adds. Raises DeniedError for any other name."""
    named = [name for name in run.spec.get("secrets") or () if isinstance(name, str)]
    if part is None:
        wanted = query.get("name")
        return Answer(OK, page([_document(run, name) for name in named if wanted in (None, "", name)]))
    keys = [key.strip() for key in query.get("keys", "").split(",") if key.strip()]
    for key in keys:
        if key not in named:
            raise DeniedError(
                403, f"run {run.id} does not name the secret {key[:80]!r}: add it to spec.spec.secrets"
            )
    return Answer(OK, dict.fromkeys(keys, ""))


def page(content: list[JSON]) -> JSON:
    """One page with all items."""
    count = len(content)
    return {
        "content": content, "totalElements": count, "totalPages": 1 if count else 0, "number": 0, "size": max(1, count),
        "numberOfElements": count, "first": True, "last": True, "empty": not count,
    }  # fmt: skip


def _document(run: Run, name: str) -> dict[str, Any]:
    return {
        "kind": "secret", "project": run.project, "name": name, "id": name, "user": "",
        "key": f"store://{run.project}/secret/secret/{name}:{name}", "metadata": {"project": run.project, "name": name},
        "spec": {"path": f"secret://{name}", "provider": "kubernetes"}, "status": {"state": "READY"},
    }  # fmt: skip
