"""Look up the Function, Task, profile and Runtime that a Run names, and merge them into its spec.

Function and Task are looked up only for a Run without an image: an export of a Run that the platform has built
holds the merged fields already. The record of an earlier start (`status.resolved`) wins over what is there now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from run_operator.api.constants import LABEL_PROFILES
from run_operator.api.raw import mapping
from run_operator.api.references import (
    MAX_RECORD,
    Catalog,
    EntityView,
    ResolvedPart,
    ResolvedRecord,
    function_want,
    task_want,
)
from run_operator.api.run import Run
from run_operator.api.translation import Translation
from run_operator.api.want import Want, runtime_wants
from run_operator.document.errors import DocumentError, InvalidReferenceError
from run_operator.document.kinds import WORKFLOWS, of_run
from run_operator.document.merge import merge
from run_operator.document.names import Reference
from run_operator.resolution.profile import apply, profile_spec
from run_operator.resolution.runtime_choice import chosen, compiled, origin
from run_operator.resolution.system_priority import check_priority
from run_operator.runtimes.definition import Definition
from run_operator.runtimes.translate import translated
from run_operator.workloads import fields
from run_operator.workloads.builder import builder, child_kind, with_others
from run_operator.workloads.fields import InvalidSpecError, UnresolvedError, UnsupportedError, WorkloadError
from run_operator.workloads.pipeline_kinds import STEPS
from run_operator.workloads.source import KEY as SOURCE
from run_operator.workloads.source import is_name_alone
from run_operator.workloads.types import Options

MAX_NAMED: Final = 3
"""Names in a message, at most."""
MAX_REFERENCE: Final = 300
"""Characters of a reference that a message repeats."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The result of looking up the references of a Run."""

    run: Run
    """The merged Run; the Run itself where nothing is needed or something is missing."""
    record: ResolvedRecord | None = None
    """For `status.resolved`; None where nothing was needed."""
    wants: tuple[Want, ...] = ()
    """Objects that were looked up in the cluster, and not in the record."""
    error: WorkloadError | None = None
    """Why the Run cannot be built; an UnresolvedError is temporary."""
    warnings: tuple[str, ...] = ()
    """Fields of the document that have no effect, one sentence each."""
    is_forged: bool = False
    """Whether the record in the status lacks the operator's signature; then it was not used."""

    @property
    def message(self) -> str:
        """A line that names the objects that were merged."""
        record = self.record or ResolvedRecord()
        named = []
        if record.function:
            whole = f"{record.function.reference.removesuffix(f':{record.function.id}')}:{record.function.id}"
            named.append(f"Function {whole} (object {record.function.name})")
        if record.task and record.task.name:
            named.append(f"Task {record.task.reference} (object {record.task.name})")
        if record.profile:
            named.append(
                f"profile {record.profile.reference} (ConfigMap {record.profile.namespace}/{record.profile.name})"
            )
        fields_of = f"with the fields of {', '.join(named)}" if named else ""
        by = f"as {origin(record.runtime)['kind']} {record.runtime.name} says" if record.runtime else ""
        return ", ".join(filter(None, (fields_of, by)))


def resolve(run: Run, catalog: Catalog, options: Options) -> Resolution:
    """Look up what the Run names. Never raises: mistakes are in the result."""
    try:
        essential: tuple[str, ...] = (builder(run).essential,)
    except UnsupportedError:
        essential = ()  # a Runtime says what it is
    except WorkloadError:
        return Resolution(run)  # it cannot be built anyway, and building says why
    says_it_all = essential and (_is_built(run) or not _lacks(run, essential[0]))
    if says_it_all and not run.spec.get("profile"):
        return Resolution(run)
    lookup = _Lookup(run, catalog, options, essential)
    try:
        return replace(lookup.resolution(), is_forged=lookup.is_forged)
    except WorkloadError as error:
        whole = with_others(run, error, options) if isinstance(error, InvalidSpecError) else error
        return Resolution(lookup.marked, wants=tuple(lookup.wants), error=whole, is_forged=lookup.is_forged)
    except DocumentError as error:
        wrong = InvalidSpecError(fields.ROOT, f"cannot be merged with its Function and Task: {error}")
        return Resolution(lookup.marked, wants=tuple(lookup.wants), error=wrong, is_forged=lookup.is_forged)


