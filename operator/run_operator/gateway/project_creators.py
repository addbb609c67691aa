"""Rights of the person who creates a project: a RoleBinding in its new namespace, made with this person's own token.

The administrator names the role (`--creator-role`) and the people (ClusterRole run-operator-project-creator). The policy beside
that role (manifests/components/project-creators) takes one RoleBinding from them: their own, in a namespace that they created.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from run_operator.api.constants import GROUP
from run_operator.api.raw import JSON, mapping, text
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.authentication import review
from run_operator.gateway.errors import Problem, of_kube
from run_operator.kube.errors import AlreadyExistsError, ForbiddenError, KubeError
from run_operator.kube.resource import ROLE_BINDINGS

ANNOTATION: Final = f"{GROUP}/project-creator"
"""On a namespace: the user name of the person who created it."""
BINDING: Final = "run-operator-project-creator"
"""Name of the RoleBinding."""
LOOKS: Final = 50
"""At most, until the API server's authorizer knows the new RoleBinding; the first or second look usually finds it."""
PAUSE: Final = 0.1
"""Seconds between two looks."""

_RBAC: Final = "rbac.authorization.k8s.io"


class ProjectCreators:
    """`role`: the ClusterRole that creators get; empty: they get none."""

    def __init__(self, role: str) -> None:
        self._role = role

    async def annotations(self, caller: ApiClient) -> dict[str, str]:
        """Annotations of a namespace that this caller creates. Raises Problem."""
        name = text((await review(caller)).get("username")) if self._role else ""
        return {ANNOTATION: name} if name else {}

    async def bind(
        self, caller: ApiClient, namespace: JSON, may_list: Callable[[ApiClient, str], Awaitable[bool]]
    ) -> None:
        """Give the role to the caller, and wait until it has effect. It may be called again. Raises Problem."""
        metadata = mapping(namespace.get("metadata"))
        name, creator = text(metadata.get("name")), creator_of(namespace)
        if not self._role or not creator:
            return
        try:
            with contextlib.suppress(AlreadyExistsError):
                await caller.create(ROLE_BINDINGS, name, _binding(self._role, creator))
        except ForbiddenError as error:
            raise Problem(
                403,
                f"namespace {name} was created, but {creator} was not given the role {self._role} in it ({error.message}). The "
                f"administrator of the cluster can bind it: kubectl create rolebinding {BINDING} -n {name} "
                f"--clusterrole={self._role} --user={creator}",
            ) from error
        except KubeError as error:
            raise of_kube(
                error, f"the role {self._role} in namespace {name} was not bound to {creator}"
            ) from error
        for _ in range(LOOKS):
            if await may_list(caller, name):
                return
            await asyncio.sleep(PAUSE)


def creator_of(namespace: JSON) -> str:
    """The user name of the person who created the namespace through a gateway; empty for any other namespace."""
    return text(mapping(mapping(namespace.get("metadata")).get("annotations")).get(ANNOTATION))


def _binding(role: str, user: str) -> JSON:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": BINDING},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": user}],
    }
