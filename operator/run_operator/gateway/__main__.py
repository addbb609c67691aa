"""`python -m run_operator.gateway`: the DigitalHub SDK's API over Runs. Every setting is a flag and a variable."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click
from kubernetes.aio.client import Configuration

from run_operator import __version__
from run_operator.gateway.counters import Counters
from run_operator.gateway.health import HealthPort
from run_operator.gateway.limits import Limits
from run_operator.gateway.routes import Routes
from run_operator.gateway.server import GatewayServer
from run_operator.gateway.tls import Certificate
from run_operator.kube.client import Api
from run_operator.kube.fence import Unfenced
from run_operator.observability import logs

CONNECTIONS: Final = 64
"""To the API server, at most."""


def _mapped(_: click.Context, __: click.Parameter, values: Iterable[str]) -> dict[str, str]:
    found = {}
    for value in values:
        project, equals, namespace = value.partition("=")
        if not project or not equals or not namespace:
            raise click.BadParameter(f"say PROJECT=NAMESPACE, not {value!r}")
        found[project] = namespace
    return found


@click.command(
    context_settings={"auto_envvar_prefix": "RUN_GATEWAY", "show_default": True, "max_content_width": 110}
)
@click.option(
    "--api-server",
    default="https://kubernetes.default.svc",
    show_envvar=True,
    help="The API server, to which callers' tokens are passed on.",
)
@click.option(
    "--api-ca",
    type=click.Path(dir_okay=False),
    default=None,
    show_envvar=True,
    help="Whom to trust there (PEM).",
)
@click.option("--listen", default="0.0.0.0", show_envvar=True, help="Address of the HTTPS port.")  # noqa: S104
@click.option("--port", default=8443, show_envvar=True, help="The HTTPS port.")
@click.option(
    "--tls",
    "tls",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    show_envvar=True,
    help="Folder with tls.crt and tls.key. Without it there is no HTTPS port.",
)
@click.option(
    "--local-port", default=8080, show_envvar=True, help="HTTP on 127.0.0.1, for kubectl port-forward."
)
@click.option("--health-port", default=8081, show_envvar=True, help="Port of /healthz, /readyz and /metrics.")
@click.option(
    "--project",
    "projects",
    multiple=True,
    callback=_mapped,
    show_envvar=True,
    help="PROJECT=NAMESPACE for a project that its users cannot find by label; repeatable.",
)
@click.option(
    "--log-level",
    default="info",
    show_envvar=True,
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    help="How much to tell.",
)
@click.option(
    "--log-format",
    default="json",
    show_envvar=True,
    type=click.Choice(["json", "text"]),
    help="For whom to tell.",
)
@click.version_option(__version__, prog_name="run-operator gateway")
def main(log_level: str, log_format: str, **options: object) -> None:
    """Serve until SIGTERM. The gateway has no rights of its own: each request counts as its sender's."""
    logs.configure(log_level, as_json=log_format == "json")
    try:
        asyncio.run(serve(**options))  # type: ignore[arg-type]
    except OSError as error:
        sys.exit(f"run-operator gateway: {error}")


async def serve(
    api_server: str,
    api_ca: str | None,
    listen: str,
    port: int,
    tls: Path | None,
    local_port: int,
    health_port: int,
    projects: dict[str, str],
) -> None:
    """Until SIGTERM or SIGINT. Raises OSError for a port that is taken or a certificate that cannot be read."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    counters, limits = Counters(), Limits()
    name = f"run-operator-gateway/{__version__}"
    api = Api(_configuration(api_server, api_ca), Unfenced(), counters.asked, name)
    server = GatewayServer(api, Routes(limits, projects), limits, counters)
    health = HealthPort(counters)
    fresh: list[asyncio.Task[None]] = []
    try:
        await server.listen("127.0.0.1", local_port, None)
        if tls is not None:
            certificate = Certificate(tls)
            certificate.load()
            await server.listen(listen, port, certificate.context)
            fresh.append(asyncio.create_task(certificate.keep_fresh(), name="certificate"))
        await health.listen(listen, health_port)
        await stop.wait()
    finally:
        health.stopping = True
        for task in fresh:
            task.cancel()
        await asyncio.gather(*fresh, return_exceptions=True)
        await server.stop()
        await health.stop()
        await api.close()


def _configuration(server: str, authority: str | None) -> Configuration:
    """Without credentials: what the gateway has none of it cannot use by mistake."""
    configuration = Configuration(host=server.rstrip("/"))
    configuration.ssl_ca_cert = authority
    configuration.connection_pool_maxsize = CONNECTIONS
    configuration.client_session_kwargs = {"trust_env": False}
    return configuration


if __name__ == "__main__":
    main()
