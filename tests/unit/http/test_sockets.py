"""Where servers listen: every address of both families, or the one that is named."""

from __future__ import annotations

import asyncio
import socket

import pytest

from run_operator.http.probes import ProbeServer
from run_operator.http.server import Bounds, Ports
from run_operator.http.sockets import listening_socket

pytestmark = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


async def answers(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def free_port() -> int:
    with listening_socket("", 0, 1) as one:
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "four", "six"),
    [
        ("", True, True),
        ("::", True, True),
        ("0.0.0.0", True, False),  # noqa: S104
        ("127.0.0.1", True, False),
        ("::1", False, True),
    ],
)
async def test_every_server_listens_in_the_families_that_are_meant(host, four, six):
    async def handle(_):
        raise NotImplementedError

    ports = Ports(handle, Bounds())
    probes, port = ProbeServer(lambda: b"", list), free_port()
    await probes.listen(host, port)
    listening = await ports.listen(host, 0, None)
    try:
        for one in (port, listening):
            assert (await answers("127.0.0.1", one), await answers("::1", one)) == (four, six)
    finally:
        await ports.close(1)
        await probes.stop()


async def test_a_port_that_is_taken_is_an_error():
    with listening_socket("", 0, 1) as one, pytest.raises(OSError, match="in use"):
        await ProbeServer(lambda: b"", list).listen("", one.getsockname()[1])


@pytest.mark.parametrize("reason", ["dualstack", "address"])
def test_without_ipv6_it_is_ipv4(monkeypatch, reason):
    if reason == "dualstack":
        monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    else:
        create = socket.create_server

        def no_ipv6(address, **more):
            if more.get("family") == socket.AF_INET6:
                raise OSError(99, "Cannot assign requested address")
            return create(address, **more)

        monkeypatch.setattr(socket, "create_server", no_ipv6)
    with listening_socket("", 0, 1) as one:
        assert one.family == socket.AF_INET
