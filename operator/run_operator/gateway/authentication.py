"""The caller's name, from the API server. It is asked before the body of a request is read or a list is begun."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

from run_operator.api.raw import JSON, mapping, text
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.errors import of_kube
from run_operator.kube.errors import ForbiddenError, KubeError
from run_operator.kube.resource import SELF_REVIEWS

GOOD_FOR: Final = 30.0
"""Seconds for which an answer counts. It has the caller's name only: rights are checked with every request."""
KNOWN_FOR: Final = 600.0
"""Seconds for which a caller has a rate of its own, apart from unknown callers at the same address."""


class Authentication:
    """`most`: callers that are remembered."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._users: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def is_known(self, digest: str) -> bool:
        """Whether the API server has accepted this token within KNOWN_FOR seconds."""
        found = self._users.get(digest)
        return found is not None and time.monotonic() < found[0] + KNOWN_FOR

    async def user(self, caller: ApiClient) -> str:
        """The name of the caller; empty where it may not ask for it. Raises Problem 401 for an invalid token."""
        digest = caller.identity.digest
        at, name = self._users.get(digest, (float("-inf"), ""))
        if time.monotonic() < at + GOOD_FOR:
            return name
        name = text((await review(caller)).get("username"))
        self._users[digest] = time.monotonic(), name
        self._users.move_to_end(digest)
        if len(self._users) > self._most:
            self._users.popitem(last=False)
        return name


async def review(caller: ApiClient) -> JSON:
    """The user info of the caller, from a SelfSubjectReview; empty where the caller may not ask for it. Raises Problem."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = await caller.create(SELF_REVIEWS, "", body)
    except ForbiddenError:
        return {}  # it is somebody, who may not ask who
    except KubeError as error:
        raise of_kube(error, "the token cannot be checked") from error
    return mapping(mapping(answer.get("status")).get("userInfo"))
