"""The namespace of a project, where several namespaces claim to be it.

A person who may create namespaces can set any label on them. So a label never takes a project away: the namespace called like the
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
    """Only an administrator can decide which namespace is the project's."""


def claim_of(raw: JSON) -> Claim:
    """The claim of a Namespace object."""
    metadata = mapping(raw.get("metadata"))
    return Claim(parse(metadata.get("creationTimestamp")) or 0.0, text(metadata.get("name")))


def label_of(raw: JSON) -> str:
    """The project in a namespace's label; empty: it has no such label."""
    return text(mapping(mapping(raw.get("metadata")).get("labels")).get(LABEL_PROJECT))


def chosen(project: str, own: Claim | None, labelled: Iterable[Claim]) -> str:
    """The project's namespace; empty: there is none. `own`: the namespace called like it. Raises AmbiguousProjectError."""
    oldest = min((one for one in labelled if own is None or one.namespace != own.namespace), default=None)
    if own is None:
        return oldest.namespace if oldest else ""
    if oldest is not None and oldest.created < own.created:
        raise AmbiguousProjectError(
            f"project {project} is ambiguous: namespace {oldest.namespace} has the label {LABEL_PROJECT}={project}, and "
            f"namespace {own.namespace}, which has the project's name, was created later. An administrator can choose "
            f"one with the gateway's flag --project {project}=NAMESPACE, remove the label, or set another project in the label of the "
            "other namespace"
        )
    return own.namespace
