"""Messages for a missing answer of the API server: the failure, the program that caused it, and what to check."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import urllib3.exceptions as broken

from run_operator.client.errors import UnavailableError

MAX_TEXT: Final = 300
CERTIFICATE: Final = "check certificate-authority-data of the kubeconfig, and that no other server answers in place of the cluster"
RUNNING: Final = "check that it runs, and that this is the right context of the kubeconfig"
NAME: Final = "check the server's name in the kubeconfig, and your network or VPN"
PROXY: Final = "check HTTPS_PROXY, NO_PROXY and proxy-url of the kubeconfig"
SLOW: Final = "try again, or check your network or VPN"

_NOISE: Final = re.compile(r"\[(?:Errno -?\d+|SSL: \w+)\] |\s*\(_ssl\.c:\d+\)")


def unavailable(what: str, host: str, error: Exception) -> UnavailableError:
    """The error for no answer at all. `what`: the method and the path. `host`: the server's address."""
    place = urlsplit(host)
    reason, advice = _reason(error)
    server = f"{place.hostname}:{place.port}" if place.port else place.hostname or host
    return UnavailableError(f"the cluster at {server} does not answer: {reason} ({what}); {advice}")


_KINDS: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (broken.ProxyError, "the proxy fails", PROXY),
    (broken.SSLError, "", CERTIFICATE),
    (broken.NameResolutionError, "its name cannot be resolved", NAME),
    (broken.NewConnectionError, "", RUNNING),
    (broken.ConnectTimeoutError, "no connection in time", NAME),
    (broken.ReadTimeoutError, "the answer took too long", SLOW),
    (broken.ProtocolError, "the connection broke off", SLOW),
)
"""The exception, what to say of it (empty: its own words), and what to do. The first that fits."""


def _reason(error: Exception) -> tuple[str, str]:
    for kind, said, advice in _KINDS:
        if isinstance(error, kind):
            own = _plain(error.original_error) if isinstance(error, broken.ProxyError) else _plain(error)
            return (f"{said}: {own}" if kind is broken.ProxyError else said or own), advice
    return _plain(error), SLOW


def _plain(error: object) -> str:
    said = str(error).rpartition("new connection: ")[2]
    return " ".join(_NOISE.sub("", said).split())[:MAX_TEXT]
