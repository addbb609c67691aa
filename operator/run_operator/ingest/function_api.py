"""Functions for the pod that builds a workflow: their names and ids, which is all that a step says of its function.

Only such a pod asks. Neither code nor Secrets of a Function are in the answer, and only those of the Run's own namespace and project are there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from run_operator.api.exported import entity_key, of_object
from run_operator.api.raw import JSON, mapping, parse, text
from run_operator.api.run import Run
from run_operator.document.entity import ID
from run_operator.document.kinds import WORKFLOWS
from run_operator.document.names import object_name
from run_operator.http.server import DeniedError
from run_operator.ingest.secret_api import page
from run_operator.kube.client import Api
from run_operator.kube.errors import NotFoundError
from run_operator.kube.resource import FUNCTIONS

PATH: Final = re.compile(r"/api/v1/-/([^/]+)/functions(?:/([^/]+))?")
KINDS: Final = frozenset(f"{runtime}+build:run" for runtime in WORKFLOWS)
"""Runs that may ask."""
LISTED: Final = 2_000
"""Versions of one name that are looked at."""


class FunctionApi:
    """`api` has the operator's rights."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def read(self, run: Run, entity_id: str | None, query: Mapping[str, str]) -> JSON:
        """One function, or a page with the newest of a name. Raises DeniedError and the errors of `kube.errors`."""
        if entity_id:
            return await self._one(run, unquote(entity_id))
        return page(await self._latest(run, query.get("name", "")))

    async def _one(self, run: Run, entity_id: str) -> JSON:
        if ID.fullmatch(entity_id):
            try:
                raw = await self._api.get(FUNCTIONS, run.namespace, object_name(entity_id))
            except NotFoundError:
                raw = {}
            if _is_shown(run, raw) and mapping(raw.get("spec")).get("id") == entity_id:
                return _shown(raw)
        raise DeniedError(
            404, f"No such EntityName: function {entity_id[:80]} is not in project {run.project}"
        )

    async def _latest(self, run: Run, name: str) -> list[JSON]:
        """The newest version of that name."""
        if not ID.fullmatch(name):
            raise DeniedError(
                403, "a pod must ask for functions by name or by id; a list needs the token of a person"
            )
        found: list[JSON] = []
        seen = 0
        async for raw in self._api.list_objects(
            FUNCTIONS, namespace=run.namespace, fields=f"spec.name={name}", page_size=100
        ):
            found += [_shown(raw)] if _is_shown(run, raw) else []
            seen += 1
            if seen > LISTED:
                raise DeniedError(
                    400, f"there are more than {LISTED} versions of {name}: ask for one by its id"
                )
        return sorted(found, key=_created, reverse=True)[:1]


def _is_shown(run: Run, raw: JSON) -> bool:
    spec = mapping(raw.get("spec"))
    return spec.get("project") == run.project and spec.get("kind") not in WORKFLOWS


def _shown(raw: JSON) -> dict[str, Any]:
    """Its name and key, without its content."""
    found = of_object(raw)
    document = {key: found[key] for key in ("kind", "project", "id", "name")}
    created = mapping(found.get("metadata")).get("created")
    metadata = {"project": found["project"], "name": found["name"], "created": created}
    key = entity_key("function", text(found.get("project")), document)
    return {
        **document,
        "key": key,
        "metadata": metadata,
        "spec": {},
        "status": {"state": "CREATED"},
        "user": "",
    }


def _created(document: JSON) -> tuple[float, str]:
    return parse(mapping(document.get("metadata")).get("created")) or 0.0, text(document.get("id"))
