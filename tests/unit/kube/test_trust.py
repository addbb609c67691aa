"""The API server's authority is renewed while the operator runs."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from run_operator.kube.client import Api
from run_operator.kube.errors import TransientError
from run_operator.kube.fence import Unfenced
from run_operator.kube.resource import PODS
from run_operator.pki.ca import CertificateAuthority

NOW = dt.datetime.now(dt.UTC)


@asynccontextmanager
async def server_of(authority, folder):
    """An API server with a certificate of that authority; its address."""
    (folder / "serving").write_bytes(authority.issue(["127.0.0.1"], NOW))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "serving")

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"metadata": {"name": "a"}})

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def authorities():
    return CertificateAuthority.create(NOW), CertificateAuthority.create(NOW)


async def test_a_new_authority_in_the_file_is_trusted_after_a_refusal(authorities, tmp_path):
    old, new = authorities
    file = tmp_path / "ca.crt"
    file.write_bytes(old.certificate)
    renewed = asyncio.Event()
    async with server_of(new, tmp_path) as host:
        api = Api(Configuration(host=host, ssl_ca_cert=str(file)), Unfenced(), lambda *_: None, "test")
        api.trust.renewed = renewed.set
        with pytest.raises(TransientError, match="certificate"):
            await api.get(PODS, "ml", "a")
        assert not renewed.is_set()
        file.write_text("no certificate")
        with pytest.raises(TransientError):
            await api.get(PODS, "ml", "a")
        assert not renewed.is_set()
        file.write_bytes(new.certificate)
        with pytest.raises(TransientError):
            await api.get(PODS, "ml", "a")
        assert renewed.is_set()
        assert (await api.get(PODS, "ml", "a"))["metadata"]["name"] == "a"
        await api.close()
