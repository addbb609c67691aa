"""Run a function (`job`, `serve`), write a workflow, `fetch` files, or make an image (`build`, `push`)."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from . import arguments, report, returned, sdk
from .document import Document, read
from .errors import (
    BUILD_FAILED,
    HANDLER_FAILED,
    IMPORT_FAILED,
    INIT_FAILED,
    INPUTS_FAILED,
    INVALID_SOURCE,
    OUTPUTS_FAILED,
    PUSH_FAILED,
    REQUIREMENTS_FAILED,
    SERVER_FAILED,
    RunnerError,
    Stopped,
    exit_call,
    last_line,
)
from .forks import guard
from .handler import Functions, load
from .masking import without_secrets
from .mlflow_run import AddOnImport
from .requirements import install
from .source_files import place
from .traces import say, show

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

ENV_DOCUMENT = "RUN_DOCUMENT"
DOCUMENT = "/var/run/run-operator/run.json"
"""Where the operator mounts it."""
ENV_FOLDER = "RUN_FOLDER"
ENV_FILE = "RUN_SOURCE_FILE"
"""For other processes of this pod: the source's one file."""
FOLDER = "/shared"
"""Where the platform puts the source; the handler's working folder."""
LEFTOVERS = frozenset({"lost+found"})
MOST_DECORATORS = 32
REASONS_OF_STAGES = {
    "starting": INVALID_SOURCE,
    "fetching the source": INVALID_SOURCE,
    "fetching files": INVALID_SOURCE,
    "installing the requirements": REQUIREMENTS_FAILED,
    "importing the handler": IMPORT_FAILED,
    "running the init function": INIT_FAILED,
    "reading the inputs": INPUTS_FAILED,
    "storing the results": OUTPUTS_FAILED,
    "serving": SERVER_FAILED,
    "building the image": BUILD_FAILED,
    "pushing the image": PUSH_FAILED,
}
"""The reason of an error that nobody thought of, by what was done just then."""


class Prepared(NamedTuple):
    """All that comes before the handler."""

    document: Document
    functions: Functions
    session: sdk.Session


