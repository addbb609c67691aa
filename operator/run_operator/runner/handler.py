"""The handler and the init function: found in the source and imported."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from .errors import HANDLER_NOT_FOUND, IMPORT_FAILED, RunnerError, Stopped, exit_call, last_line
from .source_files import MAIN
from .traces import show

if TYPE_CHECKING:
    from types import ModuleType

KNOWN = 8
"""Names that a message lists at most."""


class Functions(NamedTuple):
    """The content of the source."""

    handler: Callable[..., Any]
    init: Callable[..., Any] | None


def load(handler: str, init: str, folder: str, file: str | None) -> Functions:
    """Import the module and take its functions. `file`: the source's one file, if it has one. Raises RunnerError."""
    if not handler:
        raise RunnerError(HANDLER_NOT_FOUND, "the document has no handler: set spec.source.handler")
    module_name, _, function = handler.rpartition(":")
    path = _file(module_name, folder, file)
    module = _import(path, folder)
    return Functions(_function(module, function, path), _function(module, init, path) if init else None)


def _file(module: str, folder: str, file: str | None) -> str:
    """The file of the module, below the folder. Raises RunnerError."""
    if not module:
        return file or MAIN
    bare = module.removesuffix(".py")
    parts = bare.replace("/", ".").split(".")
    if not all(part and part.isprintable() for part in parts):
        raise RunnerError(HANDLER_NOT_FOUND, f"{module[:120]!r} is not the name of a module")
    wanted = os.path.join(*parts)
    for candidate in (f"{wanted}.py", os.path.join(wanted, "__init__.py")):
        if os.path.isfile(os.path.join(folder, candidate)):
            return candidate
    if file and parts == [MAIN[: -len(".py")]]:
        return file  # the platform calls code inside a document main, whatever its file was called
    there = _list(_modules(folder))
    raise RunnerError(
        HANDLER_NOT_FOUND, f"there is no module {module[:120]} in the source; its modules are: {there}"
    )


def _import(path: str, folder: str) -> ModuleType:
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if not os.path.isfile(os.path.join(folder, path)):
        there = _list(_modules(folder))
        raise RunnerError(HANDLER_NOT_FOUND, f"there is no file {path} in the source; its files are: {there}")
    bare = path[: -len("/__init__.py")] if path.endswith("/__init__.py") else path[: -len(".py")]
    name = bare.replace(os.sep, ".") if path.endswith(".py") else path
    try:
        if path.endswith(".py") and "." in name and all(part.isidentifier() for part in name.split(".")):
            module = importlib.import_module(name)
            if os.path.realpath(str(module.__file__)) == os.path.realpath(os.path.join(folder, path)):
                return module
        return _executed(name, os.path.join(folder, path))
    except Stopped:
        raise
    except SystemExit as error:
        raise RunnerError(IMPORT_FAILED, f"{path} calls {exit_call(error)} during its import") from error
    except BaseException as error:
        show(error)
        raise RunnerError(IMPORT_FAILED, f"{path} cannot be imported: {last_line(error)}") from error


def _executed(name: str, path: str) -> ModuleType:
    """The very file, also where its name is that of another module or none that a program could write."""
    loader = importlib.machinery.SourceFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    hidden = sys.modules.get(name)
    sys.modules[name] = module  # classes of the function can be pickled
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        if hidden is not None:
            sys.modules[name] = hidden
    return module


def _function(module: ModuleType, name: str, path: str) -> Callable[..., Any]:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if callable(found):
        return found  # type: ignore[no-any-return]
    if found is not None:
        raise RunnerError(
            HANDLER_NOT_FOUND, f"{name[:120]} of {path} is not a function but {type(found).__name__}"
        )
    own = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    raise RunnerError(
        HANDLER_NOT_FOUND, f"there is no function {name[:120]!r} in {path}; its functions are: {_list(own)}"
    )


def _modules(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        return []


def _list(names: list[str]) -> str:
    more = len(names) - KNOWN
    return (
        ", ".join(name[:80] for name in names[:KNOWN]) + (f" and {more} more" if more > 0 else "")
    ) or "none"
