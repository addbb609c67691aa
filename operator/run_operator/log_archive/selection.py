"""The containers whose logs are kept, and whether they are read or followed."""

from __future__ import annotations

from typing import NamedTuple

from run_operator.children import ContainerView, PodView


class Selection(NamedTuple):
    """A container whose log is kept; `follow`: it may still write."""

    container: ContainerView
    follow: bool


def chosen(pod: PodView, *, stopping: bool = False) -> tuple[Selection, ...]:
    """All containers that ran, if the pod has ended, ends, or is about to end (`stopping`).

    A pod that just runs has none: its logs are still on its node.
    """
    if pod.live and not pod.facts.deleting and not stopping:
        return ()
    return tuple(
        Selection(container, follow=container.state == "running" and pod.live)
        for container in pod.facts.containers
        if container.state in ("running", "terminated") or container.restarts
    )


def ended(pod: PodView | None, name: str) -> bool:
    """Whether the container has ended."""
    if pod is None or not pod.live:
        return True
    return any(c.name == name and c.state == "terminated" for c in pod.facts.containers)
