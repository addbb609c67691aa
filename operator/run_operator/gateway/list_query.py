"""The query of a list: the parameters that the SDK sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from run_operator.api.filters import check
from run_operator.gateway.errors import bad
from run_operator.gateway.limits import GatewayLimits

FILTERS: Final = (
    "q",
    "name",
    "user",
    "state",
    "function",
    "workflow",
    "task",
    "created",
    "updated",
    "action",
)
PAGING: Final = ("page", "size", "sort", "versions", "kind")
SORTED: Final = ("created", "updated", "name", "kind")
MAX_PAGE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Query:
    """The query of a list. `size` 0: as many as an answer may hold."""

    wanted: Mapping[str, str]
    kind: str = ""
    page: int = 0
    size: int = 0
    sort: str = "created"
    ascending: bool = False
    all_versions: bool = False

    @property
    def state(self) -> str:
        """Empty for every state."""
        return self.wanted.get("state", "")


def query(parameters: Mapping[str, str], limits: GatewayLimits) -> Query:
    """Read the parameters of a list. Raises Problem for one that is not known: without its filter the list would show too much."""
    unknown = parameters.keys() - {*FILTERS, *PAGING}
    if unknown:
        raise bad(f"unknown filter {min(unknown)[:40]!r}; use {', '.join((*FILTERS, *PAGING))}")
    wanted = {name: value for name in FILTERS if (value := parameters.get(name))}
    try:
        check(wanted)
    except ValueError as error:
        raise bad(str(error)) from error
    field, *way = parameters.get("sort", "created,desc").lower().replace("metadata.", "").split(",")
    if field not in SORTED or way not in ([], ["asc"], ["desc"]):
        raise bad(
            f"lists are sorted by {', '.join(SORTED)}, with ,asc or ,desc; not by {parameters['sort'][:40]!r}"
        )
    return Query(
        wanted=wanted,
        kind=parameters.get("kind", ""),
        page=_number(parameters, "page", 0, 0, MAX_PAGE),
        size=_number(parameters, "size", 0, 1, limits.largest_page),
        sort=field,
        ascending=way != ["desc"],
        all_versions=parameters.get("versions") == "all",
    )


def _number(parameters: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = parameters.get(name, "")
    if not value:
        return default
    if not value.isdecimal() or len(value) > 9 or not least <= int(value) <= most:  # noqa: PLR2004 - digits
        raise bad(f"{name} must be a number from {least} to {most}")
    return int(value)
