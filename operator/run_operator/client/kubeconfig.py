"""Into the cluster: a kubeconfig file on a laptop, the service account in a pod."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

from run_operator.client.errors import ClientError

IN_CLUSTER_MARK: Final = "KUBERNETES_SERVICE_HOST"
NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
DEFAULT_NAMESPACE: Final = "default"
DEFAULT_FILE: Final = "~/.kube/config"
_NAMESPACE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ADVICE: Final = "set KUBECONFIG to a kubeconfig file, or run in a pod"


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
    if namespace and not _NAMESPACE.fullmatch(namespace):
        raise ClientError(f"{namespace[:80]!r} is no name of a namespace: at most 63 of a-z, 0-9 and -")
    configuration = Configuration()
    configuration.retries = (
        False  # what is repeated, and how often, is decided where it is known what it means
    )
    file = kubeconfig or os.environ.get("KUBECONFIG")
    try:
        if file or context or not os.environ.get(IN_CLUSTER_MARK):
            own = _from_file(configuration, file or DEFAULT_FILE, context)
            inside = False
        else:
            config.load_incluster_config(client_configuration=configuration)
            own = NAMESPACE_FILE.read_text().strip() if NAMESPACE_FILE.exists() else ""
            inside = True
    except (config.ConfigException, OSError, yaml.YAMLError, TypeError, ValueError, AttributeError) as error:
        said = re.sub(r"\{.*\}", "{...}", " ".join(str(error).split()))[:300]
        raise ClientError(f"cannot enter a cluster: {said}; {_ADVICE}") from error
    return Access(configuration, namespace or own or DEFAULT_NAMESPACE, inside)


def contexts(kubeconfig: str | None = None) -> list[str]:
    """The names of the contexts in the kubeconfig; none where it cannot be read."""
    try:
        found, _ = config.list_kube_config_contexts(kubeconfig or os.environ.get("KUBECONFIG"))
    except (config.ConfigException, OSError, yaml.YAMLError, TypeError, ValueError, AttributeError):
        return []
    return [str(one.get("name", "")) for one in found]


def _from_file(configuration: Any, file: str, context: str | None) -> str:
    """Fill the configuration from this file (or these, as in KUBECONFIG); the answer: the context's namespace."""
    merged = KubeConfigMerger(file)
    if merged.config is None:
        raise ClientError(f"cannot enter a cluster: there is no kubeconfig {file}; {_ADVICE}")
    there = _names(merged, "contexts")
    if context and context not in there:
        raise ClientError(
            f"there is no context {context!r} in {file}; there is {', '.join(there)[:300] or 'none'}"
        )
    loader = KubeConfigLoader(
        config_dict=merged.config, active_context=context, config_persister=merged.save_changes
    )
    chosen = loader.current_context.get("context") or {}
    if chosen.get("user") not in (None, "", *_names(merged, "users")):
        # The Kubernetes client would go on as nobody.
        raise ClientError(f"the user {chosen['user']!r} of the chosen context is not in {file}")
    with _complaints() as said:
        loader.load_and_set(configuration)
    if said:
        raise ClientError(
            f"the login of user {chosen.get('user')!r} of {file} failed: {said[-1]}; log in again"
        )
    return str(chosen.get("namespace") or "")


def _names(merged: KubeConfigMerger, what: str) -> list[str]:
    return [str(one["name"]) for one in merged.config.value.get(what) or () if one["name"]]


@contextlib.contextmanager
def _complaints() -> Iterator[list[str]]:
    """What the Kubernetes client only logs, and then goes on without credentials: a login command that fails."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(" ".join(record.getMessage().split())[:300])

    listener = Listener(logging.ERROR)
    logging.getLogger().addHandler(listener)
    try:
        yield said
    finally:
        logging.getLogger().removeHandler(listener)
