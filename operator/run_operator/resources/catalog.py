"""Everything Runs refer to, found by reference: Functions, Tasks and profiles of all namespaces.

Kept by the engine, read by decisions. An older version never replaces a newer one of the same object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from run_operator.document.references import Reference
from run_operator.resources.raw import newer
from run_operator.resources.referred import EntityView, ProfilesView, Referred, Want


class Profile(NamedTuple):
    """A profile as its ConfigMap holds it."""

    source: ProfilesView
    text: str


class Catalog:
    """Writers get back what changed, as wants: whoever waits for one of them has to be looked at again."""

    def __init__(self) -> None:
        self._held: dict[str, Referred] = {}
        self._answers: dict[Want, dict[str, Referred]] = {}

    def __iter__(self) -> Iterator[Referred]:
        return iter(self._held.values())

    def get(self, uid: str) -> Referred | None:
        """The object of that uid."""
        return self._held.get(uid)

    def put(self, view: Referred) -> frozenset[Want]:
        """An object appeared or changed."""
        old = self._held.get(view.uid)
        if old is not None and not newer(view.resource_version, old.resource_version):
            return frozenset()
        changed = frozenset() if old == view else self._forget(view.uid) | view.wants
        self._held[view.uid] = view
        for want in view.wants:
            self._answers.setdefault(want, {})[view.uid] = view
        return changed

    def drop(self, uid: str) -> frozenset[Want]:
        """An object is gone."""
        return self._forget(uid)

    def functions(self, want: Want) -> list[EntityView]:
        """All versions of a Function, the latest first: by the document's creation time, then by id."""
        found = [view for view in self._answers.get(want, {}).values() if isinstance(view, EntityView)]
        return sorted(found, key=lambda view: (view.created, view.id, view.name), reverse=True)

    def task(self, want: Want) -> EntityView | None:
        """The Task; of two objects with the same document the one made last."""
        return next(iter(self.functions(want)), None)

    def profile(self, name: str, namespaces: Sequence[str]) -> Profile | None:
        """The profile of that name in the first of the namespaces that has one."""
        for namespace in namespaces:
            answers = self._answers.get(Want("Profile", namespace, name), {}).values()
            sources = sorted(
                (view for view in answers if isinstance(view, ProfilesView)), key=lambda v: v.name
            )
            if sources:
                return Profile(sources[0], sources[0].texts[name])
        return None

    def profile_names(self, namespaces: Sequence[str]) -> list[str]:
        """All profiles of these namespaces, sorted."""
        found = (view for view in self._held.values() if isinstance(view, ProfilesView))
        return sorted({name for view in found if view.namespace in namespaces for name in view.texts})

    def _forget(self, uid: str) -> frozenset[Want]:
        old = self._held.pop(uid, None)
        if old is None:
            return frozenset()
        for want in old.wants:
            answers = self._answers.get(want, {})
            answers.pop(uid, None)
            if not answers:
                self._answers.pop(want, None)
        return old.wants


def function_want(namespace: str, reference: Reference) -> Want:
    """What a reference to a Function asks for, whatever its version."""
    return Want("Function", namespace, f"{reference.kind}://{reference.project}/{reference.name}")


def task_want(namespace: str, reference: Reference) -> Want:
    """What a reference to a Task asks for; its last part is the id."""
    return Want("Task", namespace, f"{reference.kind}://{reference.project}/{reference.name}")
