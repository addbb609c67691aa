"""`python -m run_operator.gateway`: the DigitalHub SDK's API over Runs."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click
from kubernetes.aio.client import Configuration

from run_operator import __version__
from run_operator.flags import BindAddress, BindAddressType, command, setting
from run_operator.gateway.file_store import FileStore
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.routes import Routes
from run_operator.gateway.server import GatewayServer
from run_operator.gateway.telemetry import GatewayTelemetry
from run_operator.http.probes import ProbeServer
from run_operator.kube.client import Api
from run_operator.kube.fence import Unfenced
from run_operator.pki.reload import ReloadingCertificate
from run_operator.web.limits import WebLimits
from run_operator.web.oidc import OidcProvider, OidcSettings, check_issuer
from run_operator.web.site import Site
from run_operator.web.ui_routes import Session


def _pairs(
    _context: click.Context, _option: click.Parameter, values: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    found = []
    for value in values:
        project, _, namespace = value.partition("=")
        if not project or not namespace:
            raise click.BadParameter(f"use PROJECT=NAMESPACE, not {value!r}")
        found.append((project, namespace))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """A flag and an environment variable each."""

    api_server: str = setting(
        "https://kubernetes.default.svc",
        "The API server that the gateway sends requests to, with the caller's token.",
    )
    api_ca: str | None = setting(
        None, "The CA certificate of the API server (PEM).", type=click.Path(dir_okay=False)
    )
    bind_address: BindAddress = setting(
        BindAddress("", 8443), "Address of the HTTPS port.", type=BindAddressType()
    )
    tls: Path | None = setting(
        None,
        "Folder with tls.crt and tls.key. Default: none, and no HTTPS port.",
        type=click.Path(file_okay=False, path_type=Path),
    )
    local_port: int = setting(8080, "HTTP port on 127.0.0.1, for kubectl port-forward.")
    metrics_bind_address: BindAddress = setting(
        BindAddress("", 8081), "Address of /metrics, /healthz and /readyz.", type=BindAddressType()
    )
    store_secret: str = setting(
        "",
        "Secret of each project's namespace with the file store and its credentials, under the SDK's names "
        "(DHCORE_DEFAULT_FILES_STORE, AWS_*); empty: the gateway gives no file store to clients.",
    )
    projects: tuple[tuple[str, str], ...] = setting(
        (),
        "PROJECT=NAMESPACE for a project that its users cannot find by label; repeatable.",
        flag="--project",
        multiple=True,
        callback=_pairs,
    )
    creator_role: str = setting(
        "",
        "ClusterRole that a person gets in the namespace of a project that this person creates "
        "(manifests/components/project-creators); empty: none.",
    )
    ui_oidc_issuer: str = setting(
        "",
        "OIDC provider of the cluster, by which people sign in to the page /ui/; empty: with a token only.",
    )
    ui_oidc_client_id: str = setting("", "Public client of the page at this provider (code flow with PKCE).")
    ui_oidc_scopes: str = setting(
        "openid profile email", "The scopes that the page requests from the provider."
    )
    ui_oidc_ca: str | None = setting(
        None,
        "The CA certificate of the provider (PEM), in addition to those of the system.",
        type=click.Path(dir_okay=False),
    )


@command(GatewaySettings, "RUN_GATEWAY", "run-operator gateway")
def main(settings: GatewaySettings) -> None:
    """Serve until SIGTERM. The gateway has no rights of its own: each request counts as its sender's."""
    try:
        asyncio.run(serve(settings))
    except OSError as error:
        sys.exit(f"run-operator gateway: {error}")


async def serve(settings: GatewaySettings) -> None:
    """Until SIGTERM or SIGINT. Raises OSError for a port that is taken or a certificate that cannot be read."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    counters, limits = GatewayTelemetry(), GatewayLimits()
    name = f"run-operator-gateway/{__version__}"
    api = Api(_configuration(settings.api_server, settings.api_ca), Unfenced(), counters.asked, name)
    probes = ProbeServer(counters.text, lambda: ["stopping"] if stop.is_set() else [])
    routes = Routes(limits, dict(settings.projects), FileStore(settings.store_secret), settings.creator_role)
    page = Site(Session("gateway", oidc=_oidc(settings)), WebLimits())
    server = GatewayServer(api, routes, limits, counters, page)
    fresh: list[asyncio.Task[None]] = []
    try:
        await server.listen("127.0.0.1", settings.local_port, None)
        if settings.tls is not None:
            certificate = ReloadingCertificate(settings.tls)
            certificate.load()
            await server.listen(settings.bind_address.host, settings.bind_address.port, certificate.context)
            fresh.append(asyncio.create_task(certificate.keep_fresh(), name="certificate"))
        await probes.listen(settings.metrics_bind_address.host, settings.metrics_bind_address.port)
        await stop.wait()
    finally:
        stop.set()
        for task in fresh:
            task.cancel()
        await asyncio.gather(*fresh, return_exceptions=True)
        await server.stop()
        await probes.stop()
        await api.close()


def _oidc(settings: GatewaySettings) -> OidcProvider | None:
    """Raises UsageError for half of it."""
    if not settings.ui_oidc_issuer and not settings.ui_oidc_client_id:
        return None
    if not settings.ui_oidc_issuer or not settings.ui_oidc_client_id:
        raise click.UsageError("--ui-oidc-issuer and --ui-oidc-client-id must be set together")
    try:
        check_issuer(settings.ui_oidc_issuer)
    except ValueError as error:
        raise click.UsageError(f"--ui-oidc-issuer: {error}") from error
    return OidcProvider(
        OidcSettings(
            settings.ui_oidc_issuer, settings.ui_oidc_client_id, settings.ui_oidc_scopes, settings.ui_oidc_ca
        )
    )


def _configuration(server: str, authority: str | None) -> Configuration:
    """Without credentials: what the gateway has none of it cannot use by mistake."""
    configuration = Configuration(host=server.rstrip("/"))
    configuration.ssl_ca_cert = authority
    # Places are what is shared, by caller. Here nobody may have to wait for a connection that somebody else's stream has.
    configuration.connection_pool_maxsize = GatewayLimits().api_connections + WebLimits().api_connections
    configuration.client_session_kwargs = {"trust_env": False}
    return configuration


if __name__ == "__main__":
    main()
