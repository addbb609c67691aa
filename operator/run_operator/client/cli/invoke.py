"""`runctl invoke`."""

from __future__ import annotations

import sys

import click

from run_operator.client.cli.durations import Seconds
from run_operator.client.cli.options import cluster_options, connect, run_argument, the_run


@click.command("invoke")
@run_argument()
@click.argument("path", required=False, default="/")
@cluster_options()
@click.option(
    "-X", "--method", default="POST", show_default=True, help="The HTTP method. Default: GET, with data POST."
)
@click.option(
    "-d", "--data", help="The body of the request; @FILE reads it from a file, @- from standard input."
)
@click.option(
    "--json", "is_json", is_flag=True, help="The body of the request as JSON, with its content type."
)
@click.option(
    "-H", "--header", "headers", multiple=True, help="A header of the request, 'Name: value'; repeatable."
)
@click.option("--timeout", type=Seconds(0.001), default=60.0, show_default=True, help="Seconds.")
@click.option("-i", "--include", is_flag=True, help="Also print status and headers, to standard error.")
def invoke_command(
    name: str,
    path: str,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    method: str,
    data: str | None,
    is_json: bool,
    headers: tuple[str, ...],
    timeout: float,
    include: bool,
) -> None:
    """Send a request to PATH of a Run's service, through the API server, so that it works from a laptop.

    The body of the answer goes to standard output. Exit code 1 for a status of 400 or higher.
    """
    run = the_run(connect(namespace, context, kubeconfig), name)
    base = f"http://{run.status.get('service', {}).get('url', '')}"
    url = path if path.startswith("http://") else base + (path if path.startswith("/") else f"/{path}")
    sent = dict(_header(one) for one in headers)
    if is_json:
        sent.setdefault("Content-Type", "application/json")
    url_or_none = url if run.status.get("service", {}).get("url") else None
    answer = run.invoke(method, url_or_none, data=_data(data), headers=sent, timeout=timeout)
    if include:
        lines = "\n".join(f"{key}: {value}" for key, value in answer.headers.items())
        click.echo(f"HTTP {answer.status_code}\n{lines}", err=True)
    sys.stdout.buffer.write(answer.content)
    sys.stdout.buffer.flush()
    if not answer.ok:
        click.echo(f"\nrunctl: the service answers {answer.status_code}", err=True)
        click.get_current_context().exit(1)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or "\n" in text or "\r" in text:
        raise click.UsageError(f"--header {text[:60]!r}: write 'Name: value'")
    return name.strip(), value.strip()


def _data(text: str | None) -> bytes | None:
    if text is None or not text.startswith("@"):
        return None if text is None else text.encode()
    if text == "@-":
        return sys.stdin.buffer.read()
    with open(text[1:], "rb") as file:  # noqa: PTH123 - a path a person typed
        return file.read()
