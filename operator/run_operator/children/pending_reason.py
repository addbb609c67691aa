"""Why a pod does not run yet: a reason, and a message that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from run_operator.children import ConditionView, ContainerView, PodView
from run_operator.children.termination import last_words

IMAGE_REASONS: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
ORDINARY: Final = frozenset({"ContainerCreating", "PodInitializing", ""})
MAX_TEXT: Final = 400
_NO_CLAIM: Final = re.compile(r'persistentvolumeclaim "([^"]{1,253})" not found')
_UNBOUND: Final = "unbound immediate PersistentVolumeClaims"
_EVICTIONS: Final = re.compile(r",? (?:no new claims to deallocate|preemption:)")
"""Where a scheduler's message goes on to what it would gain by ending other pods."""
_OWN_TROUBLE: Final = ". not found"
"""The end of a scheduler's message about its own records; nothing that a person could create."""


class PendingReason(NamedTuple):
    """A CamelCase reason and a message of one line."""

    reason: str
    message: str


def explain(pods: Sequence[PodView]) -> PendingReason | None:
    """Why the newest pod waited, if the reason is an unusual one."""
    found = of_pod(pods[-1]) if pods else None
    return None if found is None or found.reason in ORDINARY else found


def of_pod(pod: PodView) -> PendingReason:
    """Why this pod has no running container yet."""
    for container in pod.facts.containers:
        if container.state == "waiting" and container.reason not in ORDINARY:
            return _of_container(pod, container)
    for condition in pod.facts.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return _unscheduled(pod, condition)
    reason = next((c.reason for c in pod.facts.containers if c.state == "waiting" and c.reason), "")
    return PendingReason(
        reason or "ContainerCreating", f"pod {pod.name} is being prepared on {pod.facts.node or 'a node'}"
    )


def _unscheduled(pod: PodView, condition: ConditionView) -> PendingReason:
    claim = _NO_CLAIM.search(condition.message)
    if claim:
        text = f"pod {pod.name} needs the PersistentVolumeClaim {claim[1]}, which does not exist in this namespace: create it"
        return PendingReason("ClaimNotFound", text)
    reason = condition.reason or "Unschedulable"
    if _UNBOUND in condition.message:  # the Events of the claim say which one, and why
        text = (
            f"pod {pod.name} waits for a PersistentVolumeClaim that has no volume: kubectl describe pvc -n {pod.namespace} "
            "shows which one and why, often that its storage class does not exist"
        )
        return PendingReason(reason, text)
    said = line(_EVICTIONS.split(condition.message.removesuffix(_OWN_TROUBLE), maxsplit=1)[0])
    return PendingReason(reason, f"pod {pod.name} cannot be scheduled to a node: {said}")


def _of_container(pod: PodView, container: ContainerView) -> PendingReason:
    said = line(container.message)
    if container.reason in IMAGE_REASONS:  # names the image again and again, and the cause last
        text = f"the image {container.image} cannot be pulled: {last_words(container.message) or container.reason}"
        return PendingReason("ImagePullFailed", text)
    if container.reason == "CreateContainerConfigError":
        return PendingReason(missing(said), f"pod {pod.name} cannot start: {said or container.reason}")
    return PendingReason(container.reason, f"pod {pod.name} waits: {said or container.reason}")


def missing(said: str) -> str:
    """A reason of its own for `secret "x" not found`, because it says what to create."""
    if "not found" in said and said.startswith("secret "):
        return "SecretNotFound"
    if "not found" in said and said.startswith("configmap "):
        return "ConfigMapNotFound"
    return "CreateContainerConfigError"


def line(text: str) -> str:
    """The beginning of a text, on one line."""
    return " ".join(text.split())[:MAX_TEXT]
