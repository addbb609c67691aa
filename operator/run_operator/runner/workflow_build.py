"""The workflow that a function writes with hera: its YAML, as the platform keeps it."""

from __future__ import annotations

import base64
import inspect
import json
import os
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import quote, urlsplit

from .errors import HANDLER_FAILED, INVALID_ARGUMENTS, INVALID_RESULT, RunnerError, last_line
from .report import exchange
from .traces import show

if TYPE_CHECKING:
    from .document import Document, Report

PACKAGES = ("digitalhub-runtime-hera", "hera")
"""Imports of such a function; installed where the image lacks them."""
RESULT = "workflow"
STEP_IMAGE = "DHCORE_WORKFLOW_IMAGE"
"""The platform's variable with the image of a step. Here a step is a Run, and its image that of its function; the SDK wants a value."""


class NamedFunction:
    """A function as a step names it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.kind = document["kind"]
        self.name = document["name"]
        self.id = document["id"]
        self.key = document["key"]


def prepare(document: Document) -> None:
    """Before the author's module is imported: `step()` asks the operator which function it names.

    The SDK would make an object of its whole document, for which the package of its kind has to be there.
    """
    os.environ.setdefault(STEP_IMAGE, "step")
    try:
        from digitalhub.entities.function import crud
    except ImportError:
        return  # the author's module says so itself, if it needs it
    report, project = document.report, document.project
    crud.get_function = lambda identifier, project=project, entity_id=None: function(
        report, project, identifier, entity_id
    )


def function(report: Report | None, project: str, name: str, entity_id: str | None) -> NamedFunction:
    """The newest of that name, or the one of that id. Raises LookupError."""
    if report is None:
        raise LookupError("the operator gave this Run no address for functions")
    if name.startswith("store://"):
        name, _, entity_id = name.rpartition("/")[2].partition(":")
    parts = urlsplit(report.url)
    root = f"{parts.scheme}://{parts.netloc}/api/v1/-/{quote(project, safe='')}/functions"
    url = f"{root}/{quote(entity_id, safe='')}" if entity_id else f"{root}?name={quote(name, safe='')}"
    status, said = exchange(report, "GET", url)
    if status != 200:  # noqa: PLR2004 - HTTP
        raise LookupError(f"function {name} of project {project}: {said or 'the operator does not answer'}")
    found = json.loads(said)
    found = found if entity_id else next(iter(found["content"]), None)
    if found is None:
        raise LookupError(f"there is no function {name} in project {project}")
    return NamedFunction(found)


def build(handler: Callable[..., Any]) -> dict[str, str]:
    """The result of the function, which takes no arguments. Raises RunnerError."""
    needed = [one.name for one in inspect.signature(handler).parameters.values() if one.default is one.empty]
    if needed:
        raise RunnerError(
            INVALID_ARGUMENTS,
            f"the function of a workflow has no arguments, and this one needs {', '.join(needed)}",
        )
    try:
        made = handler()
        write = getattr(made, "to_yaml", None)
        text = write() if callable(write) else None
    except Exception as error:
        show(error)
        raise RunnerError(HANDLER_FAILED, last_line(_cause(error))) from error
    if text is None:
        raise RunnerError(
            INVALID_RESULT, f"the function must return a Workflow of hera, not {type(made).__name__}"
        )
    return {RESULT: base64.b64encode(str(text).encode()).decode()}


def _cause(error: BaseException) -> BaseException:
    """The first cause of an exception, which the SDK wraps in its own."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
