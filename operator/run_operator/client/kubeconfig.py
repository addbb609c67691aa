"""Into the cluster: a kubeconfig file on a laptop, the service account in a pod."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.config.kube_config import ConfigNode, KubeConfigLoader, KubeConfigMerger

from run_operator.client import credentials
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
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of each request: the impersonated user, where the kubeconfig has `as`."""
    login: credentials.ExecPlugin | credentials.TokenFile | None = None
    """The source of newer credentials, for when the API server refuses these."""


def load(
    *, namespace: str | None = None, context: str | None = None, kubeconfig: str | None = None
) -> Access:
    """`kubeconfig`, or KUBECONFIG, or the pod's service account, or `~/.kube/config`, the first there is.

    The namespace is the one given, else the context's own, else `default`. Raises ClientError.
    """
    if namespace and not _NAMESPACE.fullmatch(namespace):
        raise ClientError(
            f"{namespace[:80]!r} is not a valid name of a namespace: use at most 63 of a-z, 0-9 and -"
        )
    configuration = Configuration()
    configuration.retries = (
        False  # what is repeated, and how often, is decided where it is known what it means
    )
    file = kubeconfig or os.environ.get("KUBECONFIG")
    try:
        if file or context or not os.environ.get(IN_CLUSTER_MARK):
            return _from_file(configuration, file or DEFAULT_FILE, context, namespace)
        config.load_incluster_config(client_configuration=configuration)
        own = NAMESPACE_FILE.read_text().strip() if NAMESPACE_FILE.exists() else ""
    except (config.ConfigException, OSError, yaml.YAMLError, TypeError, ValueError, AttributeError) as error:
        said = re.sub(r"\{.*\}", "{...}", " ".join(str(error).split()))[:300]
        raise ClientError(f"cannot connect to a cluster: {said}; {_ADVICE}") from error
    return Access(configuration, namespace or own or DEFAULT_NAMESPACE, inside=True)


def contexts(kubeconfig: str | None = None) -> list[str]:
    """The names of the contexts in the kubeconfig; none where it cannot be read."""
    try:
        merged = _merged(kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT_FILE)
        return _names(merged, "contexts")
    except (config.ConfigException, OSError, yaml.YAMLError, TypeError, ValueError, AttributeError, KeyError):
        return []


def _merged(files: str) -> KubeConfigMerger:
    """These files as one, as kubectl merges them: empty ones say nothing, and the first that says a thing counts."""
    paths = [Path(path).expanduser() for path in files.split(os.pathsep) if path]
    there = [path for path in paths if path.is_file()]
    full = [path for path in there if yaml.safe_load(path.read_text(encoding="utf-8-sig")) is not None]
    if there and not full:
        raise ClientError(f"cannot connect to a cluster: the kubeconfig {files} is empty; {_ADVICE}")
    merged = KubeConfigMerger(os.pathsep.join(map(str, full)))
    if merged.config is None:
        raise ClientError(f"cannot connect to a cluster: there is no kubeconfig {files}; {_ADVICE}")
    named = (one.get("current-context") for one in merged.config_files.values())
    merged.config.value["current-context"] = next(filter(None, named), None)
    return merged