@dataclass(slots=True)
class _Lookup:
    run: Run
    catalog: Catalog
    options: Options
    essential: Sequence[str]
    """Where the document has none of these fields, the Function is looked up; empty: the Runtime names them."""
    wants: list[Want] = field(default_factory=list)
    is_forged: bool = False
    definition: Definition | None = None
    """The compiled Runtime, for kinds that need one."""

    @property
    def marked(self) -> Run:
        """The unmerged Run, marked as a job or a service."""
        if self.definition is None:
            return self.run
        return replace(
            self.run,
            translation=Translation(
                self.definition.kind, self.definition.used, resource=self.definition.resource
            ),
        )

    def resolution(self) -> Resolution:
        recorded = self._recorded()
        run, function, task, runtime = self.run, None, None, None
        if not self.essential:
            runtime = self._runtime(recorded.runtime)
        lacks = _lacks if self.definition is None else _is_without
        if any(lacks(run, name) for name in self.essential) and not _is_built(run):
            function, task = self._function_and_task(recorded)
            run = replace(run, spec=self._merged(function, task))
        before = run
        if runtime is not None and self.definition is not None:
            run = translated(run, self.definition, origin(runtime))
        if self.definition is None or self.definition.resource is None:  # else the field means something else
            run, profile, warnings = self._profiled(run, recorded.profile)
        else:
            profile, warnings = None, ()
        check_priority(before, run, profile, runtime, self.options.profiles_namespace)
        record = ResolvedRecord(function, task, profile, runtime)
        if record == ResolvedRecord():
            return Resolution(run)
        if self.wants and record.size > MAX_RECORD:
            raise WorkloadError(
                "ResolvedTooLarge",
                f"the Function, Task, Runtime and profile of this Run have {record.size} bytes, and at most {MAX_RECORD} can be "
                "recorded in its status: put the code into an image, or the fields into the Run itself",
            )
        return Resolution(run, record, tuple(self.wants), warnings=warnings)

    def _runtime(self, recorded: ResolvedPart | None) -> ResolvedPart:
        """The recorded Runtime, else the one that counts now."""
        kind = of_run(self.run.kind, fields.text(self.run.spec, "task"))
        part = _kept(recorded, kind.label)
        if part is None:
            self.wants += runtime_wants(kind.label, self.run.namespace)
            part = chosen(kind, self.catalog.runtimes(kind.label, self.run.namespace))
        self.definition = compiled(part)
        self.essential = self.definition.essential
        return part

    def _recorded(self) -> ResolvedRecord:
        """The record with the operator's signature; empty where the signature is missing or wrong."""
        found = mapping(self.run.status.get("resolved"))
        if not found:
            return ResolvedRecord()
        self.is_forged = not self.options.signer.is_genuine(self.run.uid, found)
        return ResolvedRecord() if self.is_forged else ResolvedRecord.of_status(self.run.status)

    def _function_and_task(self, recorded: ResolvedRecord) -> tuple[ResolvedPart, ResolvedPart]:
        """Both; a recorded one is used while the Run still names it."""
        own = fields.text(self.run.spec, "function") or self._workflow()
        task = _kept(recorded.task, fields.text(self.run.spec, "task") or "")
        if task is None or not (task.name or _kept(recorded.function, own)):
            task = self._task(needed=not own)
        asked = own or task.function
        if not asked:
            what = f"Task {_short(task.reference)} (object {task.name})"
            raise InvalidSpecError(f"{fields.ROOT}.function", f"is missing, and the {what} names none either")
        return _kept(recorded.function, asked) or self._function(asked), task

    def _workflow(self) -> str:
        """The Function that a pipeline names: on the platform it is a workflow."""
        runtime = of_run(self.run.kind, fields.text(self.run.spec, "task")).runtime
        return (fields.text(self.run.spec, "workflow") or "") if runtime in WORKFLOWS else ""

    def _merged(self, function: ResolvedPart, task: ResolvedPart | None) -> dict[str, object]:
        spec = merge(task.spec if task else {}, self.run.spec, function.spec)
        absent = next((name for name in self.essential if not spec.get(name)), None)
        if absent is not None:
            what = f"Function {_short(function.reference)} (object {function.name})"
            raise InvalidSpecError(f"{fields.ROOT}.{absent}", f"is missing, and the {what} has none either")
        return spec

    def _task(self, *, needed: bool) -> ResolvedPart:
        """The Task; the record also says that an optional Task is missing."""
        text = fields.text(self.run.spec, "task") or ""
        if needed and not text:
            absent = self.essential[0] if self.definition else "image"
            what = "an image" if absent == "image" else "it"
            raise InvalidSpecError(
                f"{fields.ROOT}.{absent}", f"is missing; name {what}, or a Function that gives one"
            )
        try:
            reference = Reference.parse(text)
        except InvalidReferenceError as error:
            if not needed:
                return ResolvedPart(text)
            problem = f"is missing, and no Function can be found by the task: {error}"
            raise InvalidSpecError(f"{fields.ROOT}.function", problem) from error
        want = task_want(self.run.namespace, reference)
        self.wants.append(want)
        found = self.catalog.task(want)
        if found is None and needed:
            raise UnresolvedError("TaskNotFound", self._apply("Task", text, "tasks", reference.name))
        return ResolvedPart.of_entity(text, found) if found else ResolvedPart(text)

    def _function(self, text: str) -> ResolvedPart:
        runtime = of_run(self.run.kind, fields.text(self.run.spec, "task")).runtime
        try:
            reference = Reference.parse(text)
        except InvalidReferenceError as error:
            raise InvalidSpecError(f"{fields.ROOT}.function", str(error)) from error
        if reference.kind != runtime:
            problem = f"{_short(text)} is of the runtime {reference.kind[:80]}, the Run of {runtime}"
            raise InvalidSpecError(f"{fields.ROOT}.function", problem)
        want = function_want(self.run.namespace, reference)
        self.wants.append(want)
        versions = self.catalog.functions(want)
        found = next((view for view in versions if reference.id in (None, view.id)), None)
        if found is None:
            advice = self._apply("Function", text, "functions", reference.id or "*")
            raise UnresolvedError("FunctionNotFound", advice + _others(versions))
        return ResolvedPart.of_entity(text, found)

    def _profiled(
        self, run: Run, recorded: ResolvedPart | None
    ) -> tuple[Run, ResolvedPart | None, tuple[str, ...]]:
        name = fields.text(run.spec, "profile")
        if not name:
            return run, None, ()
        part = _kept(recorded, name) or self._profile(name)
        made, warnings = apply(run, name, part.spec)
        return made, part, warnings

    def _profile(self, name: str) -> ResolvedPart:
        namespaces = tuple(dict.fromkeys((self.run.namespace, self.options.profiles_namespace)))
        self.wants += [Want("Profile", namespace, name) for namespace in namespaces]
        found = self.catalog.profile(name, namespaces)
        if found is None:
            known = self.catalog.profile_names(namespaces)
            raise UnresolvedError(
                "ProfileNotFound",
                f"the profile {_short(name)!r} is in no ConfigMap with the label {LABEL_PROFILES}: "
                f'"true" of namespace {" or ".join(namespaces)}; known: {_list(known) or "none"}',
            )
        return ResolvedPart.of_profile(name, found.source, profile_spec(name, found))

    def _apply(self, what: str, text: str, file: str, entity_id: str) -> str:
        command = f"runctl manifest {file}-{entity_id}.yaml | kubectl apply -n {self.run.namespace} -f -"
        return f"apply the {what} {_short(text)} to this namespace: {command}"


def _lacks(run: Run, name: str) -> bool:
    """Whether the Function has to say this. An export without a backend may name a file whose code is in the Function alone."""
    named = run.spec.get("function") or run.spec.get("workflow")
    is_name = name == SOURCE and named and is_name_alone(mapping(run.spec.get(name)))
    return _is_without(run, name) or bool(is_name)


def _is_without(run: Run, name: str) -> bool:
    return not run.spec.get(name)


def _is_built(run: Run) -> bool:
    """A pipeline whose document holds the workflow needs nothing else."""
    return child_kind(run) == STEPS and bool(mapping(run.spec.get("build")).get("base64"))


def _kept(recorded: ResolvedPart | None, asked: object) -> ResolvedPart | None:
    """The recorded part, if the Run still names it."""
    return recorded if recorded and recorded.reference == asked else None


def _others(versions: Sequence[EntityView]) -> str:
    return f"; other versions of it are here: {_list([view.id for view in versions])}" if versions else ""


def _list(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(name[:80] for name in names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _short(text: str) -> str:
    return text[:MAX_REFERENCE]
