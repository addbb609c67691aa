"""The objects from the watch streams: slim views of Runs and their children, indexed by Run.

Guarantees: an older version never replaces a newer one of the same object, nor a late word about a deleted Run one
that has its name now. Children are filed under their namespace and the uid in their label, so nothing of another
namespace is ever looked at for a Run, or wakes it; which of these are the Run's own, their owners prove.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, Protocol

from run_operator.api.raw import newer
from run_operator.api.references import Catalog, ProfilesView, Referred
from run_operator.api.run import Key, Run
from run_operator.api.want import Want
from run_operator.children import Controller, DeploymentView, JobView, PodView, ServiceView
from run_operator.children.ownership import is_owned, owned
from run_operator.engine.watched_kinds import WATCHED, Child
from run_operator.kube.resource import BY_KIND, CONFIG_MAPS, DEPLOYMENTS, JOBS, PODS, RUNS, SERVICES
from run_operator.lifecycle.model import Observed, Refusal
from run_operator.lifecycle.observation import observed, owned_and_orphans
from run_operator.workloads.metadata import child_name


class ReferenceIndex:
    """An index from objects to the Runs that refer to them. Its size is bounded: each Run follows the objects that its last decision looked up."""

    def __init__(self) -> None:
        self._of_run: dict[Key, tuple[Want, ...]] = {}
        self._of_want: dict[Want, set[Key]] = {}

    def __len__(self) -> int:
        return len(self._of_run)

    def follow(self, key: Key, wants: tuple[Want, ...]) -> None:
        """Replace the objects that the Run follows."""
        for want in self._of_run.pop(key, ()):
            keys = self._of_want.get(want, set())
            keys.discard(key)
            if not keys:
                self._of_want.pop(want, None)
        if wants:
            self._of_run[key] = wants
        for want in wants:
            self._of_want.setdefault(want, set()).add(key)

    def of(self, wants: Iterable[Want]) -> set[Key]:
        """The Runs that follow any of these."""
        return {key for want in wants for key in self._of_want.get(want, ())}


Group = tuple[str, str]
"""Namespace and uid of the Run that a child's label names."""
Wake = Callable[[Key, bool], None]
"""Called with a Run's key and whether it is urgent (a person changed the Run)."""
PLURALS: Final[dict[type[Child], str]] = {
    JobView: JOBS.plural,
    DeploymentView: DEPLOYMENTS.plural,
    ServiceView: SERVICES.plural,
    PodView: PODS.plural,
}


class Listener(Protocol):
    """Called for each change. It must be quick, and must not change the store."""

    def changed(self, child: Child) -> None:
        """A child appeared, or a field changed that decisions depend on."""

    def gone(self, child: Child) -> None:
        """A child was deleted; this is its last state."""

    def run_gone(self, uid: str) -> None:
        """A Run is gone."""


