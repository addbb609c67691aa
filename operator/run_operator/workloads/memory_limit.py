"""The memory limit, a tenth above the request, is lowered to what the namespace allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final, NamedTuple

from run_operator.api.raw import mapping, mappings
from run_operator.workloads.resources import MEMORY_FACTOR, parse, scaled_bytes


class MemoryCeiling(NamedTuple):
    """`most`: bytes of a limit; `ratio`: of a limit to its request. None: no such rule."""

    most: Decimal | None = None
    ratio: Decimal | None = None

    @classmethod
    def of(cls, limit_ranges: Iterable[Mapping[str, Any]]) -> MemoryCeiling:
        """The strictest bounds of the LimitRanges for a container, or for a pod with this container alone."""
        most: list[Decimal] = []
        ratios: list[Decimal] = []
        for raw in limit_ranges:
            for rule in mappings(mapping(raw.get("spec")).get("limits")):
                if rule.get("type") not in ("Container", "Pod"):
                    continue
                for key, found in (("max", most), ("maxLimitRequestRatio", ratios)):
                    amount = parse(str(mapping(rule.get(key)).get("memory") or ""))
                    if amount is not None:
                        found.append(amount)
        return cls(min(most, default=None), min(ratios, default=None))


NO_CEILING: Final = MemoryCeiling()


def within(child: Mapping[str, Any], ceiling: MemoryCeiling) -> Mapping[str, Any]:
    """The Job or Deployment with memory limits that the namespace allows.

    A limit that the document names stays. A derived one is lowered down to the document's own request; where that
    is too much, it is the request, so that what the API server says names the document's number.
    """
    made: dict[str, Any] | None = None
    for index, container in enumerate(child["spec"]["template"]["spec"]["containers"]):
        limit = _allowed(mapping(container.get("resources")), ceiling)
        if limit is not None:
            made = made or deepcopy(dict(child))
            made["spec"]["template"]["spec"]["containers"][index]["resources"]["limits"]["memory"] = limit
    return made or child


def _allowed(resources: Mapping[str, Any], ceiling: MemoryCeiling) -> str | None:
    """The lowered limit; None: the limit may stay."""
    request, limit = (
        mapping(resources.get("requests")).get("memory"),
        mapping(resources.get("limits")).get("memory"),
    )
    asked, given = parse(str(request or "")), parse(str(limit or ""))
    if asked is None or given is None or limit != scaled_bytes(str(request), MEMORY_FACTOR):
        return None
    rules = [ceiling.most, None if ceiling.ratio is None else asked * ceiling.ratio]
    most = min((rule for rule in rules if rule is not None), default=None)
    if most is None or given <= most:
        return None
    return str(request) if most <= asked else str(int(most))
