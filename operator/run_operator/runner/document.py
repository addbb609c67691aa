"""The runner's input from the operator: one JSON file with the Run and the address for its results."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import INVALID_SOURCE, RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Report:
    """Where results go."""

    url: str
    token_file: str
    authority_file: str


@dataclass(frozen=True)
class Document:
    """The Run as its program needs it. `run` is the whole document, for `event.body`."""

    run: Mapping[str, Any]
    report: Report | None
    source: Mapping[str, Any] = field(default_factory=dict)
    requirements: list[str] = field(default_factory=list)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    init_parameters: Mapping[str, Any] = field(default_factory=dict)
    grace: int = 25
    """Seconds that requests under way get after SIGTERM."""

    @property
    def project(self) -> str:
        """Name of the project."""
        return str(self.run.get("project", ""))

    @property
    def id(self) -> str:
        """The Run's id on the platform."""
        return str(self.run.get("id", ""))

    @property
    def handler(self) -> str:
        """`function` or `module:function`."""
        return str(self.source.get("handler") or "")

    @property
    def init_function(self) -> str:
        """Name of the function that runs once before the handler; empty: none."""
        return str(self.source.get("init_function") or "")


def read(path: str) -> Document:
    """The document of this pod. Raises RunnerError."""
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
    except (OSError, ValueError) as error:
        raise RunnerError(INVALID_SOURCE, f"the document of the Run cannot be read: {error}") from error
    return parse(raw)


def parse(raw: Mapping[str, Any]) -> Document:
    """The document from its JSON. Odd parts become empty ones: the operator has checked them."""
    run = _mapping(raw.get("run"))
    spec, report = _mapping(run.get("spec")), _mapping(raw.get("report"))
    return Document(
        run=run,
        report=Report(report["url"], report["token_file"], report["authority_file"]) if report else None,
        source=_mapping(spec.get("source")),
        requirements=requirements(spec.get("requirements")),
        inputs=_mapping(spec.get("inputs")),
        parameters=_mapping(spec.get("parameters")),
        init_parameters=_mapping(spec.get("init_parameters")),
        grace=int(raw.get("grace") or 25),
    )


def requirements(given: Any) -> list[str]:
    """One requirement an entry; the platform takes a text with lines too."""
    lines = given.splitlines() if isinstance(given, str) else given if isinstance(given, list) else []
    return [line.strip() for line in lines if isinstance(line, str) and line.strip()]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