class Store:
    """The store, in one event loop. `wake` is called when something has changed that a decision depends on."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._runs: dict[Key, Run] = {}
        self._keys: dict[str, Key] = {}
        self._children: dict[Group, dict[str, Child]] = {}
        self._groups: dict[str, Group] = {}
        self._steps: dict[Group, set[Key]] = {}
        """Runs of steps, by namespace and uid of their pipeline."""
        self._gone: dict[str, PodView] = {}
        self._followers = ReferenceIndex()
        self.catalog: Final = Catalog()
        """The objects that Runs refer to; changed through this store only."""
        self.listener: Listener | None = None

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def sizes(self) -> dict[str, int]:
        """How many objects of each kind are held."""
        counted = Counter(PLURALS[type(child)] for child in self._all())
        counted.update(_plural(view) for view in self.catalog)
        counted[RUNS.plural] = len(self._runs)
        return {resource.plural: counted[resource.plural] for resource in WATCHED}

    def run(self, key: Key) -> Run | None:
        """The Run of this namespace and name; None: there is none."""
        return self._runs.get(key)

    def runs(self) -> Iterator[Run]:
        """All Runs; the store must not be changed meanwhile."""
        return iter(self._runs.values())

    def child(self, uid: str) -> Child | None:
        """The child of this uid, if it is held."""
        return self._children.get(self._groups.get(uid, _NONE), {}).get(uid)

    def children(self, run: Run | None = None) -> Iterable[Child]:
        """The children of a Run; without a Run, all held children."""
        return list(self._all()) if run is None else self._owned(run)

    def run_of(self, uid: str) -> Run | None:
        """The Run of this uid, if it is held."""
        key = self._keys.get(uid)
        return None if key is None else self._runs.get(key)

    def owner(self, child: Child) -> Run | None:
        """The Run that owns this child, or owned it when both were held."""
        run = self.run_of(child.run_uid)
        if run is None or run.namespace != child.namespace:
            return None
        held = self._children.get(child.group, {})
        return run if is_owned(child, run, child_name(run.name), held) else None

    def observed(self, run: Run, refusal: Refusal | None = None) -> Observed:
        """The children of the Run, as the streams reported them."""
        held = self._children.get((run.namespace, run.uid), {}).values()
        steps = [self._runs[key] for key in self._steps.get((run.namespace, run.uid), ())]
        return observed(
            owned_and_orphans(held, run),
            refusal=refusal,
            gone=self.gone(run),
            catalog=self.catalog,
            steps=steps,
        )

    def gone(self, run: Run) -> tuple[PodView, ...]:
        """The last state of the Run's newest pod that was deleted after its program had ended."""
        last = self._gone.get(run.uid)
        return (last,) if last else ()

    def follow(self, key: Key, wants: tuple[Want, ...]) -> None:
        """Wake this Run when one of these appears, changes or goes."""
        self._followers.follow(key, wants if key in self._runs else ())

    def knows(self, uid: str, resource_version: str) -> bool:
        """Whether this object is held in this version or a newer one."""
        held = self._version(uid)
        return held is not None and not newer(resource_version, held)

    def put_run(self, run: Run, *, own: bool = False) -> None:
        """A Run appeared or changed; `own`: by the operator's own write, after which no decision is needed."""
        run = run.slim()
        old = self._runs.get(run.key)
        if old is not None and not newer(run.resource_version, old.resource_version):
            return
        if own and (old is None or old.uid != run.uid):
            return  # it was deleted while the answer was on its way
        if old is not None and (old.uid != run.uid or old.pipeline != run.pipeline):
            self._no_step(old)
        if old is not None and old.uid != run.uid:
            self._forget(old.uid)
        self._runs[run.key] = run
        self._keys[run.uid] = run.key
        is_new = old is None or old.uid != run.uid
        if run.pipeline:
            self._steps.setdefault((run.namespace, run.pipeline), set()).add(run.key)
        if is_new or _differs(old, run):
            self._wake_group((run.namespace, run.pipeline))
            if not own:
                self._wake(run.key, old is None or old.generation != run.generation)

    def advance(self, before: Run, after: Run) -> None:
        """A commit of metrics, which tested the version of `before`, changed it to `after`.

        So what is held is what the API server has: the next write need not wait for the event, and nobody is woken.
        """
        if self._runs.get(before.key) is before:
            self._runs[before.key] = after

    def drop_run(self, key: Key, uid: str) -> None:
        """A Run is gone; its children stay until they are gone themselves."""
        run = self._runs.get(key)
        if run is not None and run.uid == uid:
            del self._runs[key]
            self._forget(uid)
            self._no_step(run)
            self._followers.follow(key, ())
            self._wake(key, False)
            self._wake_group((run.namespace, run.pipeline))

    def put_child(self, child: Child, *, own: bool = False) -> None:
        """A child of a Run appeared or changed; `own` as for `put_run`."""
        children = self._children.setdefault(child.group, {})
        old = children.get(child.uid)
        if old is not None and not newer(child.resource_version, old.resource_version):
            return
        if isinstance(child, PodView) and isinstance(old, PodView) and child.controller == Controller():
            child = replace(
                child, controller=old.controller
            )  # a pod that was orphaned is the one it was before
        children[child.uid] = child
        self._groups[child.uid] = child.group
        if old is not None and old.facts == child.facts:
            return
        if self.listener is not None:
            self.listener.changed(child)
        if not own:
            self._wake_group(child.group)

    def drop_child(self, uid: str) -> None:
        """A child is gone."""
        group = self._groups.pop(uid, None)
        children = self._children.get(group) if group is not None else None
        if group is None or children is None:
            return
        last = children.pop(uid, None)
        if isinstance(last, PodView) and (run := self.owner(last)) is not None:
            self._remember(run.uid, last)
        if not children:
            del self._children[group]
        if self.listener is not None and last is not None:
            self.listener.gone(last)
        self._wake_group(group)

    def put_referred(self, view: Referred) -> None:
        """A Function, a Task or a ConfigMap with profiles appeared or changed."""
        self._wake_followers(self.catalog.put(view))

    def drop_referred(self, uid: str) -> None:
        """One of these is gone."""
        self._wake_followers(self.catalog.drop(uid))

    def drop(self, uid: str) -> None:
        """Remove an object that was deleted without an event."""
        key = self._keys.get(uid)
        if key is not None:
            self.drop_run(key, uid)
        elif self.catalog.get(uid) is not None:
            self.drop_referred(uid)
        else:
            self.drop_child(uid)

    def uids(self, plural: str) -> set[str]:
        """The uids held of a resource."""
        if plural == RUNS.plural:
            return set(self._keys)
        children = {child.uid for child in self._all() if PLURALS[type(child)] == plural}
        return children | {view.uid for view in self.catalog if _plural(view) == plural}

    def _no_step(self, run: Run) -> None:
        group = run.namespace, run.pipeline
        keys = self._steps.get(group, set())
        keys.discard(run.key)
        if not keys:
            self._steps.pop(group, None)

    def _forget(self, uid: str) -> None:
        self._keys.pop(uid, None)
        self._gone.pop(uid, None)
        if self.listener is not None:
            self.listener.run_gone(uid)

    def _remember(self, run_uid: str, pod: PodView) -> None:
        """Keep one deleted pod for each Run: the newest with an exit code. A pod that never confirmed its end may have none."""
        known = self._gone.get(run_uid)
        later = known is None or (pod.created, pod.name) >= (known.created, known.name)
        ended = any(c.state == "terminated" for c in pod.facts.containers)
        if later and (ended or pod.facts.deleting or not pod.live):
            self._gone[run_uid] = replace(pod, gone=True)

    def _version(self, uid: str) -> str | None:
        key = self._keys.get(uid)
        if key is not None:
            return self._runs[key].resource_version
        held = self.child(uid) or self.catalog.get(uid)
        return held.resource_version if held else None

    def _all(self) -> Iterator[Child]:
        return (child for children in self._children.values() for child in children.values())

    def _owned(self, run: Run) -> list[Child]:
        held = self._children.get((run.namespace, run.uid))
        return owned(held.values(), run, child_name(run.name)) if held else []

    def _wake_group(self, group: Group) -> None:
        namespace, run_uid = group
        key = self._keys.get(run_uid)
        if key is not None and key.namespace == namespace:
            self._wake(key, False)

    def _wake_followers(self, changed: Iterable[Want]) -> None:
        for key in self._followers.of(changed):
            self._wake(key, False)


_NONE: Final[Group] = ("", "")


def _differs(old: Run | None, run: Run) -> bool:
    """Whether something of it changed that decisions depend on."""
    return old is None or old.generation != run.generation or old.status != run.status


def _plural(view: Referred) -> str:
    return CONFIG_MAPS.plural if isinstance(view, ProfilesView) else BY_KIND[view.what].plural
