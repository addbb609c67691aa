"""Stop, resume and delete a Run. The cluster has accepted the request when a function returns."""

from __future__ import annotations

from typing import Any, Final

from run_operator.api.exported import refusal
from run_operator.api.raw import mapping
from run_operator.client.cluster import Cluster
from run_operator.client.errors import NO_ENTITY, ConflictError, EntityError, EntityNotExistsError
from run_operator.kube.resource import RUNS

TRIES: Final = 20
"""Every change of the status between reading and writing costs one."""


def stop(cluster: Cluster, name: str) -> dict[str, Any]:
    """Set `spec.suspend`. A Run that is finished cannot be stopped: EntityError. Stopped already: nothing is sent."""
    return _suspend(cluster, name, True)


def resume(cluster: Cluster, name: str) -> dict[str, Any]:
    """Clear `spec.suspend`. Raises EntityError for a finished Run. Sends nothing if the Run is not suspended."""
    return _suspend(cluster, name, False)


def delete(cluster: Cluster, name: str, uid: str = "") -> dict[str, Any]:
    """Delete the Run with its pods and claims. Raises EntityNotExistsError."""
    try:
        return cluster.delete(RUNS, name, uid)
    except EntityNotExistsError as error:
        raise missing(cluster, name, error) from error
    except ConflictError as error:
        message = f"run {name} was deleted and created again since it was read; call refresh() first"
        raise ConflictError(message, status=error.status, reason=error.reason) from error


def missing(cluster: Cluster, name: str, error: EntityNotExistsError) -> EntityNotExistsError:
    """The original's sentence, with what helps here."""
    where = cluster.namespace
    message = f"there is no run {name} in the namespace {where} ({error}); runctl list -n {where} shows the Runs of this namespace"
    return EntityNotExistsError(f"{NO_ENTITY}{message}", status=error.status, reason=error.reason)


def _suspend(cluster: Cluster, name: str, suspend: bool) -> dict[str, Any]:
    for _ in range(TRIES):
        raw = _there(cluster, name)
        if why := refusal(raw, "stop" if suspend else "resume"):
            raise EntityError(why)
        if bool(mapping(raw.get("spec")).get("suspend")) == suspend:
            return raw
        version = raw["metadata"]["resourceVersion"]
        try:
            # With the version, so that a Run that finishes meanwhile is not stopped without effect and without a word.
            body = {"metadata": {"resourceVersion": version}, "spec": {"suspend": suspend}}
            return cluster.merge_patch(RUNS, name, body)
        except ConflictError:
            continue
    raise ConflictError(
        f"run {name} was changed by others at each try to {'stop' if suspend else 'resume'} it; try again"
    )


def _there(cluster: Cluster, name: str) -> dict[str, Any]:
    try:
        return cluster.get(RUNS, name)
    except EntityNotExistsError as error:
        raise missing(cluster, name, error) from error
