"""The key with which the operator signs records in statuses. It is in the operator's own Secret, and created if missing."""

from __future__ import annotations

import base64
import logging
import secrets
from typing import Final

from run_operator.api.raw import JSON, mapping, text
from run_operator.api.record_signer import KEY_BYTES
from run_operator.kube.client import Api
from run_operator.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    KubeError,
    NotFoundError,
)
from run_operator.kube.resource import SECRETS

ENTRY: Final = "status-signature.key"
TRIES: Final = 5

log = logging.getLogger(__name__)


async def signing_key(api: Api, namespace: str, secret: str) -> bytes:
    """The key, the same for all replicas and restarts. Raises the errors of `kube.errors`.

    Where the operator has no such Secret, or no right to it, the key lives as long as the process.
    """
    try:
        return await _stored_key(api, namespace, secret)
    except (NotFoundError, ForbiddenError) as error:
        log.warning(
            "Secret %s/%s has no key for signatures: %s; after a restart the operator looks up Functions, Tasks and profiles of started Runs again",
            namespace, secret, error,
        )  # fmt: skip
        return secrets.token_bytes(KEY_BYTES)


async def _stored_key(api: Api, namespace: str, secret: str) -> bytes:
    for _ in range(TRIES):
        raw = await _secret(api, namespace, secret)
        found = base64.b64decode(text(mapping((raw or {}).get("data")).get(ENTRY)))
        if len(found) == KEY_BYTES:
            return found
        made = secrets.token_bytes(KEY_BYTES)
        data = {ENTRY: base64.b64encode(made).decode()}
        try:
            if raw is None:
                metadata = {"name": secret, "namespace": namespace}
                body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
                await api.create(SECRETS, namespace, body)
            else:
                metadata = {"resourceVersion": raw["metadata"]["resourceVersion"]}
                await api.patch(SECRETS, namespace, secret, {"metadata": metadata, "data": data})
        except (ConflictError, AlreadyExistsError):
            continue  # another replica, or the renewal of certificates: read what is there now
        return made
    raise KubeError(f"write Secret {namespace}/{secret}", 409, "other clients keep changing it")


async def _secret(api: Api, namespace: str, secret: str) -> JSON | None:
    try:
        return await api.get(SECRETS, namespace, secret)
    except NotFoundError:
        return None
