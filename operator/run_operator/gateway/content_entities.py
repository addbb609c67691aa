"""Artifacts, data items, models and container images: documents whose content is in a file store or a registry.

The SDK creates the document, uploads the content itself, and saves the whole document after each step. So the client
owns the status, unlike that of a Run. Long lists of files and the metrics of a model have their own calls. They are kept beside
the document, where a save of an older copy does not change them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from run_operator.api.exported import of_object
from run_operator.api.raw import JSON, mapping
from run_operator.api.updates import content_update
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.entities import Entities, Place, check_same
from run_operator.gateway.entity_documents import entity
from run_operator.gateway.errors import bad, missing, of_kube
from run_operator.kube.errors import KubeError
from run_operator.kube.resource import CONTENT_ENTITIES, MODELS, Resource
from run_operator.metrics.numbers import NotANumberError, numbers

BY_PLURAL: Final[Mapping[str, Resource]] = {one.plural: one for one in CONTENT_ENTITIES}
MOST_FILES: Final = 10_000
"""Files of one entity, at most, as in its CRD."""


class ContentEntities:
    """The calls that only such entities have; `Entities` reads, creates and deletes them."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    async def update(self, caller: ApiClient, place: Place, entity_id: str, document: JSON) -> JSON:
        """Update it and return the document. A status in the document replaces the stored one."""
        raw = await self._entities.raw(caller, place, entity_id)
        shown = entity(raw, place.project)
        check_same(place, shown, document)
        operations = content_update(raw, document)
        if not operations:
            return shown
        try:
            raw = await caller.json_patch(
                place.resource, place.namespace, str(raw["metadata"]["name"]), operations
            )
        except KubeError as error:
            raise of_kube(error, f"{place.of(entity_id)} was not changed") from error
        return entity(raw, place.project)

    async def files(self, caller: ApiClient, place: Place, entity_id: str) -> Sequence[Any]:
        """The list of files of the content."""
        raw = await self._entities.raw(caller, place, entity_id)
        reported = mapping(mapping(raw.get("spec")).get("status")).get("files")
        return mapping(raw.get("status")).get("files") or reported or []

    async def put_files(self, caller: ApiClient, place: Place, entity_id: str, files: Any) -> bool:
        """Keep a list of files that is too long for the document."""
        if not isinstance(files, list) or not all(isinstance(one, Mapping) for one in files):
            raise bad("the body must be a list of JSON objects, one for each file")
        if len(files) > MOST_FILES:
            raise bad(
                f"{len(files)} files are more than an entity may have ({MOST_FILES}): upload one archive instead"
            )
        await self._patch_status(caller, place, entity_id, {"files": files})
        return True

    async def metrics(self, caller: ApiClient, place: Place, entity_id: str) -> JSON:
        """Name to number or list."""
        _check_has_metrics(place)
        raw = await self._entities.raw(caller, place, entity_id)
        return mapping(of_object(raw)["status"].get("metrics"))

    async def metric(self, caller: ApiClient, place: Place, entity_id: str, name: str) -> Any:
        """A number or a list. Raises Problem 404."""
        found = await self.metrics(caller, place, entity_id)
        if name not in found:
            raise missing(f"metric {name[:128]!r} of {place.of(entity_id)}")
        return found[name]

    async def put_metric(self, caller: ApiClient, place: Place, entity_id: str, name: str, value: Any) -> Any:
        """Store the number or the list as it is. The last write counts, because one program evaluates a model."""
        _check_has_metrics(place)
        try:
            found = numbers(value if isinstance(value, list) else [value])
        except NotANumberError as error:
            raise bad(f"metric {name[:128]!r} of {place.of(entity_id)}: {error}") from error
        stored = found if isinstance(value, list) else found[0]
        if stored is None:
            raise bad(
                f"metric {name[:128]!r} of {place.of(entity_id)}: a single value must be a finite number"
            )
        await self._patch_status(caller, place, entity_id, {"metrics": {name: stored}})
        return stored

    async def _patch_status(self, caller: ApiClient, place: Place, entity_id: str, status: JSON) -> None:
        raw = await self._entities.raw(caller, place, entity_id)
        metadata = raw["metadata"]
        body = {
            "metadata": {"uid": metadata["uid"]},
            "status": status,
        }  # the uid is tested: no namesake is changed
        try:
            await caller.patch(place.resource, place.namespace, str(metadata["name"]), body)
        except KubeError as error:
            raise of_kube(error, f"{place.of(entity_id)} was not changed") from error


def _check_has_metrics(place: Place) -> None:
    if place.resource is not MODELS:
        raise missing(f"{place.resource.plural} do not have metrics; only models and runs do")