class Runner:
    """One process of the function. `stage` is what it does now, for the message of a stop."""

    def __init__(self) -> None:
        self.stage = "starting"
        self._child: Any = None
        self._pid = os.getpid()

    def main(self, action: str) -> int:
        """Run the function; returns the exit code. The last line of output is for the operator, however the function ends."""
        signal.signal(signal.SIGTERM, self._stop)
        guard(self._stop)
        code = self._ended(action)
        if os.getpid() != self._pid:  # a process that the function forked: it reports nothing
            os._exit(code)
        return code

    def _ended(self, action: str) -> int:
        try:
            return self._done(action)
        except RunnerError as error:
            return self._failed(error)
        except SystemExit as error:
            return self._exited(error)
        except Exception as error:  # noqa: BLE001 - no traceback of ours, and a reason in any case
            said = f"the runner failed while {self.stage}: {last_line(error)}"
            return self._failed(RunnerError(REASONS_OF_STAGES.get(self.stage, HANDLER_FAILED), said))

    def _done(self, action: str) -> int:
        if action == "serve":
            from .serve import serve

            return serve(self)
        if action == "fetch":
            from .model_files import provide

            self.stage = "fetching files"
            provide(sys.argv[2:], os.environ)
        elif action == "in-namespace":
            from .user_namespace import enter

            enter(sys.argv[2:])
        elif action in ("build", "push"):
            self._image(action)
        elif action == "workflow":
            self._workflow()
        else:
            self._job()
        return 0

    def _failed(self, error: RunnerError) -> int:
        if os.getpid() == self._pid:
            report.end(error.reason, error.message)
        say(without_secrets(f"{error.reason}: {error.message}\n"))
        return error.code

    def prepared(
        self, more: Sequence[str] = (), before: Callable[[Document], None] = lambda _: None
    ) -> Prepared:
        """Source, requirements (and what else is needed) and module; `before` it is imported. Raises RunnerError."""
        document = read(os.environ.get(ENV_DOCUMENT, DOCUMENT))
        folder = working_folder()
        self.stage = "fetching the source"
        file = place(document.source, folder, os.environ)
        self.stage = "installing the requirements"
        self._require([*document.requirements, *more])
        os.chdir(folder)
        os.environ[ENV_FILE] = file or ""
        before(document)
        return self.again()

    def again(self) -> Prepared:
        """The same in another process of this pod, where source and requirements are there already."""
        document = read(os.environ.get(ENV_DOCUMENT, DOCUMENT))
        self.stage = "importing the handler"
        sys.meta_path.insert(0, AddOnImport())
        file = os.environ.get(ENV_FILE) or None
        sys.argv[:] = [os.path.join(os.getcwd(), file or "")]  # a function that parses arguments finds none
        functions = load(document.handler, document.init_function, os.getcwd(), file)
        return Prepared(document, functions, sdk.Session(document))

    def context(self, prepared: Prepared, worker: int = 0) -> Any:
        """The context of one worker, with its init function run. Raises RunnerError."""
        from . import nuclio

        session, init = prepared.session, prepared.functions.init
        context = nuclio.context(
            worker, {"project": lambda: session.project, "run": lambda: session.run, "root": os.getcwd}
        )
        if init is not None:
            self.stage = "running the init function"
            given = arguments.compose_init(init, prepared.document.init_parameters, context)
            guarded(lambda: awaited(init(**given)), INIT_FAILED, "the init function")
        return context

    def _job(self) -> None:
        prepared = self.prepared()
        document, session, handler = prepared.document, prepared.session, prepared.functions.handler
        contexts = [self.context(prepared)] if prepared.functions.init is not None else []
        self.stage = "reading the inputs"
        inputs = session.inputs()
        given = arguments.compose(
            handler, document.parameters, inputs,
            {
                "project": lambda: session.project,
                "run": lambda: session.run,
                "context": lambda: contexts[0] if contexts else self.context(prepared),
                "event": lambda: event_of(document),
            },
        )  # fmt: skip
        named = is_decorated(handler)
        first = (session.project.name, session.run.key) if named else ()
        self.stage = "running the handler"
        value = guarded(lambda: awaited(handler(*first, **given)), HANDLER_FAILED, "the handler")
        if os.getpid() != self._pid:  # a process that the function forked and that came back from it
            return
        self.stage = "storing the results"
        found, outputs = collected(session, value, named=named)
        returned.check(found, outputs)
        report.send(document.report, found, outputs)

    def _image(self, action: str) -> None:
        """One of the two containers that make an image."""
        from . import image_maker

        document = read(os.environ.get(ENV_DOCUMENT, DOCUMENT))
        order = image_maker.Order.of(document.run)
        if action == "push":
            self.stage = "pushing the image"
            report.send(document.report, {}, {"image": image_maker.push(order, self._started)})
            return
        folder = os.environ.get(ENV_FOLDER, FOLDER) if order.in_place else working_folder()
        if document.source:
            self.stage = "fetching the source"
            place(document.source, folder, os.environ)
        self.stage = "building the image"
        image_maker.build(order, folder, self._started)

    def _workflow(self) -> None:
        from . import workflow_build

        prepared = self.prepared(workflow_build.PACKAGES, workflow_build.prepare)
        self.stage = "running the handler"
        found = workflow_build.build(prepared.functions.handler)
        self.stage = "storing the results"
        returned.check(found, {})
        report.send(prepared.document.report, found, {})

    def _require(self, requirements: Sequence[str]) -> None:
        """Before what the image has, and for child processes too."""
        if not requirements:
            return
        target = os.path.join(tempfile.mkdtemp(prefix="requirements-"), "lib")
        if install(requirements, target, self._started):
            sys.path.insert(0, target)
            for name, folder in (("PYTHONPATH", target), ("PATH", os.path.join(target, "bin"))):
                os.environ[name] = os.pathsep.join(filter(None, (folder, os.environ.get(name))))
            importlib.invalidate_caches()
        self._child = None

    def _started(self, process: Any) -> None:
        self._child = process

    def _stop(self, number: int, _: FrameType | None) -> None:
        """SIGTERM: the installer ends, and this process as if its program had called sys.exit. Forked processes: `forks.py`."""
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
        report.end("", f"stopped while {self.stage}")
        raise Stopped(128 + number)

    def _exited(self, error: SystemExit) -> int:
        """sys.exit of the function, or a stop. 0 is success, as in any program."""
        code = error.code
        if code is None or code == 0:
            return 0
        number = code if isinstance(code, int) else 1
        if not isinstance(error, Stopped):
            said = f"the function called {exit_call(error)} while {self.stage}"
            if os.getpid() == self._pid:
                report.end(REASONS_OF_STAGES.get(self.stage, HANDLER_FAILED), said)
            say(without_secrets(f"{said}\n"))
        return number & 0xFF or 1


