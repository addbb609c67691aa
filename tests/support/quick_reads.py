"""Reads of a person who polls: `kubectl get` of one kind costs a process each time, the same request costs next to nothing.

Only plain questions are asked this way; `plain_read` has no answer to all others, and to what the API server refuses or does not know.
"""

from __future__ import annotations

import json
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import urllib3
import yaml
from kubernetes.client import ApiClient, ApiException
from kubernetes.config import ConfigException, new_client_from_config

SECONDS: Final = 10
ACCEPT: Final = {"Accept": "application/json"}
CREDENTIALS: Final = {
    "token",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
}
"""Others, such as plugins, are kubectl's business, because tests count what it asks them for."""
OURS: Final = "/apis/run-operator.io/v1alpha1"
KINDS: Final = {
    "configmaps": "/api/v1",
    "deployments": "/apis/apps/v1",
    "events": "/api/v1",
    "jobs": "/apis/batch/v1",
    "pods": "/api/v1",
    "runlogs": OURS,
    "runs": OURS,
    "secrets": "/api/v1",
    "services": "/api/v1",
}


def plain_read(kubeconfig: Path, namespace: str, arguments: tuple[str, ...]) -> tuple[Any, ...]:
    """What `kubectl get ARGUMENTS -o json --ignore-not-found` prints (None: nothing); empty if kubectl has to be asked."""
    question = _question(arguments)
    if question is None:
        return ()
    kind, name, query = question
    path = f"{KINDS[kind]}/namespaces/{namespace}/{kind}" + (f"/{name}" if name else "")
    try:
        client = _client(kubeconfig, kubeconfig.stat().st_mtime_ns)
        if client is None:
            return ()
        request = client.param_serialize(
            "GET", path, query_params=query, header_params=ACCEPT, auth_settings=["BearerToken"]
        )
        answer = client.call_api(*request, _request_timeout=SECONDS)
        if answer.status == HTTPStatus.NOT_FOUND and name and _is_about(name, answer.read()):
            return (None,)
        if answer.status != HTTPStatus.OK:
            return ()
        return (_as_kubectl(json.loads(answer.read())),)
    except (ApiException, ConfigException, urllib3.exceptions.HTTPError, OSError):
        return ()


def _is_about(name: str, body: bytes) -> bool:
    """Whether it is the object that is missing, and not its kind."""
    try:
        return bool(json.loads(body).get("details", {}).get("name") == name)
    except ValueError:
        return False


def _question(arguments: tuple[str, ...]) -> tuple[str, str, list[tuple[str, str]]] | None:
    """Plural, name or nothing, and parameters; None: no plain question."""
    words: list[str] = []
    query: list[tuple[str, str]] = []
    left = iter(arguments)
    for argument in left:
        option, given, value = argument.partition("=")
        if option in ("-l", "--selector"):
            query.append(("labelSelector", value if given else next(left, "")))
        elif option == "--field-selector" and given:
            query.append(("fieldSelector", value))
        elif argument.startswith("-"):
            return None
        else:
            words.append(argument)
    if not words or len(words) > 2 or (len(words) == 2 and query):
        return None
    kind = next((one for one in KINDS if words[0] in (one, one.removesuffix("s"))), "")
    name = words[1] if len(words) == 2 else ""
    if not kind or (len(words) == 2 and not name):
        return None
    return kind, name, query


@lru_cache(maxsize=64)
def _client(kubeconfig: Path, _changed: int) -> ApiClient | None:
    """The client of this version of the file; None if its credentials are not plain."""
    users = (yaml.safe_load(kubeconfig.read_text()) or {}).get("users") or [{}]
    if len(users) != 1 or not set(users[0].get("user") or {}) <= CREDENTIALS:
        return None
    client: ApiClient = new_client_from_config(config_file=str(kubeconfig))
    return client


def _as_kubectl(found: dict[str, Any]) -> dict[str, Any] | None:
    """With the kind in each item, and without managed fields; an empty list is nothing."""
    items = found.get("items")
    if items == []:
        return None
    for one in [found] if items is None else items:
        if items is not None:
            one.setdefault("apiVersion", found["apiVersion"])
            one.setdefault("kind", found["kind"].removesuffix("List"))
        one.get("metadata", {}).pop("managedFields", None)
    return found
