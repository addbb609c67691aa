"""A `Run` custom resource as Python, with the fields that the operator reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from run_operator.api.conditions import FINAL, state_of
from run_operator.api.constants import (
    CONTROLLER,
    GROUP,
    KUEUE_PREBUILT,
    KUEUE_PREFIX,
    KUEUE_QUEUE,
    MULTIKUEUE,
    RUN_KIND,
)
from run_operator.api.end_mark import EndMark
from run_operator.api.exported import id_of, project_of
from run_operator.api.policy import DeadlinePolicy, PolicyDefaults, RunPolicy
from run_operator.api.raw import JSON, is_large, mapping, mappings, number, parse, text
from run_operator.api.results import RESULT_FIELDS
from run_operator.api.translation import Translation

METRICS_FIELDS: Final = frozenset({"metrics", "metricsInfo", "metricsIngest", "metricsSummary"})
"""Status fields that only commits of metrics write; up to 512 KiB for each Run."""

LARGE_FIELDS: Final = METRICS_FIELDS | RESULT_FIELDS
"""Status fields that the lifecycle neither reads nor writes."""


class Key(NamedTuple):
    """Namespace and name of a Run; the unit of work of the engine."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class MetricsState(NamedTuple):
    """The state of a Run's metrics, from its status."""

    commit_id: str = ""
    """The id of the last commit; empty if nothing was logged."""
    open_writers: int = 0
    """Number of writers that have not ended."""
    lost_writers: int = 0
    """Number of writers of earlier attempts that never ended."""
    refused: int = 0
    """Values refused: there was no room for their metric, or `onLimit: Fail`."""
    thinned: bool = False
    """Whether a list in the status lacks values."""


GITOPS: Final = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "config.k8s.io/owning-inventory": "kpt",
    "applyset.kubernetes.io/part-of": "kubectl apply --applyset",
}
"""Labels and annotations of GitOps tools on the objects that they apply."""
BULKY: Final = ("resolved", "nodes")
"""Status fields that the store does not hold if they are large."""
NO_METRICS: Final = MetricsState()
NO_DEFAULTS: Final = PolicyDefaults()


