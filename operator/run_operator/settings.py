"""The operator's settings. Times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import click

from run_operator.flags import BindAddress, BindAddressType, setting
from run_operator.ingest.limits import Pace
from run_operator.log_archive.limits import ArchiveLimits
from run_operator.workloads.types import ImageBuilding, python_images

KEPT: Final = ArchiveLimits()
PACE: Final = Pace()


def _checked_url(_: click.Context, __: click.Parameter, value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme != "https" or not parts.hostname or parts.path.strip("/")):
        raise click.BadParameter("say https://HOST:PORT, without a path")
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
        (), "Serve only this one; repeatable.", flag="--namespace", multiple=True
    )
    """Empty: all of them."""
    workers: int = setting(24, "Runs worked on at once.", type=click.IntRange(1, 256))
    """And so the bound on write requests under way."""
    sweep_interval: float = setting(
        300.0, "Seconds between two comparisons with the API server.", type=click.FloatRange(1)
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
    sync_deadline: float = setting(120.0, "Seconds the first lists may take.", type=click.FloatRange(1))
    """Then work begins with what is there."""
    metrics_bind_address: BindAddress = setting(
        BindAddress("", 8080), "Address of /metrics, /healthz and /readyz.", type=BindAddressType()
    )
    gpu_resource: str = setting("nvidia.com/gpu", "What resources.gpu asks for.")
    python_images: tuple[str, ...] = setting(
        tuple(f"{version}={image}" for version, image in python_images().items()),
        "VERSION=IMAGE that functions of a python_version run in; repeatable.",
        flag="--python-image",
        multiple=True,
        callback=_checked_images,
    )
    default_user: int = setting(
        1000, "uid, gid and fsGroup of pods whose document names none.", type=click.IntRange(1)
    )
    default_ttl_seconds: int = setting(
        0,
        "Delete Runs that name no ttlSecondsAfterFinished so many seconds after their end; 0: keep them.",
        type=click.IntRange(0, 2**31 - 1),
    )
    default_active_deadline_seconds: int = setting(
        0,
        "activeDeadlineSeconds of Runs that name none; 0: three days.",
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
        "run-operator", "The namespace that the operator's pod is in.", envvar="POD_NAMESPACE"
    )
    profiles_namespace: str = setting(
        "",
        "Where profiles for all namespaces are; one in the Run's own namespace wins. Empty: --pod-namespace.",
    )
    ingest_bind_address: BindAddress = setting(
        BindAddress("", 8443), "Address of the ingest.", type=BindAddressType()
    )
    """The ingest: the HTTPS endpoint that takes metrics from pods, and answers the DigitalHub SDK in them."""
    ingest_url: str = setting(
        "",
        "https://HOST:PORT where pods reach the ingest; empty: they send no metrics.",
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
        "The same for base images, with rights to pull alone: what a Containerfile lets run may read it; empty: none.",
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
        PACE.interval, "Seconds between two writes of one Run's metrics.", type=click.FloatRange(0.1)
    )
    ingest_bytes_per_second: int = setting(
        int(PACE.bytes_per_second),
        "Bytes a second of Runs rewritten for their metrics; etcd keeps them for five to ten minutes.",
        type=click.IntRange(65_536),
    )
    export_run_metrics: int = setting(
        0,
        "Show the last values of at most so many metrics of Runs at /metrics.",
        type=click.IntRange(0, 100_000),
    )
    log_tail_bytes: int = setting(
        KEPT.tail,
        "Kept of what a container wrote when its pod ends; 0: nothing.",
        type=click.IntRange(0, 16_777_216),
    )
    log_run_bytes: int = setting(
        KEPT.of_run,
        "Kept of all logs of one Run, compressed; the oldest go first.",
        type=click.IntRange(1_048_576),
    )
    log_namespace_bytes: int = setting(
        KEPT.of_namespace, "Kept of all logs of a namespace, compressed.", type=click.IntRange(1_048_576)
    )
    log_total_bytes: int = setting(
        KEPT.of_cluster, "Kept of all logs, compressed; etcd holds them.", type=click.IntRange(1_048_576)
    )
    gateway_tls_secret: str = setting(
        "",
        "Secret that gets the gateway's certificate (manifests/components/gateway sets it); empty: none is issued.",
    )
    gateway_service: str = setting("run-operator-gateway", "Service of the gateway, for its certificate.")

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
