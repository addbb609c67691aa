"""How the operator connects to the cluster: a kubeconfig file or the pod's own service account."""

from __future__ import annotations

import os

from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.kube_config import KubeConfigMerger

IN_CLUSTER_MARK = "KUBERNETES_SERVICE_HOST"
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


DEFAULT_FILE = "~/.kube/config"
IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")


class NoClusterError(Exception):
    """No cluster to connect to; the message says what was tried and what to set."""


async def load(connections: int) -> Configuration:
    """Credentials and address of the cluster.

    `KUBECONFIG` wins, then the pod's service account, then `~/.kube/config`. `connections` bounds the
    requests under way at once. Raises NoClusterError.
    """
    configuration = Configuration()
    configuration.connection_pool_maxsize = connections
    if not any(os.environ.get(name) for name in PROXY_VARIABLES):
        # Looking for a proxy in the environment on every request costs more than the request itself.
        configuration.client_session_kwargs = {"trust_env": False}
    try:
        await _fill(configuration)
    except (config.ConfigException, OSError) as error:
        raise NoClusterError(
            f"cannot connect to a cluster: {error}; set KUBECONFIG to a kubeconfig file or run in a pod"
        ) from error
    return configuration


async def _fill(configuration: Configuration) -> None:
    if not os.environ.get("KUBECONFIG") and os.environ.get(IN_CLUSTER_MARK):
        config.load_incluster_config(client_configuration=configuration)
        return
    _refuse_impersonation(os.environ.get("KUBECONFIG") or DEFAULT_FILE)
    # Named here, because the library looks at the environment only once, when it is imported.
    await config.load_kube_config(os.environ.get("KUBECONFIG"), client_configuration=configuration)


def _refuse_impersonation(files: str) -> None:
    """The library would leave it out, and the operator would have the rights of the person behind it."""
    merged = KubeConfigMerger(files)
    found = merged.config.value if merged.config is not None else {}
    named = {
        kind: {one["name"]: one.value.get(kind) or {} for one in found.get(f"{kind}s") or ()}
        for kind in ("context", "user")
    }
    who = named["context"].get(found.get("current-context"), {}).get("user")
    asked = [key for key in IMPERSONATION if named["user"].get(who, {}).get(key)]
    if asked:
        raise NoClusterError(
            f"the user {who!r} of {files} impersonates another user ({asked[0]}), which the operator cannot; "
            "give it a user of its own"
        )
