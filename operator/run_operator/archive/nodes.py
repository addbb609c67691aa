"""Nodes that do not serve logs: asked less and less often, so that a dead one costs next to nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from run_operator.archive.limits import Limits
from run_operator.kube.errors import KubeError, TransientError

MOST: Final = 10_000
FAKE: Final = "no preferred addresses found"
"""What the API server says of a node that it knows no way to: a fake one. What runs there writes nothing."""


class _Node:
    __slots__ = ("failures", "until", "why")

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0.0
        self.why = ""


class Nodes:
    """`clock` is monotonic seconds."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._failing: OrderedDict[str, _Node] = OrderedDict()

    def wait(self, name: str) -> float:
        """Seconds until the node may be asked again; 0: now."""
        node = self._failing.get(name)
        return 0.0 if node is None else max(0.0, node.until - self._clock())

    def hopeless(self, name: str) -> str:
        """Why what is on this node is given up without asking; empty while there is hope."""
        node = self._failing.get(name)
        return node.why if node and node.failures >= self._limits.patience and self.wait(name) else ""

    def answered(self, name: str) -> None:
        """It served a log."""
        self._failing.pop(name, None)

    @staticmethod
    def fake(why: str) -> bool:
        """Whether that is said of a node that is none."""
        return FAKE in why

    def told(self, name: str, error: KubeError) -> None:
        """It did not. Failures that come while it is not to be asked are of the same time, and count once."""
        if self.wait(name) or not isinstance(error, TransientError):
            return
        node = self._failing.setdefault(name, _Node())
        node.failures = self._limits.patience if self.fake(error.message) else node.failures + 1
        pause = self._limits.first_pause * 2.0 ** min(node.failures - 1, 16)
        longest = self._limits.last_pause
        node.until = self._clock() + (longest if self.fake(error.message) else min(longest, pause))
        node.why = error.message
        self._failing.move_to_end(name)
        if len(self._failing) > MOST:
            self._failing.popitem(last=False)
