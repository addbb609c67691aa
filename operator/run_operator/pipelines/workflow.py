"""A workflow as the platform's hera runtime writes it, made a list of steps; each step runs one function.

It is a document of Argo Workflows, of which a small part is used: one DAG or list of steps, whose templates are containers that run
`step.py` with a function and its arguments. Other templates are refused by name: an author's document makes no pods of its own here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from run_operator.api.raw import mapping, text
from run_operator.document.errors import DocumentError, InvalidKindError, InvalidReferenceError
from run_operator.document.kinds import WORKFLOWS, of_run
from run_operator.document.names import Reference
from run_operator.document.yaml_reader import read_soon
from run_operator.pipelines.placeholders import OF_INPUT, OF_STEP, OF_WORKFLOW, as_text, in_a_key, named
from run_operator.pipelines.step_fields import checked
from run_operator.workloads.fields import WorkloadError

INVALID: Final = "InvalidPipeline"
MAX_BYTES: Final = 256 * 1024
MAX_VALUES: Final = 10_000
"""Values of a workflow. It is read in the process that all namespaces share."""
MAX_STEPS: Final = 100
MAX_PARAMETERS: Final = 100
"""Parameters, inputs or outputs in one place."""
MAX_DEPTH: Final = 32
PARALLEL: Final = 10
"""Steps of one pipeline that run at once."""
_KEY: Final = re.compile(r"store://([^/]+)/function/([^/]+)/([^/]+)")
_PREFIX: Final = re.compile(r"(?:dag|step)-op-")
_SUFFIX: Final = re.compile(r"-[0-9a-f]{8}")
"""The pattern that the SDK puts around the name of a step."""
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,126}[A-Za-z0-9])?")


class InvalidPipelineError(WorkloadError):
    """The problem and its place."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(INVALID, f"{where}: {problem}")


@dataclass(frozen=True, slots=True)
class Step:
    """One Run of a function. Texts may hold placeholders."""

    number: int
    """From 1, in the order of the document."""
    name: str
    function: Reference
    action: str
    spec: Mapping[str, Any]
    """For the Run."""
    inputs: Mapping[str, str]
    outputs: tuple[str, ...]
    after: tuple[str, ...]
    """The steps that it waits for."""

    @property
    def title(self) -> str:
        """The name as its author wrote it."""
        return _SUFFIX.sub("", _PREFIX.sub("", self.name, count=1)) or self.name

    @property
    def run_kind(self) -> str:
        """The kind of its Run."""
        return f"{self.function.kind}+{self.action}:run"


@dataclass(frozen=True, slots=True)
class Workflow:
    """The steps of a pipeline."""

    steps: tuple[Step, ...]
    parameters: Mapping[str, str | None]
    """With their defaults; None: the Run must give it."""
    parallel: int = PARALLEL


@dataclass(frozen=True, slots=True)
class _Program:
    """The program of a template. Many steps may have the same one, so it is read once."""

    function: Reference
    action: str
    fields: Mapping[str, Any]
    placeholders: frozenset[str]


def parse(data: bytes, project: str) -> Workflow:
    """Read a workflow. Raises InvalidPipelineError."""
    try:
        document = read_soon(data, MAX_BYTES, MAX_VALUES)
    except DocumentError as error:
        raise InvalidPipelineError("the workflow", str(error)) from error
    spec = _map(document, "the workflow")
    if "spec" in spec:
        _only(spec, "the workflow", "apiVersion", "kind", "metadata", "spec")
        spec = _map(spec["spec"], "spec")
    return _Reader(spec, project).workflow()


