"""The operator's settings. Times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import click

from run_operator.flags import BindAddress, BindAddressType, setting
from run_operator.ingest.limits import Pace
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.workloads.default_images import python_images
from run_operator.workloads.types import ImageBuilding

KEPT: Final = ArchiveLimits()
PACE: Final = Pace()


def _checked_url(_: click.Context, __: click.Parameter, value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme != "https" or not parts.hostname or parts.path.strip("/")):
        raise click.BadParameter("use https://HOST:PORT, without a path")
    return value.rstrip("/")


def _checked_profile(_: click.Context, __: click.Parameter, value: str) -> str:
    kind, slash, name = value.partition("/")
    if value and not (value == "Unconfined" or (kind == "Localhost" and slash and name)):
        raise click.BadParameter(f"{value!r} is neither Unconfined nor Localhost/NAME")
    return value


def _checked_images(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        version, equals, image = one.partition("=")
        if not equals or not version.startswith("PYTHON") or not image.strip() or " " in image:
            raise click.BadParameter(f"{one!r} is not VERSION=IMAGE, such as PYTHON3_12=python:3.12-slim")
    return value


@dataclass(frozen=True, slots=True)
class Settings:
    """A flag and an environment variable each."""

    namespaces: tuple[str, ...] = setting(
        (), "Serve only this namespace; repeatable. Default: all.", flag="--namespace", multiple=True
    )
    """Empty: all of them."""
    workers: int = setting(
        24, "Number of Runs that are reconciled at the same time.", type=click.IntRange(1, 256)
    )
    """And so the bound on write requests under way."""
    sweep_interval: float = setting(
        300.0, "Seconds between two comparisons of the store with the API server.", type=click.FloatRange(1)
    )
    leader_elect: bool = setting(
        False,
        "Elect a leader by a Lease in the operator's namespace: for two or more replicas.",
        is_flag=True,
        flag="--leader-elect",
    )
    """False: this is the only replica."""
    lease_name: str = setting("run-operator", "Name of that Lease.")
    pod_name: str = setting("", "The holder's name in the Lease; empty: the host's name.")
    sync_deadline: float = setting(
        120.0, "Longest time for the first lists, in seconds.", type=click.FloatRange(1)
    )
    """Then work begins with what is there."""
    metrics_bind_address: BindAddress = setting(
        BindAddress("", 8080), "Address of /metrics, /healthz and /readyz.", type=BindAddressType()
    )
    gpu_resource: str = setting("nvidia.com/gpu", "The extended resource that resources.gpu requests.")
    python_images: tuple[str, ...] = setting(
        tuple(f"{version}={image}" for version, image in python_images().items()),
        "VERSION=IMAGE that functions of a python_version run in; repeatable.",
        flag="--python-image",
        multiple=True,
        callback=_checked_images,
    )
    default_user: int = setting(
        1000, "uid, gid and fsGroup of pods whose document does not set them.", type=click.IntRange(1)
    )
    default_ttl_seconds: int = setting(
        0,
        "Seconds after their end when Runs without ttlSecondsAfterFinished are deleted; 0: never.",
        type=click.IntRange(0, 2**31 - 1),
    )
    default_active_deadline_seconds: int = setting(
        0,
        "activeDeadlineSeconds of Runs that do not set it; 0: three days.",
        type=click.IntRange(0, 315_360_000),
    )
    allowed_service_types: tuple[str, ...] = setting(
        (),
        "Allow Runs this type of Service and no other; repeatable. Without it: all.",
        flag="--allowed-service-type",
        multiple=True,
    )
    allowed_priority_classes: tuple[str, ...] = setting(
        (),
        "Allow Runs this PriorityClass and no other; repeatable. Without it: all.",
        flag="--allowed-priority-class",
        multiple=True,
    )
    allowed_registries: tuple[str, ...] = setting(
        (),
        "Allow images below this HOST or HOST/PATH and no others; repeatable. Without it: all.",
        flag="--allowed-registry",
        multiple=True,
    )
    protect_jobs: bool = setting(
        True,
        "Ask cluster autoscaler and Karpenter not to move pods of jobs when they tidy up nodes.",
        flag="--protect-jobs/--no-protect-jobs",
    )
    pod_namespace: str = setting(
        "run-operator", "The namespace of the operator's pod.", envvar="POD_NAMESPACE"
    )
    profiles_namespace: str = setting(
        "",
        "The namespace of profiles for all namespaces; a profile in the namespace of the Run takes precedence. Empty: --pod-namespace.",
    )
    ingest_bind_address: BindAddress = setting(
        BindAddress("", 8443), "Address of the ingest.", type=BindAddressType()
    )
    """The ingest: the HTTPS endpoint that takes metrics from pods, and answers the DigitalHub SDK in them."""
    ingest_url: str = setting(
        "",
        "https://HOST:PORT at which pods reach the ingest; empty: pods send no metrics.",
        callback=_checked_url,
    )
    ingest_hosts: tuple[str, ...] = setting(
        (),
        "Further names and addresses in the certificate of the ingest, by which pods of an earlier version know it; repeatable.",
        flag="--ingest-host",
        multiple=True,
    )
    ingest_ca_secret: str = setting(
        "run-operator-ingest-ca", "Secret with the key of the certificate authority of the ingest."
    )
    pod_api_url: str = setting(
        "",
        "https://HOST:PORT given to pods as the API of the DigitalHub SDK; empty: pods get none.",
        callback=_checked_url,
    )
    store_secret: str = setting(
        "",
        "Secret of each project's namespace with the file store (DHCORE_DEFAULT_FILES_STORE, AWS_*), given to pods; empty: none.",
    )
    requirements_secret: str = setting(
        "",
        "Secret of each project's namespace with variables for uv and pip (UV_INDEX_URL, PIP_INDEX_URL, ...), given to Python "
        "functions; empty: none.",
    )
    requirements_cache_claim: str = setting(
        "",
        "Claim of each project's namespace that keeps what uv and pip download for Python functions; empty: none.",
    )
    build_registry: str = setting(
        "",
        "HOST or HOST/PATH that built images are pushed to, {namespace} in it being the Run's; empty: images are not built.",
    )
    build_image: str = setting(
        ImageBuilding("").image, "The image that builds: buildah, skopeo, git and Python (images/builder)."
    )
    build_push_secret: str = setting(
        "",
        "Secret of each project's namespace with .dockerconfigjson (and ca.crt) by which images are pushed; empty: none.",
    )
    build_base_secret: str = setting(
        "",
        "The same for base images, with the right to pull only, since programs that a Containerfile runs can read it; empty: none.",
    )
    build_seccomp_profile: str = setting(
        "",
        "Seccomp profile of the container that builds: Unconfined or Localhost/FILE; empty: RuntimeDefault.",
        callback=_checked_profile,
    )
    build_apparmor_profile: str = setting(
        "",
        "AppArmor profile of that container: Unconfined or Localhost/NAME; empty: the node's own.",
        callback=_checked_profile,
    )
    build_user_namespace: bool = setting(
        False,
        "Give pods that build a user namespace of their own (hostUsers: false).",
        is_flag=True,
        flag="--build-user-namespace",
    )
    build_plain_http: bool = setting(
        False, "The registry of --build-registry has no TLS.", is_flag=True, flag="--build-plain-http"
    )
    ingest_interval: float = setting(
        PACE.interval, "Seconds between two writes of the metrics of one Run.", type=click.FloatRange(0.1)
    )
    ingest_bytes_per_second: int = setting(
        int(PACE.bytes_per_second),
        "Bytes per second that writes of metrics may send to the API server; etcd keeps each version of a Run for five to ten minutes.",
        type=click.IntRange(65_536),
    )
    export_run_metrics: int = setting(
        0,
        "Number of metrics of Runs whose last values are shown at /metrics.",
        type=click.IntRange(0, 100_000),
    )
    log_tail_bytes: int = setting(
        KEPT.tail,
        "Bytes of the log of a container that are stored when its pod ends; 0: none.",
        type=click.IntRange(0, 16_777_216),
    )
    log_run_bytes: int = setting(
        KEPT.of_run,
        "Compressed bytes that are stored of the logs of one Run; the oldest logs are deleted first.",
        type=click.IntRange(1_048_576),
    )
    log_namespace_bytes: int = setting(
        KEPT.of_namespace,
        "Compressed bytes that are stored of the logs of one namespace.",
        type=click.IntRange(1_048_576),
    )
    log_total_bytes: int = setting(
        KEPT.of_cluster,
        "Compressed bytes that are stored of all logs; they are in etcd.",
        type=click.IntRange(1_048_576),
    )
    gateway_tls_secret: str = setting(
        "",
        "Secret for the certificate of the gateway (manifests/components/gateway sets it); empty: no certificate is issued.",
    )
    gateway_service: str = setting(
        "run-operator-gateway", "Service of the gateway, named in its certificate."
    )

    @property
    def building(self) -> ImageBuilding | None:
        """How images are built; None: they are not."""
        if not self.build_registry:
            return None
        return ImageBuilding(
            self.build_registry,
            self.build_image,
            self.build_push_secret,
            self.build_base_secret,
            self.build_seccomp_profile,
            self.build_apparmor_profile,
            self.build_user_namespace,
            self.build_plain_http,
        )

    @property
    def shared_profiles_namespace(self) -> str:
        """Where profiles for all namespaces are."""
        return self.profiles_namespace or self.pod_namespace
