"""Stop and resume: the write to `spec.suspend`, for the SDK and for the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from run_operator.api.constants import MANAGED_BY
from run_operator.api.exported import refusal
from run_operator.api.raw import JSON, text
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.authentication import review
from run_operator.gateway.errors import Problem, bad, of_kube
from run_operator.kube.errors import ConflictError, KubeError
from run_operator.kube.resource import RUNS

TRIES: Final = 20
MAX_MANAGER: Final = 128
"""Characters, the API server's limit."""
THROUGH: Final = "run-operator-gateway"


async def set_suspend(
    caller: ApiClient,
    read: Callable[[], Awaitable[JSON]],
    namespace: str,
    what: str,
    *,
    suspend: bool,
    through: str = THROUGH,
) -> JSON:
    """Write `spec.suspend`; returns the Run. `read` reads it, `what` names it, `through`: the program that the caller uses.

    Raises Problem 400 if it has ended.
    """
    verb = "stop" if suspend else "resume"
    manager = await _manager(caller, f" ({through})") if suspend else MANAGED_BY
    for _ in range(TRIES):
        raw = await read()
        if why := refusal(raw, verb):
            raise bad(why)
        metadata = raw["metadata"]
        # With the version, so that a Run that finishes meanwhile is not stopped without effect and without a word. Sent also
        # where nothing changes: whether the caller may is for the API server to say.
        body = {
            "metadata": {"resourceVersion": metadata["resourceVersion"]},
            "spec": {"suspend": suspend},
        }
        try:
            return await caller.patch(RUNS, namespace, str(metadata["name"]), body, manager=manager)
        except ConflictError:
            continue
        except KubeError as error:
            raise of_kube(error, f"{what} could not {verb}") from error
    raise Problem(409, f"{what} was changed by others at each try to {verb} it; try again")


async def _manager(caller: ApiClient, ending: str) -> str:
    """The field manager of a stop, for `kubectl get --show-managed-fields`. Evidence is the access log and the audit log."""
    try:
        user = text((await review(caller)).get("username"))
    except Problem:
        user = ""  # who it was is worth less than the stop
    printable = "".join(letter for letter in user if letter.isprintable())[: MAX_MANAGER - len(ending)]
    return f"{printable}{ending}" if printable else MANAGED_BY
