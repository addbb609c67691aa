"""How a verb ends: exit codes, errors on one line each, and verbs for several Runs of which one fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import click

from run_operator.client.terminal_text import visible

FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
TIMED_OUT: Final = 4
INTERRUPTED: Final = 130


class Several:
    """Do something for each of several Runs: a failure is printed, and the others follow."""

    def __init__(self) -> None:
        self._code = 0

    @contextlib.contextmanager
    def each(self) -> Iterator[None]:
        """Around what is done for one of them. Where the cluster does not answer, the others are not tried."""
        from run_operator.client.errors import UnavailableError

        try:
            yield
        except BrokenPipeError:
            raise
        except Exception as error:
            code = code_of(error)
            if code is None or (isinstance(error, UnavailableError) and not error.status):
                raise
            say(text_of(error))
            self.failed(code)

    def failed(self, code: int) -> None:
        """One of them did not come out well."""
        self._code = self._code or code

    def end(self) -> None:
        """Leave with the exit code of the first that failed, if one did."""
        if self._code:
            click.get_current_context().exit(self._code)


def say(text: str) -> None:
    """An error, for people."""
    click.echo(visible(f"runctl: {text}"), err=True)


def text_of(error: Exception) -> str:
    """The error as one line: its text and its file, without the number of the error and the words of the original SDK."""
    from run_operator.client.errors import NO_ENTITY

    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error).removeprefix(NO_ENTITY)


def code_of(error: Exception) -> int | None:
    """The exit code for what the client raises; None for a mistake of ours, which shows its traceback."""
    from run_operator.client import errors

    if isinstance(error, errors.EntityNotExistsError):
        return NOT_FOUND
    if isinstance(error, errors.WaitTimeoutError):
        return TIMED_OUT
    if isinstance(error, errors.BackendError):
        return FAILED
    if isinstance(error, errors.EntityError | errors.ClientError | ValueError | OSError):
        return USAGE
    return None
