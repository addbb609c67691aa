"""Refusals of the API server, as messages for the Run's status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from run_operator.api.constants import LABEL_RUN, LABEL_RUN_UID
from run_operator.api.raw import mapping
from run_operator.api.run import Run
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


def name_conflict(
    what: str, found: Mapping[str, Any], owner: Mapping[str, Any], run: Run, volume: str
) -> Refusal:
    """The refusal of an object whose name is taken. It is for now if it is left of an earlier Run of this name, as a backup restores it."""
    labels = mapping(mapping(found.get("metadata")).get("labels"))
    restored = (
        not owner and labels.get(LABEL_RUN) == run.name and labels.get(LABEL_RUN_UID) not in (None, run.uid)
    )
    if restored and not volume:
        message = (
            f"{what} already exists, has no owner and names an earlier Run {run.name}: a backup may have restored it. The operator does not "
            f"change it: delete {what}, then this Run begins"
        )
        return Refusal("NameConflict", message, final=False)
    whose = f"{owner.get('kind')} {owner.get('name')}" if owner else "another client"
    message = f"{what} already exists and belongs to {whose}: the operator does not change it; apply this Run under another name, "
    if volume:  # what a claim holds is not ours to offer for deletion
        message += f"or delete this Run and apply it again with another name for its volume {volume}, which asks for that claim"
    else:
        message += "or delete both and apply it again"
    return Refusal("NameConflict", message, final=True)
