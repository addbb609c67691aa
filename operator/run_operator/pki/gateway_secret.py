"""The gateway's certificate: issued by the operator's authority into a Secret that the gateway mounts.

The gateway has no rights of its own. The operator may get and patch this one Secret.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from run_operator.api.constants import GROUP
from run_operator.api.raw import mapping, parse, stamp, text
from run_operator.kube.client import Api
from run_operator.kube.errors import KubeError
from run_operator.kube.resource import SECRETS
from run_operator.pki import ca
from run_operator.pki.rotation import CertificateRotation

HOSTS: Final = f"{GROUP}/hosts"
"""Annotation of the Secret: further names and addresses of the gateway, separated by commas; set by an administrator."""
ISSUED_FOR: Final = f"{GROUP}/issued-for"
ISSUED_AT: Final = f"{GROUP}/issued-at"
SIGNER: Final = f"{GROUP}/signer"
MOST: Final = 64
"""Most names in a certificate."""
EVERY: Final = 10.0
"""Seconds between two checks of the Secret."""
AFTER_FAILURE: Final = 15.0

log = logging.getLogger(__name__)


class GatewaySecret:
    """`secret` and `service` belong to the gateway, in the operator's `namespace`."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        secret: str,
        service: str,
        certificates: CertificateRotation,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._secret = secret
        self._service = service
        self._certificates = certificates
        self._now = now

    async def keep(self) -> None:
        """Renew the certificate until cancelled."""
        while True:
            pause = EVERY
            try:
                await self.refresh()
            except (KubeError, ValueError) as error:
                log.warning("the operator could not renew the certificate of the gateway: %s", error)
                pause = AFTER_FAILURE
            await asyncio.sleep(pause)

    async def refresh(self) -> None:
        """Renew the certificate if it is due. Raises the errors of `kube.errors`, or ValueError for an invalid name."""
        raw = await self._api.get(SECRETS, self._namespace, self._secret)
        metadata = mapping(raw.get("metadata"))
        present, hosts = mapping(metadata.get("annotations")), self._hosts(metadata)
        if not self._due(raw, present, hosts):
            return
        key, certificate = await self._certificates.issue(hosts)
        data = {"tls.key": key, "tls.crt": certificate, "ca.crt": self._certificates.bundle.encode()}
        annotations = {
            **present,
            ISSUED_FOR: ",".join(hosts),
            ISSUED_AT: stamp(self._now().timestamp()),
            SIGNER: self._signer(),
        }
        body = {
            "metadata": {"resourceVersion": metadata.get("resourceVersion"), "annotations": annotations},
            "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
        }
        await self._api.patch(SECRETS, self._namespace, self._secret, body)
        log.info("the gateway has a certificate for %s", ", ".join(hosts))

    def _due(self, raw: Mapping[str, Any], present: Mapping[str, Any], hosts: list[str]) -> bool:
        issued = parse(present.get(ISSUED_AT)) or 0.0
        old = self._now().timestamp() - issued > (ca.SERVER_LIFE - ca.SERVER_RENEWED).total_seconds()
        data = mapping(raw.get("data"))
        complete = all(data.get(name) for name in ("tls.key", "tls.crt"))
        trusted = base64.b64encode(self._certificates.bundle.encode()).decode() == data.get("ca.crt")
        same = present.get(ISSUED_FOR) == ",".join(hosts) and present.get(SIGNER) == self._signer()
        return old or not complete or not trusted or not same

    def _hosts(self, metadata: Mapping[str, Any]) -> list[str]:
        more = text(mapping(metadata.get("annotations")).get(HOSTS)).split(",")
        name = f"{self._service}.{self._namespace}"
        own = [f"{name}.svc", f"{name}.svc.cluster.local", name, self._service, "localhost", "127.0.0.1"]
        return list(dict.fromkeys([*own, *(one.strip() for one in more if one.strip())]))[:MOST]

    def _signer(self) -> str:
        return ca.fingerprint(self._certificates.signer or b"")
