"""Fields that only some kinds of Runs have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from run_operator.api.exported import action_of
from run_operator.api.raw import mapping, text
from run_operator.client.errors import UnsupportedError


class Section(dict[str, Any]):
    """`run.status.state` is `run.status["state"]`. A field that is not there is an AttributeError, or KeyError."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            there = ", ".join(self) or "nothing"
            raise AttributeError(f"there is no field {name!r}; the fields are {there[:300]}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def to_dict(self) -> dict[str, Any]:
        """As a plain dict, a copy one level deep."""
        return dict(self)


WITH_RESULTS: Final = ("python", "openinference", "guardrail", "dbt", "hera", "kfp")
"""Runtimes whose programs report outputs and results."""

CANNOT_RUN: Final = ("UnsupportedKind", "RuntimeNotFound")
"""Reasons in the conditions of a Run that the operator knows and cannot run."""


class Results:
    """Inputs, outputs and results, of the runtimes that have them; else UnsupportedError.

    So it is too with outputs and results of a Run that this cluster's operator cannot run yet.

    As of the last `refresh`. Where the original fetches an artifact, this gives its store key: the platform's store
    is not part of the cluster.
    """

    kind: str
    spec: Section
    status: Section

    def inputs(self) -> dict[str, str]:
        """Name to store key."""
        self._check_runtime("inputs")
        return dict(mapping(self.spec.get("inputs")))

    def outputs(self) -> dict[str, str]:
        """Name to store key; empty before the program has reported any."""
        self._check_ran("outputs")
        return dict(mapping(self.status.get("outputs")))

    def output(self, output_name: str) -> str | None:
        """The store key of one output, None if there is none."""
        return self.outputs().get(output_name)

    def results(self) -> dict[str, Any]:
        """Name to plain value."""
        self._check_ran("results")
        return dict(mapping(self.status.get("results")))

    def result(self, result_name: str) -> Any:
        """One result, None if there is none."""
        return self.results().get(result_name)

    def _check_runtime(self, what: str) -> None:
        runtime = self.kind.partition("+")[0]
        if runtime not in WITH_RESULTS:
            raise UnsupportedError(
                f"a Run of kind {self.kind} has no {what}; those of {', '.join(WITH_RESULTS)} have"
            )

    def _check_ran(self, what: str) -> None:
        self._check_runtime(what)
        for condition in self.status.get("conditions") or ():
            if mapping(condition).get("reason") in CANNOT_RUN:
                raise UnsupportedError(f"this Run has no {what}: {condition.get('message', '')}")

    def _check_kind(self, what: str, actions: Sequence[str]) -> None:
        if action_of({"kind": self.kind, "spec": self.spec}) not in actions:
            raise UnsupportedError(
                f"a Run of kind {self.kind} has no {what}; those of +{', +'.join(actions)} have"
            )


def image_of(status: Mapping[str, Any], name: str) -> str:
    """`status.outputs.image`. Raises UnsupportedError while there is none."""
    found = text(mapping(status.get("outputs")).get("image"))
    if not found:
        said = text(status.get("message"))
        raise UnsupportedError(
            f"run {name} has built no image (it is {status.get('state')}{f': {said}' if said else ''}); "
            "while it builds, call wait(), then refresh()"
        )
    return found
