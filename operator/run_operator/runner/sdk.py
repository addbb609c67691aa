"""The work of the DigitalHub SDK, where the image has it: the project, the Run, inputs as entities, outputs as artifacts.

It is imported only when a function needs it: that takes seconds, and most functions need none of it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import INPUTS_FAILED, OUTPUTS_FAILED, RunnerError, last_line
from .traces import show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .document import Document

LATEST = 4
"""Slashes of store://project/type/kind, to which a name without an id is added."""
STORES = "digitalhub_runtime_python/utils/outputs.py"
PACKAGES = ("digitalhub", "digitalhub_runtime_python")
KEY = re.compile(r"store://([^/]+)/([^/]+)/[^/]+/(.+)")
NOT_FOUND = 404


def is_there() -> bool:
    """Whether the image has the SDK with its Python runtime, and somebody says where its API is."""
    return bool(os.environ.get("DHCORE_ENDPOINT")) and all(map(importlib.util.find_spec, PACKAGES))


def has_store() -> bool:
    """Whether somebody named a place for what the SDK uploads."""
    return bool(os.environ.get("DHCORE_DEFAULT_FILES_STORE"))


class Entities(NamedTuple):
    """The SDK's objects of this Run."""

    project: Any
    run: Any


class Session:
    """The SDK's view of one Run, made when it is needed for the first time."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._entities: Any = None

    @property
    def project(self) -> Any:
        """The project of the Run. Raises RunnerError."""
        return self._open().project

    @property
    def run(self) -> Any:
        """The Run itself. Raises RunnerError."""
        return self._open().run

    def inputs(self) -> Mapping[str, Any]:
        """The inputs of the Run as entities. Raises RunnerError."""
        if not self._document.inputs:
            return {}
        for name, key in self._document.inputs.items():
            if refused := not_to_be_read(self._document.project, str(key)):
                raise RunnerError(INPUTS_FAILED, f"the input {name} ({key}) cannot be read: {refused}")
        self._open()
        found: dict[str, Any] = {}
        for name, key in self._document.inputs.items():
            found.update(_input(name, str(key)))
        return found

    def outputs(self, returned: Any, *, named: bool) -> tuple[dict[str, Any], dict[str, str]]:
        """Results and outputs of what the handler returned. `named`: the decorator has collected them already."""
        entities = self._open()
        from digitalhub_runtime_python.utils import outputs as theirs

        try:
            parsed = (
                returned if named else theirs.parse_outputs(returned, entities.project.name, entities.run.key)
            )
            status = theirs.build_new_status(entities.project.name, parsed or {})
        except Exception as error:
            show(error)
            raise RunnerError(OUTPUTS_FAILED, f"the outputs cannot be stored: {_cause(error)}") from error
        return dict(status["results"]), dict(status["outputs"])

    def logged(self) -> dict[str, str]:
        """Names and keys of what the handler logged by itself."""
        api = sys.modules.get("digitalhub.context.api")
        if self._entities is None or api is None:
            return {}
        return dict(api.get_context(self._document.project).logged)

    def _open(self) -> Entities:
        if self._entities is None:
            self._entities = self._opened()
        return self._entities  # type: ignore[no-any-return]

    def _opened(self) -> Entities:
        if not is_there():
            missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
            why = f"the image has no {' and no '.join(missing)}" if missing else "DHCORE_ENDPOINT is not set"
            raise RunnerError(
                INPUTS_FAILED,
                f"the function needs the DigitalHub SDK (for inputs, project, run, or objects it returns), but {why}",
            )
        try:
            from digitalhub.entities.project.crud import get_project
            from digitalhub.entities.run.crud import get_run

            project = get_project(self._document.project)
            run = get_run(self._document.id, project=self._document.project)
            run._context().set_run(run)  # noqa: SLF001 - what run.start_execution() does in a pod
        except Exception as error:
            raise RunnerError(
                INPUTS_FAILED, f"the SDK cannot read project and run: {_cause(error)}"
            ) from error
        return Entities(project, run)


def was_storing(error: BaseException) -> bool:
    """Whether the SDK's decorator raised it, which stores what the function returned before it returns itself."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(STORES):
            return True
        trace = trace.tb_next
    return False


def unwrapped(values: list[Any]) -> bool:
    """Whether one of the values is an entity of the SDK."""
    module = sys.modules.get("digitalhub.entities._base.entity.entity")
    return module is not None and any(isinstance(value, module.Entity) for value in values)


def _entity(key: Any) -> dict[str, Any]:
    from digitalhub.entities._commons.utils import get_entity_type_from_key
    from digitalhub_runtime_python.entities.run._base.utils import get_getters

    head, _, name = str(key).rpartition("/")
    if (
        head.startswith("store://") and head.count("/") == LATEST and ":" not in name
    ):  # the version created last
        project, kind = head[len("store://") :].split("/")[:2]
        found = get_getters(kind)(name, project=project)
    else:
        found = get_getters(get_entity_type_from_key(key))(key)
    entity: dict[str, Any] = found.to_dict()
    return entity


def _input(name: str, key: str) -> dict[str, Any]:
    from digitalhub_runtime_python.utils.inputs import get_entity_inputs

    try:
        return dict(get_entity_inputs({name: _entity(key)}))
    except Exception as error:
        why = absent(key, error) or _cause(error)
        raise RunnerError(INPUTS_FAILED, f"the input {name} ({key}) cannot be read: {why}") from error


def not_to_be_read(project: str, key: str) -> str:
    """Why no function of the project can read an entity of this key; empty where it can."""
    match = KEY.fullmatch(key)
    if match is None:
        return "it is not a key such as store://project/dataitem/table/name:id"
    if match[1] != project:
        return f"it is of the project {match[1]}, and a function reads entities of its own project ({project}) alone"
    return ""


def absent(key: str, error: BaseException) -> str:
    """That there is no such entity, if the error says so; empty for others."""
    match, first = KEY.fullmatch(key), _first(error)
    status = getattr(getattr(first, "response", None), "status_code", None)
    is_none_of_the_name = isinstance(first, IndexError) and ":" not in key.rpartition("/")[2]
    if match is None or (status != NOT_FOUND and not is_none_of_the_name):
        return ""
    return f"the project {match[1]} has no {match[2]} {match[3]}: apply it to this namespace, or run what makes it"


def _first(error: BaseException) -> BaseException:
    """The first error of a chain: the SDK wraps what happened into words of its own."""
    while error.__cause__ is not None or (error.__context__ is not None and not error.__suppress_context__):
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error


def _cause(error: BaseException) -> str:
    return last_line(_first(error))[:600]
