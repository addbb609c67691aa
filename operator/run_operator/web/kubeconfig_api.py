"""The asynchronous connection to the API server with the rights of a kubeconfig, read as runctl reads it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from kubernetes.aio.client import Configuration
from kubernetes.client.rest import should_bypass_proxies
from multidict import CIMultiDict

from run_operator import __version__
from run_operator.client.errors import ClientError
from run_operator.client.kubeconfig import Access
from run_operator.kube.client import Api
from run_operator.kube.fence import Unfenced

CONNECTIONS: Final = 64
COPIED: Final = (
    "host", "ssl_ca_cert", "ca_cert_data", "cert_file", "key_file", "verify_ssl", "assert_hostname", "tls_server_name",
    "proxy", "proxy_headers", "username", "password", "disable_strict_ssl_verification",
)  # fmt: skip
REFUSED: Final = "401"


def connect(access: Access) -> Api:
    """The connection; it sends nothing yet. Credentials are renewed when they expire or are refused."""
    login = access.login

    def observe(_verb: str, _resource: str, outcome: str) -> None:
        if outcome == REFUSED and login is not None:
            login.reject()

    return Api(_configuration(access), Unfenced(), observe, f"runctl-ui/{__version__}")


def _configuration(access: Access) -> Configuration:
    given = access.configuration
    found = Configuration()
    for name in COPIED:
        if hasattr(given, name):
            setattr(found, name, getattr(given, name))
    if should_bypass_proxies(given.host, given.no_proxy or ""):
        found.proxy = None  # the asynchronous client knows no exceptions
    found.api_key, found.api_key_prefix = dict(given.api_key), dict(given.api_key_prefix)
    found.retries = None
    found.connection_pool_maxsize = CONNECTIONS
    found.client_session_kwargs = {"trust_env": False, "headers": CIMultiDict(access.headers)}
    hook = given.refresh_api_key_hook
    if hook is not None:

        async def refresh(of: Any) -> None:
            """Renew the credentials. A plugin is a program that may ask questions, so there is no deadline."""
            try:
                await asyncio.to_thread(hook, given)
            except ClientError as error:
                raise OSError(str(error)) from error
            of.api_key = dict(given.api_key)

        found.refresh_api_key_hook = refresh  # type: ignore[assignment]
    return found