@dataclass(frozen=True, slots=True)
class Run:
    """One `Run` object as the API server served it.

    `spec` is the *inner* spec of the exported document (`.spec.spec`); `status` is the operator's own
    status (`.status`), never the one the export carried (`.spec.status`). The LARGE_FIELDS are not in it: they
    are large, change every few seconds and decide nothing. `metrics` has the part that decisions need.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    created: str
    deleting: bool
    kind: str
    project: str
    id: str
    spec: JSON
    suspend: bool
    policy: RunPolicy
    status: JSON
    labels: Mapping[str, str] = field(default_factory=dict)
    key_of_document: str = ""
    profile_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that an applied profile adds to the child and its pods; never read from the object."""
    profile_annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations that an applied profile adds to the pods; never read from the object."""
    metrics: MetricsState = NO_METRICS
    end_mark: EndMark | None = None
    """The end of the Run, or of the one that it was restored from, as its annotation says."""
    declared_by: str = ""
    """The GitOps tool that applies the Run and creates it again when it is deleted (Argo CD, Flux); empty: none."""
    exported: JSON = field(default_factory=dict)
    """The exported status of a Run whose function ran elsewhere; else empty."""
    defaults: PolicyDefaults = NO_DEFAULTS
    """Fields of the policy that come from an administrator's default."""
    pipeline: str = ""
    """The uid of the Run that this one is a step of, which is its controller; empty: it is of its own."""
    managed_by: str = ""
    """The controller that carries it out; empty: this operator."""
    translation: Translation | None = None
    """The result of a Runtime for the document; never read from the object."""
    is_whole: bool = True
    """False: `spec` or what was resolved is left out; the API server has it."""

    @property
    def is_ours(self) -> bool:
        """Whether this operator carries it out and writes its status."""
        return self.managed_by in ("", CONTROLLER)

    @property
    def is_dispatched(self) -> bool:
        """Whether MultiKueue carries it from one cluster to another: this is one of the two objects."""
        return self.managed_by == MULTIKUEUE or KUEUE_PREBUILT in self.labels

    @property
    def ran_elsewhere(self) -> bool:
        """Whether the document says that its function ran on its author's machine."""
        return self.spec.get("local_execution") is True

    def slim(self) -> Run:
        """The Run as the store holds it: without large parts, and without the document of a Run that has ended."""
        over = state_of(self.status.get("state")) in FINAL
        bulky = [name for name in BULKY if is_large(self.status.get(name))]
        labels = self.labels
        if is_large(labels):
            labels = {name: value for name, value in labels.items() if name.startswith(KUEUE_PREFIX)}
        unneeded = over and bool(self.spec or self.exported)
        if not (bulky or unneeded or is_large(self.spec) or is_large(self.exported)):
            return self if labels is self.labels else replace(self, labels=labels)
        status = (
            {name: value for name, value in self.status.items() if name not in bulky}
            if bulky
            else self.status
        )
        spec, exported = (
            {} if over or is_large(document) else document for document in (self.spec, self.exported)
        )
        return replace(self, spec=spec, exported=exported, status=status, labels=labels, is_whole=False)

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return Key(self.namespace, self.name)

    @property
    def queue(self) -> str:
        """The queue that decides when it may run; empty when none does."""
        return str(self.labels.get(KUEUE_QUEUE, ""))

    def with_status(self, status: JSON) -> Run:
        """The same Run as it will be once this status is stored."""
        return replace(self, status=status)

    def with_defaults(self, defaults: PolicyDefaults) -> Run:
        """The same Run under these defaults, as far as its document says nothing."""
        return replace(
            self, policy=self.policy.with_defaults(defaults), defaults=self.policy.needed(defaults)
        )

    @classmethod
    def from_object(cls, raw: JSON) -> Run:
        """Read a `Run` of the API server; a part that is missing or has a wrong type becomes its empty value.

        The CRD's schema refuses such objects, so this matters only for Runs stored before the schema was
        tightened; validation proper is the business of `workloads.build`.
        """
        metadata, spec = mapping(raw.get("metadata")), mapping(raw.get("spec"))
        status = mapping(raw.get("status"))
        return cls(
            namespace=str(metadata.get("namespace", "")),
            name=str(metadata.get("name", "")),
            uid=str(metadata.get("uid", "")),
            resource_version=str(metadata.get("resourceVersion", "")),
            generation=int(metadata.get("generation", 0)),
            created=str(metadata.get("creationTimestamp") or ""),
            deleting=bool(metadata.get("deletionTimestamp")),
            kind=text(spec.get("kind")),
            project=project_of(raw),
            id=id_of(raw),
            spec=mapping(spec.get("spec")),
            suspend=spec.get("suspend") is True,
            policy=RunPolicy.from_object(mapping(spec.get("runPolicy"))),
            status={key: value for key, value in status.items() if key not in LARGE_FIELDS},
            labels=mapping(metadata.get("labels")),
            key_of_document=text(spec.get("key")),
            metrics=_metrics(status),
            end_mark=EndMark.of(metadata),
            declared_by=_declared_by(metadata),
            pipeline=_pipeline(metadata),
            managed_by=text(spec.get("managedBy")),
            exported=mapping(spec.get("status"))
            if mapping(spec.get("spec")).get("local_execution") is True
            else {},
        ).with_defaults(PolicyDefaults.from_object(mapping(status.get("policyDefaults"))))


def _pipeline(metadata: JSON) -> str:
    for owner in mappings(metadata.get("ownerReferences")):
        is_run = owner.get("kind") == RUN_KIND and text(owner.get("apiVersion")).startswith(f"{GROUP}/")
        if owner.get("controller") is True and is_run:
            return text(owner.get("uid"))
    return ""


def _declared_by(metadata: JSON) -> str:
    marks = {**mapping(metadata.get("labels")), **mapping(metadata.get("annotations"))}
    return next((tool for mark, tool in GITOPS.items() if mark in marks), "")


def _metrics(status: JSON) -> MetricsState:
    ingest = mapping(status.get("metricsIngest"))
    if not ingest:
        return NO_METRICS
    writers, ended = mapping(ingest.get("writers")), ingest.get("ended")
    infos = map(mapping, mapping(status.get("metricsInfo")).values())
    return MetricsState(
        commit_id=text(ingest.get("commitId")),
        open_writers=len(writers) - (len(ended) if isinstance(ended, list) else 0),
        lost_writers=number(ingest.get("lostWriters")),
        refused=number(ingest.get("refused")),
        thinned=any(number(info.get("stride")) > 1 for info in infos),
    )


def remaining(run: Run) -> int:
    """Whole seconds from `status.startTime` on; 0 or less: it is over. The same all through an attempt."""
    limit = run.policy.active_deadline
    match run.policy.deadline_policy:
        case DeadlinePolicy.CONTINUOUS:
            return limit
        case DeadlinePolicy.CUMULATIVE:
            return limit - int(run.status.get("activeSeconds") or 0)
        case DeadlinePolicy.WALL_CLOCK:
            first, began = parse(run.status.get("firstStartTime")), parse(run.status.get("startTime"))
            return limit - (round(began - first) if first is not None and began is not None else 0)
