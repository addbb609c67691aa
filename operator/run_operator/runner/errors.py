"""Errors that end a function: one reason and one line each."""

from __future__ import annotations

import traceback

INVALID_SOURCE = "InvalidSource"
REQUIREMENTS_FAILED = "RequirementsFailed"
HANDLER_NOT_FOUND = "HandlerNotFound"
IMPORT_FAILED = "ImportFailed"
INIT_FAILED = "InitFailed"
INPUTS_FAILED = "InputsFailed"
INVALID_ARGUMENTS = "InvalidArguments"
HANDLER_FAILED = "HandlerFailed"
INVALID_RESULT = "InvalidResult"
RESULTS_TOO_LARGE = "ResultsTooLarge"
OUTPUTS_FAILED = "OutputsFailed"
RESULTS_NOT_STORED = "ResultsNotStored"
SERVER_FAILED = "ServerFailed"
BUILD_FAILED = "BuildFailed"
PUSH_FAILED = "PushFailed"
REGISTRY_UNAUTHORIZED = "RegistryUnauthorized"

REASONS = frozenset(
    {
        INVALID_SOURCE, REQUIREMENTS_FAILED, HANDLER_NOT_FOUND, IMPORT_FAILED, INIT_FAILED, INPUTS_FAILED,
        INVALID_ARGUMENTS, HANDLER_FAILED, INVALID_RESULT, RESULTS_TOO_LARGE, OUTPUTS_FAILED, RESULTS_NOT_STORED,
        SERVER_FAILED, BUILD_FAILED, PUSH_FAILED, REGISTRY_UNAUTHORIZED,
    }
)  # fmt: skip
"""The operator believes no other reason of a runner."""


class RunnerError(Exception):
    """Ends the function. `reason` is one of REASONS, `code` the exit code."""

    def __init__(self, reason: str, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.code = code


class Stopped(SystemExit):
    """SIGTERM: raised in whatever the function does just now, so that it can clean up."""


def exit_call(error: SystemExit) -> str:
    """The call of sys.exit as the function wrote it."""
    try:
        return f"sys.exit({error.code!r})"
    except Exception:  # noqa: BLE001 - it is an object of the function, which cannot be shown
        return f"sys.exit({type(error.code).__name__})"


def last_line(error: BaseException) -> str:
    """The exception as the last line of its traceback shows it, on one line."""
    try:
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
    except Exception:  # noqa: BLE001 - it is an object of the function, which may have changed the library too
        return type(error).__name__
    if isinstance(error, SyntaxError):
        where = f" ({error.filename}, line {error.lineno})" if error.lineno else ""
        return f"{type(error).__name__}: {error.msg}{where}"
    return " ".join(text.split()) + _what_to_do(error)


def _what_to_do(error: BaseException) -> str:
    """Advice for common mistakes that the error shows; empty for others."""
    if isinstance(error, ModuleNotFoundError):
        return ": add its package to requirements, or the module to the source"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if isinstance(error, KeyError) and trace is not None and trace.tb_frame.f_globals.get("__name__") == "os":
        return ": this environment variable is not set; set it in envs of the function, or in a Secret that is listed in secrets"
    return ""
