"""What the watch streams told: slim views of Runs, Jobs and Pods, indexed by Run.

Guarantees: an older version never replaces a newer one of the same object; a child belongs to the Run whose
uid it carries, so children of an earlier Run of the same name are never taken for this one's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from run_operator.resources.run import Key, Run
from run_operator.workloads.views import JobView, PodView

Wake = Callable[[Key, bool], None]
"""Called with a Run's key and whether it is urgent (a person changed the Run)."""


@dataclass(slots=True)
class _Children:
    jobs: dict[str, JobView] = field(default_factory=dict)
    pods: dict[str, PodView] = field(default_factory=dict)


class Store:
    """One event loop owns it. `wake` is called when something a decision depends on changed."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._runs: dict[Key, Run] = {}
        self._keys: dict[str, Key] = {}
        self._children: dict[str, _Children] = {}
        self._owners: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def sizes(self) -> dict[str, int]:
        """How many objects of each kind are held."""
        jobs = sum(len(c.jobs) for c in self._children.values())
        pods = sum(len(c.pods) for c in self._children.values())
        return {"runs": len(self._runs), "jobs": jobs, "pods": pods}

    def run(self, key: Key) -> Run | None:
        """The Run at this place, if any."""
        return self._runs.get(key)

    def runs(self) -> Iterator[Run]:
        """All Runs; the store must not be changed meanwhile."""
        return iter(self._runs.values())

    def job(self, run: Run) -> JobView | None:
        """The Run's Job. There is at most one that is not being deleted; that one is preferred."""
        children = self._children.get(run.uid)
        jobs = sorted(children.jobs.values(), key=lambda job: job.deleting) if children else []
        return jobs[0] if jobs else None

    def pods(self, run: Run) -> tuple[PodView, ...]:
        """The Run's pods, of all attempts."""
        children = self._children.get(run.uid)
        return tuple(children.pods.values()) if children else ()

    def knows(self, uid: str, resource_version: str) -> bool:
        """Whether this object is held in this version or a newer one."""
        held = self._version(uid)
        return held is not None and not _newer(resource_version, held)

    def put_run(self, run: Run, *, own: bool = False) -> None:
        """A Run appeared or changed; `own`: by our own write, which was decided with all that is known."""
        old = self._runs.get(run.key)
        if old is not None and old.uid == run.uid and not _newer(run.resource_version, old.resource_version):
            return
        if old is not None and old.uid != run.uid:
            self._keys.pop(old.uid, None)
        self._runs[run.key] = run
        self._keys[run.uid] = run.key
        if own:
            return
        if old is None or old.uid != run.uid or old.generation != run.generation or old.status != run.status:
            self._wake(run.key, old is None or old.generation != run.generation)

    def drop_run(self, key: Key, uid: str) -> None:
        """A Run is gone; its children stay until they are gone themselves."""
        run = self._runs.get(key)
        if run is not None and run.uid == uid:
            del self._runs[key]
            self._keys.pop(uid, None)
            self._wake(key, False)

    def put_job(self, job: JobView, *, own: bool = False) -> None:
        """A Job of a Run appeared or changed; `own` as for `put_run`."""
        children = self._of(job.run_uid)
        old = children.jobs.get(job.uid)
        if old is not None and not _newer(job.resource_version, old.resource_version):
            return
        children.jobs[job.uid] = job
        self._owners[job.uid] = job.run_uid
        if not own and (old is None or old.facts != job.facts):
            self._wake_owner(job.run_uid)

    def put_pod(self, pod: PodView) -> None:
        """A pod of a Run appeared or changed."""
        children = self._of(pod.run_uid)
        old = children.pods.get(pod.uid)
        if old is not None and not _newer(pod.resource_version, old.resource_version):
            return
        children.pods[pod.uid] = pod
        self._owners[pod.uid] = pod.run_uid
        if old is None or old.facts != pod.facts:
            self._wake_owner(pod.run_uid)

    def drop_child(self, uid: str) -> None:
        """A Job or pod is gone."""
        run_uid = self._owners.pop(uid, None)
        children = self._children.get(run_uid) if run_uid is not None else None
        if run_uid is None or children is None:
            return
        children.jobs.pop(uid, None)
        children.pods.pop(uid, None)
        if not children.jobs and not children.pods:
            del self._children[run_uid]
        self._wake_owner(run_uid)

    def drop(self, uid: str) -> None:
        """An object of whatever kind is gone though no stream told."""
        key = self._keys.get(uid)
        if key is not None:
            self.drop_run(key, uid)
        else:
            self.drop_child(uid)

    def uids(self, plural: str) -> set[str]:
        """The uids held of `runs`, `jobs` or `pods`."""
        if plural == "runs":
            return set(self._keys)
        if plural == "jobs":
            return {uid for children in self._children.values() for uid in children.jobs}
        return {uid for children in self._children.values() for uid in children.pods}

    def _version(self, uid: str) -> str | None:
        key = self._keys.get(uid)
        if key is not None:
            return self._runs[key].resource_version
        children = self._children.get(self._owners.get(uid, ""))
        held = (children.jobs.get(uid) or children.pods.get(uid)) if children else None
        return held.resource_version if held else None

    def _of(self, run_uid: str) -> _Children:
        return self._children.setdefault(run_uid, _Children())

    def _wake_owner(self, run_uid: str) -> None:
        key = self._keys.get(run_uid)
        if key is not None:
            self._wake(key, False)


def _newer(version: str, than: str) -> bool:
    """Whether a resourceVersion is newer. They are decimal numbers; what is not is taken as new."""
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than