class _Reader:
    def __init__(self, spec: Mapping[str, Any], project: str) -> None:
        self._spec = spec
        self._project = project
        self._templates: dict[str, Mapping[str, Any]] = {}
        self._programs: dict[str, _Program] = {}
        self._values = 0
        self._parameters: dict[str, str | None] = {}

    def workflow(self) -> Workflow:
        spec = self._spec
        _only(spec, "spec", "entrypoint", "templates", "arguments", "parallelism")
        self._parameters = _parameters(spec.get("arguments"), "spec.arguments")
        for i, one in enumerate(_list(spec.get("templates"), "spec.templates")):
            template = _map(one, f"spec.templates[{i}]")
            self._templates[_name(template, f"spec.templates[{i}]")] = template
        start = text(spec.get("entrypoint"))
        entry = self._templates.get(start)
        if entry is None:
            raise InvalidPipelineError("spec.entrypoint", f"there is no template {start[:80]!r}")
        steps = tuple(self._steps(entry, f"template {start[:80]}"))
        if not 0 < len(steps) <= MAX_STEPS:
            raise InvalidPipelineError(f"template {start[:80]}", f"has {len(steps)} steps; 1 to {MAX_STEPS}")
        _check_order(steps)
        return Workflow(steps, self._parameters, _parallel(spec.get("parallelism")))

    def _steps(self, entry: Mapping[str, Any], where: str) -> Iterator[Step]:
        if "dag" in entry:
            _only(entry, where, "name", "dag")
            dag = _map(entry["dag"], f"{where}, dag")
            _only(dag, f"{where}, dag", "tasks")
            for i, one in enumerate(_list(dag.get("tasks"), f"{where}, tasks")):
                task = _map(one, f"{where}, task {i + 1}")
                yield self._step(i + 1, task, _dependencies(task))
            return
        if "steps" not in entry:
            raise InvalidPipelineError(where, "is the entrypoint, but is neither a DAG nor a list of steps")
        _only(entry, where, "name", "steps")
        before: tuple[str, ...] = ()
        number = 0
        for group in _list(entry["steps"], f"{where}, steps"):
            names = []
            for one in group if isinstance(group, list) else [group]:
                number += 1
                task = _map(one, f"{where}, step {number}")
                step = self._step(number, task, before)
                names.append(step.name)
                yield step
            before = tuple(names)

    def _step(self, number: int, task: Mapping[str, Any], after: tuple[str, ...]) -> Step:
        name = _name(task, f"step {number}")
        where = f"step {name}"
        _only(task, where, "name", "template", "arguments", "depends", "dependencies")
        given = _parameters(task.get("arguments"), f"{where}, arguments")
        template = self._templates.get(text(task.get("template")))
        if template is None:
            raise InvalidPipelineError(where, f"there is no template {text(task.get('template'))[:80]!r}")
        _only(template, where, "name", "container", "inputs", "outputs")
        defaults = _parameters(template.get("inputs"), f"{where}, inputs")
        inputs = {key: given.get(key, default) for key, default in defaults.items()}
        if absent := [key for key, value in inputs.items() if value is None]:
            raise InvalidPipelineError(where, f"its input {absent[0]} has no value")
        program = self._programs.get(template["name"])
        if program is None:
            program = self._programs[template["name"]] = self._program(template, where)
        step = Step(
            number, name, program.function, program.action, program.fields, {k: v or "" for k, v in inputs.items()},
            _outputs(template.get("outputs"), where), after,
        )  # fmt: skip
        self._check_placeholders(step, program.placeholders, where)
        _check_kind(step, where)
        return step

    def _program(self, template: Mapping[str, Any], where: str) -> _Program:
        """The function and the fields of its Run, out of the container's arguments."""
        container = _map(template.get("container"), f"{where}: its template must be a container, which")
        _only(container, f"{where}, container", "name", "image", "command", "args")
        args = container.get("args")
        match args:
            case ["step.py", "--entity", str(entity), "--kwargs", str(given)] if container.get("command") == [
                "python"
            ]:
                pass
            case _:
                raise InvalidPipelineError(
                    where,
                    "has a container of its own; write a function instead, and call it with step() of the SDK",
                )
        fields = self._fields(given, where)
        action = fields.pop("action", None)
        if not isinstance(action, str) or not action:
            raise InvalidPipelineError(where, "its template names no action, such as job or serve")
        if problem := checked(fields):
            raise InvalidPipelineError(where, problem)
        if key := in_a_key(fields):
            problem = f"a placeholder is in the name of the field {key[:80]}; it may be in values alone"
            raise InvalidPipelineError(where, problem)
        return _Program(self._function(entity, where), action, fields, frozenset(named(fields)))

    def _fields(self, given: str, where: str) -> dict[str, Any]:
        try:
            fields = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise InvalidPipelineError(where, "its --kwargs are not JSON") from error
        if not isinstance(fields, dict):
            raise InvalidPipelineError(where, "its --kwargs are not a JSON object")
        level: list[Any] = [fields]
        for _ in range(MAX_DEPTH):
            self._values += len(level)
            if self._values > MAX_VALUES:
                raise InvalidPipelineError(
                    where, f"the --kwargs of all templates have more than {MAX_VALUES} values"
                )
            level = [inner for one in level for inner in _inside(one)]
            if not level:
                return fields
        raise InvalidPipelineError(where, f"its --kwargs are nested more than {MAX_DEPTH} levels deep")

    def _function(self, entity: str, where: str) -> Reference:
        match = _KEY.fullmatch(entity)
        try:
            found = Reference.parse(f"{match[2]}://{match[1]}/{match[3]}" if match else entity)
        except InvalidReferenceError as error:
            raise InvalidPipelineError(where, str(error)) from error
        if found.project != self._project:
            raise InvalidPipelineError(
                where, f"its function is of project {found.project}, the pipeline of {self._project}"
            )
        return found

    def _check_placeholders(self, step: Step, placeholders: frozenset[str], where: str) -> None:
        for inside in sorted(placeholders):
            of_input, of_workflow = OF_INPUT.fullmatch(inside), OF_WORKFLOW.fullmatch(inside)
            known = (of_input and of_input[1] in step.inputs) or (
                of_workflow and of_workflow[1] in self._parameters
            )
            if not known:
                _unknown(where, inside, [f"inputs.parameters.{one}" for one in step.inputs])
        for inside in named(dict(step.inputs)):
            of_workflow = OF_WORKFLOW.fullmatch(inside)
            if not OF_STEP.fullmatch(inside) and not (of_workflow and of_workflow[1] in self._parameters):
                _unknown(where, inside, [f"workflow.parameters.{one}" for one in self._parameters])


