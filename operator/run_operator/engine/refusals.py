"""Refusals of the API server, as messages for the Run's status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from run_operator.kube.errors import ForbiddenError, InvalidError, TooLargeError
from run_operator.lifecycle.model import Refusal


class RefusedError(Exception):
    """The API server refused a child; `refusal` has the reason and the message for the Run's status."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@contextmanager
def refusals() -> Iterator[None]:
    """A context in which refusals of the API server become a RefusedError."""
    try:
        yield
    except TooLargeError as error:
        message = (
            f"the cluster cannot store it: {error}; make the Run smaller: put its source into an image, "
            "large values into a ConfigMap or a volume"
        )
        raise RefusedError(Refusal("TooLarge", message, final=True)) from error
    except InvalidError as error:
        message = f"the API server refuses it: {error.message}"
        raise RefusedError(Refusal("InvalidSpec", message, final=True)) from error
    except ForbiddenError as error:
        raise RefusedError(Refusal("Forbidden", error.message, final=False)) from error
