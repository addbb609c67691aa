"""Kinds of documents: a runtime and an action."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from run_operator.document.errors import InvalidKindError

RUNTIMES: Final[dict[str, tuple[str, ...]]] = {
    "container": ("job", "serve", "build", "deploy"),
    "python": ("job", "serve", "build"),
    "openinference": ("serve", "build"),
    "guardrail": ("serve", "build"),
    "dbt": ("transform",),
    "hera": ("pipeline", "build"),
    "kfp": ("pipeline", "build"),
    "sklearnserve": ("serve",),
    "mlflowserve": ("serve", "build"),
    "huggingfaceserve": ("serve",),
    "vllmserve-text": ("serve",),
    "vllmserve-speech": ("serve",),
    "vllmserve-pooling": ("serve",),
    "kubeai-text": ("serve",),
    "kubeai-speech": ("serve",),
    "flower-app": ("train",),
    "flower-server": ("build", "deploy"),
    "flower-client": ("build", "deploy"),
    "servicegraph": ("serve",),
}
"""The platform's runtimes with their actions. Other kinds of the same form are accepted too."""
WORKFLOWS: Final = frozenset({"hera", "kfp"})
"""Runtimes whose executables are workflows: the platform's word for a Function that is a pipeline."""

_WORD: Final = r"[a-z0-9_][a-z0-9_-]*"
"""The platform's own kinds have no underscores; `_generic` is the SDK's word for one that it does not know."""
_RUN: Final = re.compile(rf"({_WORD})\+({_WORD}):run")
_LEGACY_RUN: Final = re.compile(rf"({_WORD})\+run")
_TASK: Final = re.compile(rf"({_WORD})\+({_WORD})")
_FUNCTION: Final = re.compile(_WORD)
MAX_KIND: Final = 256
"""Characters; the CRD allows a Run's kind 128."""
_CONTENT_KIND: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]*")


class EntityType(Enum):
    """The type of object that a document describes."""

    RUN = "Run"
    TASK = "Task"
    FUNCTION = "Function"
    ARTIFACT = "Artifact"
    DATAITEM = "DataItem"
    MODEL = "Model"
    CONTAINER_IMAGE = "ContainerImage"


CONTENT: Final = frozenset(
    {EntityType.ARTIFACT, EntityType.DATAITEM, EntityType.MODEL, EntityType.CONTAINER_IMAGE}
)
"""Entities whose content is elsewhere, in a file store or a registry; the platform's word is "material"."""
NAMED: Final = CONTENT | {EntityType.FUNCTION}
"""Entities with versions: a name, and an id for each version."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The parts of a Run's kind."""

    runtime: str
    action: str

    @property
    def label(self) -> str:
        """`<runtime>+<action>`."""
        return f"{self.runtime}+{self.action}"


def entity_type(kind: str) -> EntityType:
    """Run, Task or Function, by the shape of the kind. Raises InvalidKindError."""
    if _RUN.fullmatch(kind) or _LEGACY_RUN.fullmatch(kind):
        return EntityType.RUN
    if _TASK.fullmatch(kind):
        return EntityType.TASK
    if _FUNCTION.fullmatch(kind):
        return EntityType.FUNCTION
    raise InvalidKindError(
        f"{kind[:80]!r} is not a kind; the kind of a Run is <runtime>+<action>:run, e.g. container+job:run"
    )


def check_content_kind(kind: str) -> None:
    """Raise InvalidKindError for a kind that no artifact, data item, model or container image can have."""
    if not _CONTENT_KIND.fullmatch(kind):
        raise InvalidKindError(f"{kind[:80]!r} is not a kind; a kind is made of letters, digits and . _ -")


def of_run(kind: str, task: str | None) -> Kind:
    """Runtime and action of a Run: from its kind, or, before 0.14, from its task.

    Raises InvalidKindError when the kind is malformed or the two contradict each other.
    """
    named = (task or "").partition("://")[0]
    if len(kind) > MAX_KIND or len(named) > MAX_KIND:
        raise InvalidKindError(
            f"a kind has at most {MAX_KIND} characters: {max(kind, named, key=len)[:80]!r}"
        )
    return _of_run(kind, named)


@lru_cache(maxsize=1024)
def _of_run(kind: str, task: str) -> Kind:
    """The remembered part of `of_run`. `task`: without what follows `://`, which may have a megabyte."""
    asked = _of_task(task)
    if match := _RUN.fullmatch(kind):
        found = Kind(match[1], match[2])
        if asked and asked != found:
            raise InvalidKindError(f"the kind says {found.label}, but the task is one of {asked.label}")
        return found
    match = _LEGACY_RUN.fullmatch(kind)
    if match is None:
        raise InvalidKindError(
            f"{kind[:80]!r} is not the kind of a Run; write <runtime>+<action>:run, e.g. container+job:run"
        )
    if asked is None:
        raise InvalidKindError(f"neither the kind {kind} nor the task names an action")
    if asked.runtime != match[1]:
        raise InvalidKindError(f"the kind says {match[1]}, but the task is one of {asked.label}")
    return asked


def _of_task(task: str) -> Kind | None:
    """Runtime and action of a task."""
    if not task:
        return None
    match = _TASK.fullmatch(task)
    if match is None:
        raise InvalidKindError(f"the task {task[:120]!r} names no <runtime>+<action>")
    return Kind(match[1], match[2])
