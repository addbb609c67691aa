"""Rights of a viewer to Runs: the question to the API server, and the text of a missing right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from run_operator.kube.resource import EVENTS, PODS, RUN_LOGS, RUNS, Resource


@dataclass(frozen=True, slots=True)
class Right:
    """A verb on a resource."""

    verb: str
    resource: Resource
    subresource: str = ""

    def missing(self, namespace: str | None) -> str:
        """The missing right in words of RBAC: `patch runs.run-operator.io in ml`."""
        plural = (
            f"{self.resource.plural}.{self.resource.group}" if self.resource.group else self.resource.plural
        )
        what = f"{plural}/{self.subresource}" if self.subresource else plural
        return f"{self.verb} {what} in {namespace}" if namespace else f"{self.verb} {what} in all namespaces"

    def review(self, namespace: str | None, name: str = "") -> dict[str, Any]:
        """The SelfSubjectAccessReview to create."""
        asked = {
            "verb": self.verb,
            "group": self.resource.group,
            "resource": self.resource.plural,
            "subresource": self.subresource,
            "namespace": namespace or "",
            "name": name,
        }
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
        }


LIST: Final = Right("list", RUNS)
WATCH: Final = Right("watch", RUNS)
GET: Final = Right("get", RUNS)
CHANGE: Final = Right("patch", RUNS)
DELETE: Final = Right("delete", RUNS)
LOGS: Final = Right("get", PODS, "log")
KEPT_LOGS: Final = Right("list", RUN_LOGS)
SEE_EVENTS: Final = Right("list", EVENTS)
ACTIONS: Final = {"stop": CHANGE, "resume": CHANGE, "delete": DELETE, "logs": LOGS}
"""The right that each button of a Run needs."""
