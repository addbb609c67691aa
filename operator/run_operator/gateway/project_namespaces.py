"""Which namespace is a project's, where more than one claims to be.

Who may create namespaces may put any label on one. So a label never takes a project away: the namespace called like the
project comes first, and of labelled ones the oldest. A namespace that was created with the name of a project that has
another one already makes the project ambiguous, which is an error for all rather than a way in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from run_operator.api.constants import LABEL_PROJECT
from run_operator.api.raw import JSON, mapping, parse, text


class Claim(NamedTuple):
    """A namespace that may be a project's. They sort by age."""

    created: float
    namespace: str


class AmbiguousProjectError(Exception):
    """Nobody but an administrator can say which namespace is meant."""


def claim_of(raw: JSON) -> Claim:
    """The project of a Namespace object."""
    metadata = mapping(raw.get("metadata"))
    return Claim(parse(metadata.get("creationTimestamp")) or 0.0, text(metadata.get("name")))


def label_of(raw: JSON) -> str:
    """The project that a namespace's label names; empty without one."""
    return text(mapping(mapping(raw.get("metadata")).get("labels")).get(LABEL_PROJECT))


def chosen(project: str, own: Claim | None, labelled: Iterable[Claim]) -> str:
    """The project's namespace, empty for none. `own`: the one called like it. Raises AmbiguousProjectError."""
    oldest = min((one for one in labelled if own is None or one.namespace != own.namespace), default=None)
    if own is None:
        return oldest.namespace if oldest else ""
    if oldest is not None and oldest.created < own.created:
        raise AmbiguousProjectError(
            f"project {project} is ambiguous: namespace {oldest.namespace} has the label {LABEL_PROJECT}={project}, and "
            f"namespace {own.namespace}, which is called like it, was created later. The administrator can say "
            f"which one it is: gateway --project {project}=NAMESPACE, or take the label away, or put another one on the "
            "other namespace"
        )
    return own.namespace
