"""Into the cluster: a kubeconfig file on a laptop, the service account in a pod."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes import config
from kubernetes.client import Configuration

from run_operator.client.errors import ClientError

IN_CLUSTER_MARK: Final = "KUBERNETES_SERVICE_HOST"
NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
DEFAULT_NAMESPACE: Final = "default"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the API server, and where in it. `inside`: services' addresses work from here."""

    configuration: Any
    namespace: str
    inside: bool


def load(
    *, namespace: str | None = None, context: str | None = None, kubeconfig: str | None = None
) -> Access:
    """`kubeconfig`, or KUBECONFIG, or the pod's service account, or `~/.kube/config`, the first there is.

    The namespace is the one given, else the context's own, else `default`. Raises ClientError.
    """
    configuration = Configuration()
    configuration.retries = (
        False  # what is repeated, and how often, is decided where it is known what it means
    )
    file = kubeconfig or os.environ.get("KUBECONFIG")
    try:
        if file or context or not os.environ.get(IN_CLUSTER_MARK):
            own = _from_file(configuration, file, context)
            inside = False
        else:
            config.load_incluster_config(client_configuration=configuration)
            own = NAMESPACE_FILE.read_text().strip() if NAMESPACE_FILE.exists() else ""
            inside = True
    except (config.ConfigException, OSError, yaml.YAMLError, TypeError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        raise ClientError(
            f"cannot enter a cluster: {said}; set KUBECONFIG to a kubeconfig file, or run in a pod"
        ) from error
    return Access(configuration, namespace or own or DEFAULT_NAMESPACE, inside)


def contexts(kubeconfig: str | None = None) -> list[str]:
    """The names of the contexts in the kubeconfig; none where it cannot be read."""
    try:
        found, _ = config.list_kube_config_contexts(kubeconfig or os.environ.get("KUBECONFIG"))
    except (config.ConfigException, OSError, yaml.YAMLError, TypeError, ValueError):
        return []
    return [str(one.get("name", "")) for one in found]


def _from_file(configuration: Any, file: str | None, context: str | None) -> str:
    """Fill the configuration; the answer: the context's namespace."""
    config.load_kube_config(file, context=context, client_configuration=configuration)
    found, active = config.list_kube_config_contexts(file)
    chosen = next((one for one in found if one.get("name") == context), None) if context else active
    return str(((chosen or {}).get("context") or {}).get("namespace") or "")
