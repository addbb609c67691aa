"""container+serve and container+deploy: a Deployment that runs until it is stopped, and its address."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from run_operator.api.constants import ANNOTATION_ATTEMPT, ANNOTATION_SPEC, LABEL_RUN_UID
from run_operator.api.run import Run
from run_operator.workloads import fields
from run_operator.workloads.fields import InvalidSpecError
from run_operator.workloads.metadata import child_labels, child_name, owner
from run_operator.workloads.pod import pod
from run_operator.workloads.service import Port, ports
from run_operator.workloads.types import Options, Pod

LENGTH: Final = 16


def digest(spec: Mapping[str, Any]) -> str:
    """A digest of the inner spec without `replicas`: 16 hexadecimal digits."""
    rest = {key: value for key, value in spec.items() if key != "replicas"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


MAX_REPLICAS: Final = 1000
PROBE: Final = {"periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 3}


@dataclass(frozen=True, slots=True)
class Replicated:
    """Builds the Deployment of one attempt."""

    kinds: tuple[str, ...]
    needs_ports: bool
    """Whether the document must name a port."""
    child_kind: str = "Deployment"
    essential: str = "image"

    def pod(self, run: Run, attempt: int, options: Options) -> Pod:
        """See `Builder`."""
        named = self.ports(run)
        if self.needs_ports and not named:
            raise InvalidSpecError(
                f"{fields.ROOT}.service_ports",
                "is missing: a service needs at least one {port, target_port}; "
                "a program without one is container+deploy",
            )
        made = pod(run, attempt, options)
        replicas(run.spec)
        return made

    def ports(self, run: Run) -> list[Port]:
        """See `Builder`."""
        return ports(run.spec)

    def child(self, run: Run, attempt: int, pod: Pod, options: Options) -> dict[str, Any]:  # noqa: ARG002
        """See `Builder`."""
        return deployment(run, attempt, pod, self.ports(run))


def deployment(run: Run, attempt: int, made: Pod, named: list[Port]) -> dict[str, Any]:
    """The Deployment of one attempt with this pod, ready when its first port answers."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": child_name(run.name),
            "namespace": run.namespace,
            "labels": child_labels(run),
            "annotations": {ANNOTATION_ATTEMPT: str(attempt), ANNOTATION_SPEC: digest(run.spec)},
            "ownerReferences": owner(run),
        },
        "spec": {
            "replicas": replicas(run.spec),
            "selector": {"matchLabels": {LABEL_RUN_UID: run.uid}},
            # Pods of two attempts never live side by side, whatever happens to the template.
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 0,
            "template": _serving(made.template, named, run.translation.ready_path if run.translation else ""),
        },
    }


def replicas(spec: Mapping[str, Any]) -> int:
    """The number of pods that the document asks for; 1 by default."""
    wanted = fields.number(spec, "replicas")
    if wanted is None:
        return 1
    if not 0 < wanted <= MAX_REPLICAS:
        raise InvalidSpecError(
            f"{fields.ROOT}.replicas", f"{wanted} is not 1 to {MAX_REPLICAS}; to stop, set spec.suspend"
        )
    return wanted


def _serving(template: Mapping[str, Any], named: list[Port], ready_path: str) -> dict[str, Any]:
    """Turn a job's pod into a service's: it is restarted when it ends, and ready when its first port answers.

    `ready_path`: path that has to answer with a success; empty: an open port is enough.
    """
    main, *others = template["spec"]["containers"]
    if named:
        targets = dict.fromkeys(port.target for port in named)
        main = main | {
            "ports": [{"containerPort": target, "protocol": "TCP"} for target in targets],
            "readinessProbe": {**_asked(named[0].target, ready_path), **PROBE},
        }
    spec = template["spec"] | {"restartPolicy": "Always", "containers": [main, *others]}
    return {**template, "spec": spec}


def _asked(port: int, path: str) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port}} if path else {"tcpSocket": {"port": port}}