def _from_file(configuration: Any, file: str, context: str | None, namespace: str | None) -> Access:
    """By this file, or these, as in KUBECONFIG."""
    merged = _merged(file)
    there = _names(merged, "contexts")
    if context and context not in there:
        raise ClientError(
            f"there is no context {context!r} in {file}; there is {', '.join(there)[:300] or 'none'}"
        )
    chosen, _ = _entry(merged, "contexts", context or merged.config["current-context"])
    who = f"user {chosen.get('user')!r} of {file}"
    if chosen.get("user") not in (None, "", *_names(merged, "users")):
        # The Kubernetes client would go on as nobody.
        raise ClientError(f"the user {chosen['user']!r} of the chosen context is not in {file}")
    user, folder = _entry(merged, "users", chosen.get("user")) if chosen.get("user") else ({}, Path())
    cluster, beside = _entry(merged, "clusters", chosen.get("cluster"))
    credentials.check(f"the chosen context of {file}", chosen, credentials.CONTEXT_FIELDS)
    credentials.check_cluster(f"the cluster {chosen.get('cluster')!r} of {file}", cluster)
    credentials.check_user(who, user)
    proxy = str(cluster.get("proxy-url") or "")
    if proxy and not proxy.startswith(("http://", "https://")):
        raise ClientError(f"the proxy-url {proxy[:80]!r} of {file} is not supported: only http and https are")
    loader = KubeConfigLoader(
        config_dict=_plain(merged, chosen, user, cluster),
        config_base_path=None,
        config_persister=merged.save_changes,
    )
    with _complaints() as said:
        loader.load_and_set(configuration)
    if said:
        raise ClientError(f"the login of {who} failed: {said[-1]}; log in again")
    if user.get("auth-provider") and not configuration.api_key:
        raise ClientError(
            f"the login of {who} failed: its auth-provider has no token that can be used; log in again"
        )
    login = _login(configuration, who, user, folder, credentials.cluster_info(cluster, beside))
    own = str(chosen.get("namespace") or "")
    return Access(
        configuration, namespace or own or DEFAULT_NAMESPACE, inside=False,
        headers=tuple(credentials.impersonation(user)), login=login,
    )  # fmt: skip


def _login(
    configuration: Any, who: str, user: Mapping[str, Any], folder: Path, cluster: Mapping[str, Any]
) -> credentials.ExecPlugin | credentials.TokenFile | None:
    """The login by a token file or a plugin, which the Kubernetes client does in another way than kubectl."""
    login: credentials.ExecPlugin | credentials.TokenFile
    if user.get("tokenFile"):
        path = folder / Path(str(user["tokenFile"])).expanduser()
        login = credentials.TokenFile(path, str(user.get("token") or ""))
    elif user.get("exec") and not configuration.api_key:  # a token that is written down goes first
        login = credentials.ExecPlugin(who, user["exec"], folder, cluster)
        answer = login.answer()
        if answer.get("clientCertificateData"):
            atexit.register(credentials.remove_written)
            configuration.cert_file = credentials.written(answer["clientCertificateData"])
            configuration.key_file = credentials.written(answer["clientKeyData"])
    else:
        return None

    def refresh(of: Any) -> None:
        if found := login.authorization():
            of.api_key["BearerToken"] = found

    refresh(configuration)
    configuration.refresh_api_key_hook = refresh
    return login


def _plain(
    merged: KubeConfigMerger, chosen: Mapping[str, Any], user: Mapping[str, Any], cluster: Mapping[str, Any]
) -> ConfigNode:
    """The chosen entries, without what is done here, and without the file of what is there as data: data goes first."""
    ours = {"exec", "tokenFile", "as", "as-uid", "as-groups", "as-user-extra"}
    ours |= {"token"} if user.get("tokenFile") else set()
    parts = {
        "clusters": _without_shadowed(cluster),
        "users": {key: value for key, value in _without_shadowed(user).items() if key not in ours},
        "contexts": dict(chosen),
    }
    found: dict[str, Any] = {"current-context": "chosen"}
    named = {"clusters": chosen.get("cluster"), "users": chosen.get("user")}
    for kind, body in parts.items():
        one = {"name": named.get(kind, "chosen"), kind.removesuffix("s"): body}
        if one["name"]:
            path = next((n.path for n in merged.config.value[kind] if n["name"] == one["name"]), None)
            found[kind] = [ConfigNode(kind, one, path)]
    return ConfigNode("kube-config", found)


def _without_shadowed(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if not entry.get(f"{key}-data")}


def _entry(merged: KubeConfigMerger, kind: str, name: str | None) -> tuple[Mapping[str, Any], Path]:
    """The body of a named entry, and the folder of its file, where relative paths begin."""
    what = kind.removesuffix("s")
    for node in merged.config.value.get(kind) or ():
        if node["name"] == name:
            return node.value.get(what) or {}, Path(node.path).absolute().parent
    raise config.ConfigException(f"there is no {what} {name!r} in the kubeconfig")


def _names(merged: KubeConfigMerger, what: str) -> list[str]:
    return [str(one["name"]) for one in merged.config.value.get(what) or () if one["name"]]


@contextlib.contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect warnings of the Kubernetes client: it only logs a login command that fails, and goes on without credentials."""
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
