"""The options of a list."""

from __future__ import annotations

from typing import TypedDict


class ListOptions(TypedDict, total=False):
    """The options of a list; `Api.pages` of `kube.client` has the defaults."""

    namespace: str | None
    selector: str
    fields: str
    page_size: int
    accept: str
    token: str
