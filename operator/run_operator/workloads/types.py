"""Types of built workloads, and the protocol of their builders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from run_operator.api.custom_object import CustomKind
from run_operator.api.pod_contract import MODULE_CONFIG_MAP
from run_operator.api.record_signer import RecordSigner
from run_operator.api.run import Run
from run_operator.workloads.default_images import BUILDER_IMAGE, python_images
from run_operator.workloads.service import Port


@dataclass(frozen=True, slots=True)
class ImageBuilding:
    """How images are built, by the administrator's settings."""

    registry: str
    """`host` or `host/path`; `{namespace}` in it stands for the Run's namespace."""
    image: str = BUILDER_IMAGE
    """The image of the builder: buildah, skopeo, git and Python."""
    push_secret: str = ""
    """Secret of a Run's namespace with the logins by which images are pushed (.dockerconfigjson, and ca.crt); empty: none."""
    base_secret: str = ""
    """The same for base images; what a Containerfile lets run may read it."""
    seccomp_profile: str = ""
    """Profile of the container that builds: Unconfined, or Localhost/FILE; empty: that of the pod."""
    apparmor_profile: str = ""
    """The same of AppArmor."""
    user_namespace: bool = False
    """Whether these pods get a user namespace of their own (`hostUsers: false`)."""
    plain_http: bool = False
    """Whether the registry has no TLS."""


@dataclass(frozen=True, slots=True)
class Options:
    """The operator's settings as far as building needs them."""

    gpu_resource: str = "nvidia.com/gpu"
    default_user: int = 1000
    """uid, gid and fsGroup of pods whose document does not set them."""
    profiles_namespace: str = "run-operator"
    """Where profiles for all namespaces are; one in the Run's own namespace wins."""
    ingest_url: str | None = None
    """Address of the ingest as pods reach it, `https://host:port` without a path; None: pods report no metrics."""
    store_secret: str = ""
    """Secret of a Run's namespace with the file store and its credentials; empty: pods are given none."""
    requirements_secret: str = ""
    """Secret of a Run's namespace with the variables of uv and pip; empty: functions are given none."""
    requirements_cache_claim: str = ""
    """Claim of a Run's namespace that keeps what uv and pip download; empty: nothing is kept."""
    module_config_map: str = MODULE_CONFIG_MAP
    """The ConfigMap with the code that pods mount."""
    pod_api_url: str | None = None
    """Where the DigitalHub SDK in pods finds its API, without a path; None: pods get no address."""
    signer: RecordSigner = field(default_factory=lambda: RecordSigner(b""))
    """Signs what is recorded in a status."""
    python_images: Mapping[str, str] = field(default_factory=python_images)
    """`python_version` of a function to the image it runs in where it names none."""
    allowed_service_types: tuple[str, ...] = ()
    """Empty: all; so are the next two."""
    allowed_priority_classes: tuple[str, ...] = ()
    allowed_registries: tuple[str, ...] = ()
    """`host` or `host/path`: images below it."""
    building: ImageBuilding | None = None
    """None: images are not built."""
    protect_jobs: bool = True
    """Whether pods of jobs ask autoscalers not to move them when they tidy up nodes."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod template, and objects that must exist before its pods."""

    template: dict[str, Any]
    needs: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """Objects as the API server takes them. All carry an owner reference to the Run."""

    child: dict[str, Any]
    """The object that runs the attempt."""
    service: dict[str, Any] | None = None
    """Its address: created before the child, kept when it is stopped."""
    needs: tuple[dict[str, Any], ...] = ()
    """Claims and config maps, to be created before the child."""
    warnings: tuple[str, ...] = ()
    """Fields of the document that are not applied, one line each."""
    custom: CustomKind | None = None
    """The kind of `child`, where it is of another operator."""


class Builder(Protocol):
    """One kind of workload."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """`<runtime>+<action>` it builds for."""
        ...

    @property
    def child_kind(self) -> str:
        """Job: runs to its end. Deployment: runs until it is stopped. Resource: an object of another operator."""
        ...

    @property
    def essential(self) -> str:
        """The field without which a document is incomplete, so that its Function is looked up."""
        ...

    def pod(self, run: Run, attempt: int, options: Options) -> Pod:
        """The pod of one attempt, after the whole document was checked. Raises WorkloadError."""
        ...

    def ports(self, run: Run) -> list[Port]:
        """The ports of the Run's Service; empty if it has none. Raises InvalidSpecError."""
        ...

    def child(self, run: Run, attempt: int, pod: Pod, options: Options) -> dict[str, Any]:
        """The Job or Deployment of one attempt around this pod."""
        ...
