"""Which Runs look for what: a Function that appears wakes those that ask for it, and no others."""

from __future__ import annotations

from collections.abc import Iterable

from run_operator.resources.referred import Want
from run_operator.resources.run import Key


class Followers:
    """Bounded by the Runs there are: each follows the few things its last decision looked for."""

    def __init__(self) -> None:
        self._of_run: dict[Key, tuple[Want, ...]] = {}
        self._of_want: dict[Want, set[Key]] = {}

    def __len__(self) -> int:
        return len(self._of_run)

    def follow(self, key: Key, wants: tuple[Want, ...]) -> None:
        """From now on the Run follows these, instead of those it followed before; none: nothing."""
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
