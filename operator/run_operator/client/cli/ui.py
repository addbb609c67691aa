"""`runctl ui`."""

from __future__ import annotations

import asyncio
import logging
import webbrowser

import click

from run_operator.client.cli.durations import Whole
from run_operator.client.cli.options import cluster_options

MISSING = "runctl ui needs the extra ui: pip install 'run-operator[ui]'"


@click.command("ui")
@cluster_options()
@click.option("--port", type=Whole(0, 65535), default=0, help="The port on 127.0.0.1. Default: a free port.")
@click.option("--no-browser", is_flag=True, help="Print the address and do not open the browser.")
def ui_command(
    namespace: str | None, context: str | None, kubeconfig: str | None, port: int, no_browser: bool
) -> None:
    """Open the page of Runs in the browser, with the rights of the kubeconfig, until Ctrl-C."""
    from run_operator.client.errors import ClientError
    from run_operator.client.kubeconfig import load

    try:
        from run_operator.web.loopback import serve
    except ModuleNotFoundError as error:
        raise ClientError(f"{MISSING} ({error})") from error
    logging.getLogger("run_operator").setLevel(logging.ERROR)  # the page itself says what is not live
    access = load(namespace=namespace, context=context, kubeconfig=kubeconfig)

    def ready(address: str) -> None:
        click.echo(f"The page of Runs is at {address}")
        click.echo("Ctrl-C ends it.", err=True)
        if not no_browser:
            webbrowser.open(address)

    try:
        asyncio.run(serve(access, port, ready))
    except OSError as error:
        raise ClientError(f"the port {port} cannot be used: {error}") from error
