"""The `Run` object, as people know it from the DigitalHub SDK, on the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self, overload

from run_operator.api.conditions import FINAL, State, state_of
from run_operator.api.exported import of_object
from run_operator.api.raw import mapping
from run_operator.client import apply, log_stream, predicates, suspend
from run_operator.client import log_reader as logs_of
from run_operator.client import metric_logging as metrics_of
from run_operator.client import wait as waiting
from run_operator.client.cluster import Cluster
from run_operator.client.documents import export_path, write_document
from run_operator.client.errors import EntityError, EntityNotExistsError
from run_operator.client.invoke import ServiceAnswer, invoke
from run_operator.client.log_reader import Log, LogLine
from run_operator.client.metric_logging import Metric
from run_operator.client.spec_sections import Results, Section, image_of
from run_operator.client.submit import rerun_object
from run_operator.document.names import object_name
from run_operator.kube.resource import RUNS


class Run(Results):
    """One execution of a function.

    Methods change the cluster at once; the attributes are as of the last `save`, `refresh` or `wait`. All methods raise
    BackendError, or a class derived from it, when the cluster refuses or does not answer.
    """

    def __init__(self, document: Mapping[str, Any], cluster: Cluster, name: str = "", uid: str = "") -> None:
        self.cluster = cluster
        self.object_name = name or object_name(str(document["id"]))
        """The name in the cluster, for kubectl. It follows from the id unless the manifest chose another one."""
        self.folder: str | Path = "./"
        """Where `export` writes."""
        self._uid = uid
        self._take(document)

    @classmethod
    def from_object(cls, raw: Mapping[str, Any], cluster: Cluster) -> Self:
        """The uid of the object in the cluster."""
        metadata = raw["metadata"]
        return cls(of_object(raw), cluster, str(metadata["name"]), str(metadata["uid"]))

    def __repr__(self) -> str:
        return f"Run({self.kind} {self.project}/{self.id}, {self.status.get('state')})"

    # -- the entity

    def to_dict(self) -> dict[str, Any]:
        """The document, in the SDK's order; what says nothing (None) is left out."""
        found = {
            "kind": self.kind, "metadata": dict(self.metadata), "spec": dict(self.spec), "status": dict(self.status),
            "user": self.user, "project": self.project, "id": self.id, "name": self.name, "key": self.key,
            "extensions": list(self.extensions),
        }  # fmt: skip
        return {key: value for key, value in found.items() if value is not None}

    def save(self, update: bool = False) -> Self:
        """Create the Run; with `update`, change what may change of it, or create it if it is not there.

        The document's metadata and extensions may always change, its spec only while the Run is STOPPED
        (BadRequestError), kind, project and id never (EntityError). Raises EntityAlreadyExistsError without `update`.
        """
        make = apply.update if update else apply.create
        return self._now(make(self.cluster, self.to_dict(), self.object_name))

    def update(self) -> Self:
        """Change what may change of the Run, as `save(update=True)`; the name that the SDK has for it since 0.16."""
        return self.save(update=True)

    def refresh(self) -> Self:
        """Take the cluster's state. Raises EntityNotExistsError."""
        return self._now(self._read())

    def export(self) -> str:
        """Write `runs-<id>.yaml` into `folder`; returns its path.

        The document as this object has it: with the status, outputs, results and metrics of the last `refresh`, and
        loadable by the original SDK. An older file is replaced whole. Raises OSError.
        """
        target = export_path(Path(self.folder), self.id)
        write_document(target, self.to_dict())
        return str(target)

    def delete(self) -> None:
        """Delete the Run, its pods and claims. Raises EntityNotExistsError."""
        suspend.delete(self.cluster, self.object_name, self._uid)

    # -- its life

    def wait(self, log_info: bool = True, timeout: float | None = None) -> Self:
        """Until COMPLETED, ERROR or STOPPED; a service: until it is ready, or one of these.

        `log_info`: print states and the program's lines as they come. `timeout`: seconds, then WaitTimeoutError.
        Survives cut connections and restarts of the API server; after ten minutes without it, UnavailableError.
        A Run deleted meanwhile: RunDeletedError. Ctrl-C leaves the Run alone.
        """
        observer = waiting.Printer(self.object_name) if log_info else None
        return self._now(self._wait(observer=observer, timeout=timeout))

    def stop(self, wait: bool = False, timeout: float | None = None) -> None:
        """Stop the Run, from whatever state; claims and address stay, `resume` goes on.

        Returns when the cluster has accepted it, with `wait` when no pod can write any more. Stopped already:
        nothing happens. A Run that is finished cannot be stopped: EntityError.
        """
        suspend.stop(self.cluster, self.object_name)
        if wait:
            self._now(self._wait(until=predicates.stopped, timeout=timeout))
            if state_of(self.status.get("state")) in FINAL:
                raise EntityError(
                    f"run {self.object_name} ended before it could be stopped: its state is {self.status.state}"
                )

    def resume(self, wait: bool = False, timeout: float | None = None) -> None:
        """Let a stopped Run go on, as its next attempt, which uses up no retry.

        Returns when the cluster has accepted it, with `wait` when the program runs (or has failed: EntityError).
        Not stopped: nothing happens. A Run that is finished cannot be resumed: EntityError.
        """
        suspend.resume(self.cluster, self.object_name)
        if wait:
            self._now(self._wait(until=predicates.running, timeout=timeout))
            if self.status.get("state") == State.ERROR:
                raise EntityError(f"run {self.object_name} failed: {self.status.get('message', '')}")

    def rerun(
        self,
        name: str | None = None,
        *,
        env: Mapping[str, str] | None = None,
        suspend: bool = False,
        **spec: Any,
    ) -> Run:
        """Create and return a new Run of the same document, whatever the state of this one.

        `name`: of its object, else one is made. `env`: variables that are other ones. `spec`: fields of the inner spec.
        """
        body = rerun_object(self._read(), name, env=env, spec=spec, suspend=suspend)
        return Run.from_object(self.cluster.create(RUNS, body), self.cluster)

    @overload
    def logs(
        self, follow: Literal[False] = False, attempt: int | None = None, *, as_entity: bool = False
    ) -> list[Log]: ...
    @overload
    def logs(
        self, follow: Literal[True], attempt: int | None = None, *, as_entity: bool = False
    ) -> Iterator[LogLine]: ...
    def logs(
        self, follow: bool = False, attempt: int | None = None, *, as_entity: bool = False
    ) -> list[Log] | Iterator[LogLine]:
        """The output of the programs: a Log for each container of each pod, the oldest first.

        `attempt`: only those of this attempt. For pods that are gone it is what the operator kept: the end, at least 256 KiB unless
        an admin says otherwise (`Log.kept`, `Log.truncated`). `follow`: the lines as they come instead, until the Run has
        ended or is stopped. Kept lines of deleted pods come first, if `attempt` is set or the Run has ended.
        `as_entity` is an argument of the SDK 0.16: a Log is a text and an object with `.text` in any case.
        """
        del as_entity
        raw = self._read()  # so that a Run that is not there is an error, not an empty list
        if not follow:
            return logs_of.read_soon(self.cluster, raw, attempt)
        return log_stream.follow(self.cluster, raw, attempt)

    # -- metrics

    @property
    def metrics(self) -> dict[str, Metric]:
        """As the cluster has them now: a number or a list of numbers for each name; None stands for NaN and infinity."""
        return dict(mapping(mapping(self._read().get("status")).get("metrics")))

    def log_metric(
        self,
        key: str,
        value: Metric,
        overwrite: bool = False,
        single_value: bool = False,
        *,
        step: object = None,
    ) -> None:
        """Append a number, or a list of them, to a metric; `overwrite` replaces it.

        `single_value`: the metric is this number, not a list. An existing metric stays, with a warning, unless `overwrite`
        is set. Each value is stored exactly once, also beside other writers. In the Run's own pod the in-pod sender takes it;
        elsewhere it needs the right to create metricbatches (ClusterRole run-operator-metrics; ForbiddenError without it).
        Raises ValueError for a value that is not a number, and for `step`, which other libraries have.
        """
        metrics_of.check_flags(step, overwrite=overwrite, single_value=single_value)
        found = metrics_of.checked(key, value)
        metrics_of.log(
            self.cluster,
            self.object_name,
            self._uid,
            key,
            found,
            overwrite=overwrite,
            single_value=single_value,
        )

    def log_metrics(
        self, metrics: Mapping[str, Metric], overwrite: bool = False, *, step: object = None
    ) -> None:
        """Log several. A list as in `log_metric`; a number is the single value of a new metric, else appended."""
        metrics_of.check_flags(step, overwrite=overwrite)
        found = metrics_of.all_checked(metrics)
        metrics_of.log_all(self.cluster, self.object_name, self._uid, found, overwrite=overwrite)

    # -- of some kinds

    def invoke(self, method: str = "POST", url: str | None = None, **kwargs: Any) -> ServiceAnswer:
        """Call the Run's service; `kwargs`: params, data, json, headers, timeout (seconds). See `services.invoke`."""
        self._check_kind("invoke", predicates.SERVICES)
        raw = self._read()
        return invoke(self.cluster, mapping(raw.get("status")), method, url, **kwargs)

    @property
    def image(self) -> str:
        """The image that a build made."""
        self._check_kind("image", ("build",))
        return image_of(self.status, self.object_name)

    # --

    def _read(self) -> Mapping[str, Any]:
        try:
            return self.cluster.get(RUNS, self.object_name)
        except EntityNotExistsError as error:
            raise suspend.missing(self.cluster, self.object_name, error) from error

    def _wait(self, **how: Any) -> Mapping[str, Any]:
        return waiting.wait(self.cluster, self.object_name, uid=self._uid, **how)

    def _now(self, raw: Mapping[str, Any]) -> Self:
        self._uid = str(raw["metadata"]["uid"])
        self._take(of_object(raw))
        return self

    def _take(self, document: Mapping[str, Any]) -> None:
        self.kind: str = document["kind"]
        self.project: str = document["project"]
        self.id: str = document["id"]
        self.name: str = document.get("name") or self.id
        self.key: str = document.get("key", "")
        self.user: str | None = document.get("user")
        self.metadata = Section(document.get("metadata") or {})
        self.spec = Section(document["spec"])
        self.status = Section(document.get("status") or {"state": "CREATED"})
        self.extensions: list[Any] = list(document.get("extensions") or ())