def _inside(value: Any) -> Collection[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _check_kind(step: Step, where: str) -> None:
    if step.function.kind in WORKFLOWS:
        raise InvalidPipelineError(where, f"is a pipeline ({step.function}); a step must be a function")
    try:
        of_run(step.run_kind, None)
    except InvalidKindError as error:
        raise InvalidPipelineError(where, str(error)) from error


def _check_order(steps: Sequence[Step]) -> None:
    """Every step waits for others that are there, none for itself, and takes outputs of those before it alone."""
    by_name = {step.name: step for step in steps}
    if len(by_name) < len(steps):
        raise InvalidPipelineError("the workflow", "two steps have the same name")
    before: dict[str, frozenset[str]] = {}
    left = list(steps)
    while left:
        ready = [step for step in left if all(name in before for name in step.after)]
        if not ready:
            raise InvalidPipelineError(f"step {left[0].name}", _why_never(left[0], by_name))
        for step in ready:
            before[step.name] = frozenset(step.after).union(*(before[name] for name in step.after))
        left = [step for step in left if step.name not in before]
    for step in steps:
        for inside in named(dict(step.inputs)):
            match = OF_STEP.fullmatch(inside)
            if match and (match[1] not in before[step.name] or match[2] not in by_name[match[1]].outputs):
                _unknown(f"step {step.name}", inside, [])


def _why_never(step: Step, known: Mapping[str, Step]) -> str:
    absent = next((name for name in step.after if name not in known), None)
    return f"depends on {absent}, which is not a step" if absent else "depends on itself through other steps"


def _dependencies(task: Mapping[str, Any]) -> tuple[str, ...]:
    where = f"step {text(task.get('name'))[:80]}"
    listed = task.get("dependencies") or []
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise InvalidPipelineError(where, "its dependencies are not a list of names")
    words = [word.strip() for word in text(task.get("depends")).split("&&", MAX_STEPS) if word.strip()]
    if len(words) + len(listed) > MAX_STEPS:
        raise InvalidPipelineError(where, f"waits for more than {MAX_STEPS} steps")
    found = [word.removesuffix(".Succeeded") for word in words]
    for word in found:
        if not _NAME.fullmatch(word):
            raise InvalidPipelineError(
                where,
                f"depends on {word[:80]!r}; use only names joined by &&: the step begins when they have succeeded",
            )
    return tuple(dict.fromkeys([*found, *listed]))


def _outputs(raw: Any, where: str) -> tuple[str, ...]:
    given = mapping(raw)
    _only(given, f"{where}, outputs", "parameters", "artifacts")
    return tuple(
        _name(_map(one, f"{where}, outputs"), f"{where}, outputs")
        for one in _list(given.get("parameters") or [], f"{where}, outputs", MAX_PARAMETERS)
    )


def _parameters(raw: Any, where: str) -> dict[str, str | None]:
    given = mapping(raw)
    _only(given, where, "parameters")
    found: dict[str, str | None] = {}
    for one in _list(given.get("parameters") or [], where, MAX_PARAMETERS):
        entry = _map(one, where)
        _only(entry, where, "name", "value", "default")
        value = entry.get("value", entry.get("default"))
        found[_name(entry, where)] = None if value is None else as_text(value)
    return found


def _parallel(value: Any) -> int:
    if value is None:
        return PARALLEL
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidPipelineError("spec.parallelism", "must be a whole number of at least 1")
    return min(PARALLEL, value)


def _name(entry: Mapping[str, Any], where: str) -> str:
    name = text(entry.get("name"))
    if not _NAME.fullmatch(name):
        raise InvalidPipelineError(where, f"{name[:80]!r} is not a valid name")
    return name


def _map(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidPipelineError(where, "is not a map")
    return value


def _list(value: Any, where: str, most: int = MAX_VALUES) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidPipelineError(where, "is not a list")
    if len(value) > most:
        raise InvalidPipelineError(where, f"has {len(value)} entries; at most {most} are read")
    return value


def _only(entry: Mapping[str, Any], where: str, *known: str) -> None:
    for key, value in entry.items():
        if key not in known and value not in (None, {}, [], ""):
            raise InvalidPipelineError(
                where,
                f"{key[:80]} is a feature of Argo Workflows that the operator does not support; supported are {', '.join(known)}",
            )


def _unknown(where: str, inside: str, known: Sequence[str]) -> NoReturn:
    more = f"; use {', '.join(known)}" if known else ""
    raise InvalidPipelineError(where, f"{{{{{inside[:120]}}}}} has no value{more}")
