"""Renews the ingest's certificate without a restart; the authority's key is in a Secret of the operator."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import datetime as dt
import logging
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from run_operator.api.constants import LABEL_MANAGED_BY, MANAGED_BY
from run_operator.kube.client import Api
from run_operator.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    KubeError,
    NotFoundError,
)
from run_operator.kube.resource import SECRETS
from run_operator.pki import ca
from run_operator.pki.ca import CertificateAuthority

EVERY: Final = 3600.0
"""Seconds between two checks."""
AFTER_FAILURE: Final = 30.0
TRIES: Final = 5

log = logging.getLogger(__name__)


class CertificateRotation:
    """`secret` in `namespace` holds the keys of the authorities. `hosts`: names and addresses of the ingest."""

    def __init__(
        self, api: Api, namespace: str, secret: str, hosts: Sequence[str], now: Callable[[], dt.datetime]
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._secret = secret
        self._hosts = hosts
        self._now = now
        self._issued: dt.datetime | None = None
        self._signer: bytes | None = None
        self.bundle = ""
        """The certificates that pods trust, as PEM; empty before the first `refresh`."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """For the server; a renewed certificate is used for new connections."""
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2

    async def refresh(self) -> None:
        """Renew the certificate if it is due. Raises the errors of `kube.errors`."""
        authorities = await self._authorities()
        chosen, now = ca.signer(authorities, self._now()), self._now()
        due = self._issued is None or now - self._issued > ca.SERVER_LIFE - ca.SERVER_RENEWED
        if due or chosen.certificate != self._signer:
            with _file(chosen.issue(self._hosts, now)) as path:
                self.context.load_cert_chain(path)
            self._issued, self._signer = now, chosen.certificate
        self.bundle = ca.bundle(authorities)

    @property
    def signer(self) -> bytes | None:
        """The certificate of the signing authority; None before the first `refresh`."""
        return self._signer

    async def issue(self, hosts: Sequence[str]) -> tuple[bytes, bytes]:
        """Issue key and certificate for another server, as PEM. Raises the errors of `kube.errors`."""
        authorities = await self._authorities()
        return ca.parts(ca.signer(authorities, self._now()).issue(hosts, self._now()))

    async def keep_fresh(self) -> None:
        """Check every hour until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.refresh()
            except (KubeError, ValueError) as error:
                log.warning("the operator could not renew the certificate of the ingest: %s", error)
                await asyncio.sleep(AFTER_FAILURE)

    async def _authorities(self) -> list[CertificateAuthority]:
        """The stored authorities, created, stored and pruned as needed. If two replicas write at once, one wins."""
        for _ in range(TRIES):
            raw = await self._stored()
            there = _read(raw, self._secret)
            wanted = ca.renewed(there, self._now())
            if wanted == there:
                return wanted
            try:
                await self._store(raw, wanted)
            except (ConflictError, AlreadyExistsError):
                continue
            return wanted
        raise KubeError(
            f"write Secret {self._namespace}/{self._secret}", 409, "other clients keep changing it"
        )

    async def _stored(self) -> Mapping[str, Any] | None:
        try:
            return await self._api.get(SECRETS, self._namespace, self._secret)
        except NotFoundError:
            return None

    async def _store(self, raw: Mapping[str, Any] | None, wanted: Sequence[CertificateAuthority]) -> None:
        data: dict[str, str | None] = {}
        for number, one in enumerate(wanted):
            data[f"ca-{number}.crt"] = base64.b64encode(one.certificate).decode()
            data[f"ca-{number}.key"] = base64.b64encode(one.key).decode()
        metadata: dict[str, Any] = {"labels": {LABEL_MANAGED_BY: MANAGED_BY}}
        if raw is None:
            named = metadata | {"name": self._secret, "namespace": self._namespace}
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": named, "data": data}
            await self._create(body)
            return
        gone = {name: None for name in raw.get("data") or {} if name.startswith("ca-") and name not in data}
        metadata["resourceVersion"] = raw["metadata"]["resourceVersion"]
        await self._api.patch(
            SECRETS, self._namespace, self._secret, {"metadata": metadata, "data": data | gone}
        )

    async def _create(self, body: Mapping[str, Any]) -> None:
        try:
            await self._api.create(SECRETS, self._namespace, body)
        except NotFoundError as error:
            reason = f"there is no namespace {self._namespace}: set --pod-namespace to the operator's own namespace"
            raise KubeError(f"create Secret {self._secret}", error.status, reason) from error
        except ForbiddenError as error:
            reason = "it does not exist, and the operator is not allowed to create it: apply manifests/base/ingest-ca.yaml again"
            raise KubeError(
                f"create Secret {self._namespace}/{self._secret}", error.status, reason
            ) from error


def _read(raw: Mapping[str, Any] | None, secret: str) -> list[CertificateAuthority]:
    """The authorities in the Secret; one that cannot be read counts as missing, and a new one takes its place."""
    data = (raw or {}).get("data") or {}
    found = []
    for name in sorted(data):
        key = data.get(f"{name.removesuffix('.crt')}.key")
        if not name.endswith(".crt") or key is None:
            continue
        try:
            one = CertificateAuthority(base64.b64decode(data[name]), base64.b64decode(key))
            found.append((one.begins, one))
        except (ValueError, binascii.Error):
            log.warning("%s in the Secret %s cannot be read and is ignored", name, secret)
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A path under which the content can be read once: in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("certificate")
        try:
            os.write(handle, content)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
        return
    with tempfile.NamedTemporaryFile() as file:  # mode 0600
        file.write(content)
        file.flush()
        yield file.name
