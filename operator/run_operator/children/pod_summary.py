"""The platform's short pod summary, as `status.pods` holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from run_operator.api.raw import printable
from run_operator.children import ConditionView, ContainerView, PodView

MAX_PODS: Final = 5
MAX_TEXT: Final = 256


def summaries(pods: Sequence[PodView]) -> list[dict[str, Any]]:
    """Summaries of at most five pods, the newest first; texts are cut, empty values left out."""
    newest = sorted(pods, key=lambda pod: (pod.created, pod.name), reverse=True)
    return [_pod(pod) for pod in newest[:MAX_PODS]]


def _pod(pod: PodView) -> dict[str, Any]:
    return _filled(
        name=pod.name,
        namespace=pod.namespace,
        phase=pod.phase,
        startTime=pod.start_time,
        conditions=[_condition(condition) for condition in pod.facts.conditions],
        containers=[_container(container) for container in pod.facts.containers],
    )


def _condition(condition: ConditionView) -> dict[str, Any]:
    return _filled(
        type=condition.type,
        status=condition.status,
        lastTransitionTime=condition.time,
        reason=condition.reason,
        message=printable(condition.message)[:MAX_TEXT],
    )


def _container(container: ContainerView) -> dict[str, Any]:
    return {
        "name": container.name,
        "ready": container.ready,
        "restartCount": container.restarts,
        "image": container.image,
        "state": printable(state_text(container))[:MAX_TEXT],
    }


def state_text(container: ContainerView) -> str:
    """`running since T`, `terminated at T exitCode: N reason: R` or `waiting: R`, as the platform writes it."""
    if container.state == "running":
        return f"running since {container.started_at}"
    if container.state == "terminated":
        return f"terminated at {container.finished_at} exitCode: {container.exit_code} reason: {container.reason}"
    return f"waiting: {container.reason or container.state}"


def _filled(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", [], None)}
