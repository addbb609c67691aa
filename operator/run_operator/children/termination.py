"""The end of a pod: exit code, signal and reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from run_operator.api.pod_contract import BUILD_CONTAINER
from run_operator.api.raw import parse
from run_operator.children import ContainerView, PodView
from run_operator.children.interruption import ended_by_itself
from run_operator.runner.errors import REASONS

SIGNALS: Final = {129: "SIGHUP", 130: "SIGINT", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE", 137: "SIGKILL",
                  139: "SIGSEGV", 143: "SIGTERM"}  # fmt: skip
"""Signals by exit code, as shells and container runtimes report them."""
HINTS: Final = {126: "the command is not executable", 127: "the command was not found in the image",
                128: "the command could not be started"}  # fmt: skip
MAX_TEXT: Final = 400


class Termination(NamedTuple):
    """`reason` is empty if there is only an exit code; times are seconds since the epoch."""

    reason: str
    message: str
    """One line, with the last words of a program that failed."""
    brief: str
    """Without."""
    exit_code: int | None
    pod: str
    started_at: float | None
    finished_at: float | None


def last_ending(pods: Sequence[PodView]) -> Termination | None:
    """The end of the newest pod that has ended, or whose program has; `pods` are in order of their creation."""
    for pod in reversed(pods):
        ended = deciding(pod)
        if pod.over or (ended is not None and not ended.init):
            return _of(pod, ended)
    return None


def deciding(pod: PodView) -> ContainerView | None:
    """The container whose end counts: the program, or an init container that failed before it.

    Other containers (a proxy, a log shipper) do not count, whatever their exit codes.
    """
    program = pod.program
    if program is not None and program.state == "terminated":
        return program
    failed = (c for c in pod.facts.containers if c.init and not c.sidecar and c.state == "terminated")
    return next((c for c in failed if c.exit_code != 0), None)


def _of(pod: PodView, container: ContainerView | None) -> Termination:
    if container is None:
        why = (
            " ".join(f"{pod.facts.reason} {pod.facts.message}".split())[:MAX_TEXT]
            or "none of its containers ran"
        )
        text = f"pod {pod.name} failed: {why}"
        return Termination(pod.facts.reason, text, text, None, pod.name, None, None)
    reason = _reason(pod, container)
    reported, why = reason_of_runner(container.message) if not reason and container.exit_code else ("", "")
    brief = (
        f"{why} (exit code {container.exit_code}, pod {pod.name})"
        if reported
        else _message(pod, container, reason)
    )
    said = last_words(container.message) if not reported and reason not in ("OOMKilled", "Evicted") else ""
    reason = reason or reported
    is_program = not container.init
    return Termination(
        reason,
        f"{brief}: {said}" if said else brief,
        brief,
        None if container.lost else container.exit_code,
        pod.name,
        # 1970 where it never began. An init container before the program is not the program's beginning.
        (parse(container.started_at) or None) if is_program or container.name == BUILD_CONTAINER else None,
        parse(container.finished_at) or None,
    )


def reason_of_runner(message: str) -> tuple[str, str]:
    """Reason and message that the runner of a Python function left; two empty texts if there are none."""
    reason, colon, words = message.partition(": ")
    if not colon or reason not in REASONS:
        return "", ""
    return reason, " ".join(words.split())[:MAX_TEXT]


def last_words(text: str) -> str:
    """The end of a text, on one line: in a traceback the error is at the end."""
    said = " ".join(text.split())
    return said if len(said) <= MAX_TEXT else f"... {said[-MAX_TEXT:].partition(' ')[2] or said[-MAX_TEXT:]}"


def _reason(pod: PodView, container: ContainerView) -> str:
    if container.reason == "OOMKilled":
        return "OOMKilled"
    if container.reason in ("ContainerCannotRun", "StartError"):
        return container.reason
    # Evicted, Preempted, NodeLost...; empty in the ordinary case
    return "" if ended_by_itself(pod) else pod.facts.reason


def _message(pod: PodView, container: ContainerView, reason: str) -> str:
    code = container.exit_code
    if reason == "OOMKilled":
        return (
            f"{container.name} used more memory than its limit allows (pod {pod.name}); raise resources.mem"
        )
    if reason == "Evicted":
        return f"pod {pod.name} was evicted: {' '.join(pod.facts.message.split())[:MAX_TEXT]}"
    if container.lost:
        return f"the operator did not see whether container {container.name} started or how it ended (pod {pod.name})"
    what = f"{container.name} exited with code {code}"
    hint = SIGNALS.get(code or 0) or HINTS.get(code or 0)
    return what + (f", {hint}" if hint else "") + f" (pod {pod.name})"
