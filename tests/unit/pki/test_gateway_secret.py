"""The gateway's certificate: issued into its Secret, renewed, and read by the gateway without a restart."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ssl
from pathlib import Path
from typing import Any

import pytest

from run_operator.kube.errors import NotFoundError
from run_operator.kube.resource import SECRETS
from run_operator.pki import ca
from run_operator.pki.gateway_secret import HOSTS, GatewaySecret
from run_operator.pki.reload import ReloadingCertificate
from run_operator.pki.rotation import CertificateRotation
from tests.support.ingest_world import FakeApi

HOME = "run-operator"
SECRET = "run-operator-gateway-tls"  # noqa: S105 - a name
SERVICE = "run-operator-gateway"


class World:
    """An operator, the Secret, and the folder in which the gateway sees it."""

    def __init__(self, folder: Path) -> None:
        self.api: Any = FakeApi()
        self.now = dt.datetime.now(dt.UTC) - dt.timedelta(days=5)  # what is issued later is valid today
        self.folder = folder
        api: Any = self.api
        self.certificates = CertificateRotation(api, HOME, "ingest-ca", ["localhost"], lambda: self.now)
        self.one = GatewaySecret(api, HOME, SECRET, SERVICE, self.certificates, lambda: self.now)

    @property
    def secret(self) -> dict[str, Any]:
        return self.api.objects["secrets", HOME, SECRET]

    def install(self, **annotations: str) -> None:
        self.api.put(SECRETS, {"metadata": {"name": SECRET, "namespace": HOME, "annotations": annotations}})

    async def refresh(self) -> int:
        """Look at it once; how many writes that took."""
        await self.certificates.refresh()
        before = self.api.calls.count("patch secrets")
        await self.one.refresh()
        for name, value in self.secret["data"].items():
            (self.folder / name).write_bytes(base64.b64decode(value))
        return self.api.calls.count("patch secrets") - before


async def shaken_hands(server: ssl.SSLContext, authority_file: Path, host: str) -> bytes:
    port = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server)
    client = ssl.create_default_context(cafile=str(authority_file))
    try:
        address = port.sockets[0].getsockname()[:2]
        _, writer = await asyncio.open_connection(*address, ssl=client, server_hostname=host)
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return found
    finally:
        port.close()


async def test_clients_trust_the_gateway_by_every_name_it_was_given(tmp_path):
    world = World(tmp_path)
    world.install(**{HOSTS: "gateway.example.org, 192.0.2.7"})
    assert await world.refresh() == 1
    gateway = ReloadingCertificate(tmp_path)
    assert gateway.load()
    for host in ("run-operator-gateway.run-operator.svc", "localhost", "gateway.example.org", "192.0.2.7"):
        await shaken_hands(gateway.context, tmp_path / "ca.crt", host)
    with pytest.raises(ssl.SSLError):
        await shaken_hands(gateway.context, tmp_path / "ca.crt", "other.example.org")


async def test_it_is_renewed_before_it_ends_and_when_the_names_change_and_not_otherwise(tmp_path):
    world = World(tmp_path)
    world.install()
    assert [await world.refresh(), await world.refresh()] == [1, 0]
    gateway = ReloadingCertificate(tmp_path)
    assert [gateway.load(), gateway.load()] == [True, False]
    first = await shaken_hands(gateway.context, tmp_path / "ca.crt", "localhost")
    world.now += ca.SERVER_LIFE - ca.SERVER_RENEWED + dt.timedelta(minutes=1)
    assert await world.refresh() == 1
    assert gateway.load()
    assert await shaken_hands(gateway.context, tmp_path / "ca.crt", "localhost") != first
    world.secret["metadata"]["annotations"][HOSTS] = "other.example.org"
    assert [await world.refresh(), await world.refresh()] == [1, 0]


async def test_where_there_is_no_gateway_nothing_is_made(tmp_path):
    world = World(tmp_path)
    await world.certificates.refresh()
    with pytest.raises(NotFoundError):
        await world.one.refresh()
    assert ("secrets", HOME, SECRET) not in world.api.objects
