"""The image that a Run has built, put into the Function it was built for: later Runs of that Function start in it."""

from __future__ import annotations

import logging
from typing import Final

from run_operator.api.raw import JSON
from run_operator.api.references import EntityView
from run_operator.api.results import IMAGE, Results
from run_operator.api.run import Run
from run_operator.document.errors import DocumentError
from run_operator.document.kinds import of_run
from run_operator.document.names import Reference
from run_operator.kube.client import Api
from run_operator.kube.errors import ForbiddenError, InvalidError, NotFoundError
from run_operator.kube.resource import FUNCTIONS

ACTION: Final = "build"
VERSIONS: Final = 1_000
"""Versions of one Function that are read, at most."""

log = logging.getLogger(__name__)


async def put_into_function(api: Api, run: Run, results: Results) -> None:
    """Write the image into the Function. Idempotent; does nothing if the Run builds no image, or if its Function does not exist.

    Raises the errors of `kube.errors`.
    """
    image = results.outputs.get(IMAGE)
    reference = _function(run) if image else None
    if reference is None:
        return
    found = await _newest(api, run.namespace, reference)
    if found is None or found.spec.get("image") == image:
        return
    operations: list[JSON] = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": found.resource_version},
        {"op": "add", "path": "/spec/spec/image", "value": image},
    ]
    try:
        await api.json_patch(FUNCTIONS, run.namespace, found.name, operations)
    except (InvalidError, NotFoundError, ForbiddenError) as error:
        # It was changed or deleted meanwhile, or a policy refuses it.
        log.warning(
            "the image of a build was not written into its Function",
            extra={"run": run.name, "error": str(error)},
        )


def _function(run: Run) -> Reference | None:
    try:
        kind = of_run(run.kind, str(run.spec.get("task") or ""))
        reference = Reference.parse(str(run.spec.get("function") or ""))
    except DocumentError:
        return None
    return reference if kind.action == ACTION and reference.kind == kind.runtime else None


async def _newest(api: Api, namespace: str, reference: Reference) -> EntityView | None:
    """The version that the Run names, else the latest."""
    found: list[EntityView] = []
    seen = 0
    async for raw in api.list_objects(FUNCTIONS, namespace=namespace, fields=f"spec.name={reference.name}"):
        seen += 1
        view = EntityView.function(raw)
        same = (view.kind, view.project) == (reference.kind, reference.project)
        if same and reference.id in (None, view.id):
            found.append(view)
        if seen >= VERSIONS:
            break
    return max(found, key=lambda view: (view.created, view.id, view.name), default=None)