def working_folder() -> str:
    """A folder with nothing of an earlier attempt in it: the platform's, unless a claim of the Run is mounted there."""
    folder = os.environ.get(ENV_FOLDER, FOLDER)
    try:
        if set(os.listdir(folder)) <= LEFTOVERS and os.access(folder, os.W_OK):
            return os.path.realpath(folder)
    except OSError:
        pass
    return os.path.realpath(tempfile.mkdtemp(prefix="source-"))


def is_decorated(handler: Callable[..., Any]) -> bool:
    """Whether it has the SDK's decorator, which wants project and run first and collects the outputs itself."""
    found: Any = handler
    for _ in range(MOST_DECORATORS):
        if not hasattr(found, "__wrapped__"):
            return False
        if "digitalhub_runtime_python" in getattr(getattr(found, "__code__", None), "co_filename", ""):
            return True
        found = found.__wrapped__
    return False


def awaited(value: Any) -> Any:
    """The result of a coroutine, run in an event loop of its own; any other value as it is."""
    from inspect import iscoroutine

    if not iscoroutine(value):
        return value
    import asyncio

    outer = asyncio._get_running_loop()  # noqa: SLF001 - one of several servers imports the function in its loop
    asyncio._set_running_loop(None)  # noqa: SLF001
    try:
        return asyncio.run(value)
    finally:
        asyncio._set_running_loop(outer)  # noqa: SLF001


def collected(session: sdk.Session, value: Any, *, named: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """Results and outputs, by the SDK where it is needed for that."""
    if named:
        return session.outputs(value, named=True)
    values: list[Any] = returned.listed(value)
    without_store = not sdk.has_store() and returned.is_json(values)
    if returned.is_plain(values) or without_store or not sdk.is_there():
        return returned.plain_results(values), session.logged()
    return session.outputs(value, named=False)


def event_of(document: Document) -> Any:
    """The event that the handler of a job gets."""
    from . import nuclio

    return nuclio.job_event(document.run)


def guarded(call: Callable[[], Any], reason: str, what: str) -> Any:
    """Call the user's function; what it raises is printed as Python does and becomes a RunnerError."""
    try:
        return call()
    except RunnerError:
        raise
    except SystemExit:
        raise
    except KeyboardInterrupt as error:
        raise RunnerError(reason, f"{what} was interrupted", 130) from error
    except BaseException as error:
        show(error)
        if sdk.was_storing(error):
            raise RunnerError(OUTPUTS_FAILED, f"the outputs cannot be stored: {last_line(error)}") from error
        raise RunnerError(reason, last_line(error)) from error


def main() -> None:
    """Run the function of the document, then exit with its code."""
    action = sys.argv[1] if len(sys.argv) > 1 else "job"
    sys.exit(Runner().main(action))
