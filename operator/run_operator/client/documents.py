"""Between the exported document, which people hold, and the object in the cluster, which carries it."""

from __future__ import annotations

from run_operator.resources.raw import JSON

import math
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from run_operator.client.errors import EntityError
from run_operator.document.entity import Entity, parse
from run_operator.document.errors import DocumentError
from run_operator.document.kinds import EntityType
from run_operator.document.yaml_reader import Parsed
from run_operator.resources.exported import store_key

UNCHANGEABLE: Final = ("kind", "project", "id")
SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")



def new_document(
    project: str, kind: str, run_id: str | None, labels: list[str] | None, spec: JSON
) -> dict[str, Any]:
    """What the SDK makes of the arguments of `new_run`. Raises ValueError for an id that is no slug."""
    if run_id is not None and not SLUG.fullmatch(run_id):
        raise ValueError(f"Invalid ID: {run_id}. Must pass slugified ID.")
    chosen = run_id or uuid.uuid4().hex
    now = datetime.now(UTC).isoformat()
    metadata: dict[str, Any] = {"project": project, "name": chosen}
    metadata |= {"labels": list(labels)} if labels else {}
    metadata |= {"created": now, "updated": now}
    return {
        "kind": kind, "metadata": metadata, "spec": {k: v for k, v in spec.items() if v is not None},
        "status": {"state": "CREATED"}, "project": project, "id": chosen, "name": chosen,
        "key": store_key(project, kind, chosen), "extensions": [],
    }  # fmt: skip


def checked(document: JSON) -> Entity:
    """The document of a Run. Raises EntityError."""
    _check_plain(document, "")
    try:
        entity = parse(Parsed(dict(document), {}))
    except DocumentError as error:
        raise EntityError(_as_the_sdk(str(error))) from error
    if entity.type is not EntityType.RUN:
        raise EntityError(f"this is a {entity.type.value} ({entity.kind}), not a Run")
    return entity


def _check_plain(value: Any, where: str) -> None:
    """What a program puts into a document must be what a file can hold: it is told which field is not."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if not isinstance(key, str):
                raise EntityError(
                    f"the key {key!r} in {where or 'the document'} is no text; write {str(key)!r}"
                )
            _check_plain(one, f"{where}.{key}" if where else key)
    elif isinstance(value, list | tuple):
        for at, one in enumerate(value):
            _check_plain(one, f"{where}[{at}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise EntityError(f"{where} is {value}, which is no number that a cluster can hold")
    elif value is not None and not isinstance(value, str | int | float):
        raise EntityError(
            f"{where} is of the type {type(value).__name__}; a document holds texts, numbers, booleans, lists and maps"
        )


def _as_the_sdk(text: str) -> str:
    """The original's words for the one mistake everybody makes."""
    return f"Missing task in run spec: {text}" if "'spec.task' is missing" in text else text
