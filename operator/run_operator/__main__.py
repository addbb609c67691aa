"""`python -m run_operator`: start the operator. Every setting is a flag and an environment variable."""

from __future__ import annotations

import asyncio
import gc
import sys
from urllib.parse import urlsplit

import click

from run_operator import __version__

try:
    from run_operator.engine.operator import Operator
except ModuleNotFoundError as error:
    if (error.name or "").startswith("run_operator"):
        raise
    sys.exit(
        f"run-operator: {error.name} is not installed; the operator needs: pip install 'run-operator[operator]'"
    )
from run_operator.kube.config import NoClusterError
from run_operator.kube.errors import KubeError, NotFoundError
from run_operator.observability import logs
from run_operator.settings import Settings


def _checked_url(_: click.Context, __: click.Parameter, value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme != "https" or not parts.hostname or parts.path.strip("/")):
        raise click.BadParameter("say https://HOST:PORT, without a path")
    return value.rstrip("/")


@click.command(
    context_settings={"auto_envvar_prefix": "RUN_OPERATOR", "show_default": True, "max_content_width": 110}
)
@click.option(
    "--namespace", "namespaces", multiple=True, show_envvar=True, help="Serve only this one; repeatable."
)
@click.option(
    "--workers", default=24, type=click.IntRange(1, 256), show_envvar=True, help="Runs worked on at once."
)
@click.option(
    "--sweep-interval",
    default=300.0,
    type=click.FloatRange(1),
    show_envvar=True,
    help="Seconds between two comparisons with the API server.",
)
@click.option(
    "--sync-deadline",
    default=120.0,
    type=click.FloatRange(1),
    show_envvar=True,
    help="Seconds the first lists may take.",
)
@click.option("--listen", default="0.0.0.0", show_envvar=True, help="Address of the status port.")  # noqa: S104
@click.option("--port", default=8080, show_envvar=True, help="Port of /healthz, /readyz and /metrics.")
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
@click.option(
    "--gpu-resource", default="nvidia.com/gpu", show_envvar=True, help="What resources.gpu asks for."
)
@click.option(
    "--default-user",
    default=1000,
    type=click.IntRange(1),
    show_envvar=True,
    help="uid, gid and fsGroup of pods whose document names none.",
)
@click.option(
    "--profiles-namespace",
    default="run-operator",
    show_envvar=True,
    help="Where profiles for all namespaces are; one in the Run's own namespace wins.",
)
@click.option(
    "--own-namespace", default="run-operator", show_envvar=True, help="The operator's own, for its Secret."
)
@click.option(
    "--metrics-url",
    default="",
    show_envvar=True,
    callback=_checked_url,
    help="https://HOST:PORT where pods send metrics; empty: they send none.",
)
@click.option(
    "--gateway-url",
    default="",
    show_envvar=True,
    callback=_checked_url,
    help="https://HOST:PORT where the DigitalHub SDK in pods finds its API; empty: it is not told.",
)
@click.option("--metrics-listen", default="0.0.0.0", show_envvar=True, help="Address of the metrics port.")  # noqa: S104
@click.option("--metrics-port", default=8443, show_envvar=True, help="Port of the metrics endpoint.")
@click.option(
    "--metrics-interval",
    default=4.0,
    type=click.FloatRange(0.1),
    show_envvar=True,
    help="Seconds between two writes of one Run's metrics.",
)
@click.option(
    "--metrics-bytes",
    default=1_048_576,
    type=click.IntRange(65_536),
    show_envvar=True,
    help="Bytes a second of Runs rewritten for their metrics; etcd keeps them for five to ten minutes.",
)
@click.option(
    "--export-run-metrics",
    default=0,
    type=click.IntRange(0, 100_000),
    show_envvar=True,
    help="Show the last values of at most so many metrics of Runs at /metrics.",
)
@click.option(
    "--log-tail-bytes",
    default=262_144,
    type=click.IntRange(0, 16_777_216),
    show_envvar=True,
    help="Kept of what a container wrote when its pod ends; 0: nothing.",
)
@click.option(
    "--log-run-bytes",
    default=4_194_304,
    type=click.IntRange(1_048_576),
    show_envvar=True,
    help="Kept of all logs of one Run, compressed; the oldest go first.",
)
@click.option(
    "--log-namespace-bytes",
    default=67_108_864,
    type=click.IntRange(1_048_576),
    show_envvar=True,
    help="Kept of all logs of a namespace, compressed.",
)
@click.option(
    "--log-total-bytes",
    default=536_870_912,
    type=click.IntRange(1_048_576),
    show_envvar=True,
    help="Kept of all logs, compressed; etcd holds them.",
)
@click.option(
    "--gateway-certificate",
    default=False,
    type=bool,
    show_envvar=True,
    help="Issue the gateway's certificate (manifests/components/gateway sets it).",
)
@click.version_option(__version__, prog_name="run-operator")
def main(log_level: str, log_format: str, **options: object) -> None:
    """Reconcile Runs until SIGTERM. The cluster: KUBECONFIG, else the pod's service account, else ~/.kube/config."""
    logs.configure(log_level, as_json=log_format == "json")
    settings = Settings(log_level=log_level, log_format=log_format, **options)  # type: ignore[arg-type]
    try:
        asyncio.run(_operate(settings))
    except NotFoundError as error:
        sys.exit(
            f"run-operator: a CRD is missing or older than this operator: kubectl apply -k crds ({error})"
        )
    except (KubeError, NoClusterError, OSError) as error:
        sys.exit(f"run-operator: {error}")


async def _operate(settings: Settings) -> None:
    # Events and requests make thousands of objects a second, and hardly any cycles: looking for some after every 700 costs
    # a tenth of the operator's CPU. What is imported by now stays anyway.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    await Operator(settings).run()


if __name__ == "__main__":
    main()
