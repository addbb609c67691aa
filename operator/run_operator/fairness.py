"""How tenants share what there is once for all of them: taking turns, and paying for what they use.

A tenant is a namespace, or whatever tells callers apart (an address). Nobody is slowed down while nobody else waits: a
share is what a tenant gets at least when others want something too. All of it is bounded by what waits. Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)
V = TypeVar("V")


def _nobody(_: Hashable) -> bool:
    return False


class RoundRobin(Generic[T]):
    """Items of many tenants: first come within a tenant, in turns between them. An item waits at most once a tenant."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, OrderedDict[T, None]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        return (item for line in self._lines.values() for item in line)

    def holds(self, tenant: Hashable, item: T) -> bool:
        """Whether the item waits."""
        return item in self._lines.get(tenant, ())

    def add(self, tenant: Hashable, item: T) -> None:
        """Behind the tenant's other items; one that waits already keeps its place."""
        line = self._lines.setdefault(tenant, OrderedDict())
        if item not in line:
            line[item] = None
            self._size += 1

    def discard(self, tenant: Hashable, item: T) -> bool:
        """Take the item out; whether it waited."""
        line = self._lines.get(tenant)
        if line is None or item not in line:
            return False
        del line[item]
        self._took(tenant, line)
        return True

    def pop(self, skipped: Callable[[Hashable], bool] = _nobody) -> T | None:
        """The next item of the tenant whose turn it is; tenants that are `skipped` keep their turn."""
        tenant = next((one for one in self._lines if not skipped(one)), None)
        if tenant is None:
            return None
        line = self._lines[tenant]
        item, _ = line.popitem(last=False)
        self._lines.move_to_end(tenant)
        self._took(tenant, line)
        return item

    def pop_excess(self, newest: Hashable = None) -> T | None:
        """The item that goes when there is no room: the oldest one of the tenant that has the most.

        `newest`: who needs the room. It loses its own where it has its share or more, so that a flood pays for itself without a
        look at all the others.
        """
        tenant = newest
        if len(self._lines.get(newest, ())) * len(self._lines) < max(1, self._size):
            tenant = max(self._lines, key=lambda one: len(self._lines[one]), default=None)
        if tenant not in self._lines:
            return None
        line = self._lines[tenant]
        item, _ = line.popitem(last=False)
        self._took(tenant, line)
        return item

    def _took(self, tenant: Hashable, line: OrderedDict[T, None]) -> None:
        self._size -= 1
        if not line:
            del self._lines[tenant]


class Expenses:
    """The usage of each tenant (bytes, requests): the one that used the least goes first.

    Start-time fair queueing: a tenant that comes back after a while begins where the others are now, so that idle time
    is not a credit.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._used: OrderedDict[Hashable, float] = OrderedDict()
        self._now = 0.0

    def of(self, tenant: Hashable) -> float:
        """The amount that this tenant has used, to compare with that of others."""
        return max(self._now, self._used.get(tenant, 0.0))

    def charge(self, tenant: Hashable, amount: float) -> None:
        """The tenant used so much; it was its turn."""
        start = self.of(tenant)
        self._now = start
        self._used[tenant] = start + amount
        self._used.move_to_end(tenant)
        while len(self._used) > self._most:
            self._used.popitem(last=False)


def share(whole: int, tenants: int) -> int:
    """The share of `whole` that each of so many tenants gets at least."""
    return whole // max(1, tenants)


def may_take(held: int, free: int) -> bool:
    """Whether a tenant that holds so many places takes another of the free ones.

    A tenant that is alone gets three quarters of all. Each of several leaves something free, so that a further one finds
    a place at once, up to five that want all they can get.
    """
    return free > 0 and (held == 0 or (free > 1 and held < 3 * free))


class Memo(Generic[V]):
    """Results that cost CPU, by namespace and the text they were made of. When there are too many, the namespace with the most gives up its oldest."""

    def __init__(self, made: Callable[[str], V], most: int) -> None:
        self._made = made
        self._most = most
        self._kept: dict[str, OrderedDict[str, V]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

    def get(self, namespace: str, text: str) -> V:
        """The result; made now if it is not kept. An error of its maker is not kept."""
        there = self._kept.get(namespace)
        if there is None or text not in there:
            made = self._made(text)
            self._make_room()
            there = self._kept.setdefault(namespace, OrderedDict())
            there[text] = made
        there.move_to_end(text)
        return there[text]

    def _make_room(self) -> None:
        if len(self) < self._most:
            return
        largest = max(self._kept, key=lambda one: len(self._kept[one]))
        self._kept[largest].popitem(last=False)
        if not self._kept[largest]:
            del self._kept[largest]
