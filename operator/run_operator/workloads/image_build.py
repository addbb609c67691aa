"""`+build` kinds: a Job whose pod makes an image in an init container and pushes it in the program's container.

The operator chooses image and commands of both. The first has the document's variables and Secrets and may make a user namespace; the
second has the registry's credentials, and runs nothing of the document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Final

from run_operator.api import pod_contract as names
from run_operator.api.run import Run
from run_operator.document.errors import DocumentError
from run_operator.document.kinds import of_run
from run_operator.document.names import Reference
from run_operator.workloads import fields
from run_operator.workloads.allowed import check_image
from run_operator.workloads.containerfile import Recipe, bases, of_container, of_python
from run_operator.workloads.fields import InvalidSpecError, UnresolvedError
from run_operator.workloads.job import job
from run_operator.workloads.pod import Program, pod
from run_operator.workloads.python import document
from run_operator.workloads.service import Port
from run_operator.workloads.types import ImageBuilding, Options, Pod

REASON: Final = "BuilderMissing"
FOLDER: Final = "/build"
VOLUME: Final = "build"
SIZE: Final = "20Gi"
"""Most that layers and files of one build may take; the kubelet evicts a pod that holds more."""
LOGINS: Final = ((".dockerconfigjson", "RUN_BUILD_LOGINS", False), ("ca.crt", "RUN_BUILD_AUTHORITY", True))
"""Key of a Secret, the variable by which the runner gets it, and whether it may be missing."""
NAMESPACE: Final = "{namespace}"
MAX_NAME: Final = 128
"""Characters of a repository, or of a tag."""
LEFT_OUT: Final = frozenset({"volumes"})
"""A volume of the document over the builder's own programs would be another program with the builder's rights."""
RESERVED: Final = frozenset(variable for _, variable, _ in LOGINS)
TAKEN: Final = ("image", "imagePullPolicy", "env", "envFrom", "volumeMounts", "workingDir", "resources")


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """Builds the Job that makes one image."""

    kinds: tuple[str, ...]
    essential: str
    child_kind: str = "Job"

    def pod(self, run: Run, attempt: int, options: Options) -> Pod:
        """See `Builder`."""
        building = options.building
        if building is None or options.ingest_url is None:
            raise missing_setting(run, options)
        recipe = _recipe(run, options)
        _check_bases(recipe, options)
        order = {
            "containerfile": recipe.containerfile,
            "files": dict(recipe.files),
            "image": image_name(run, building.registry),
            "in_place": bool(run.translation and run.translation.files),
            "plain_http": building.registry.partition("/")[0] if building.plain_http else "",
        }
        runner = ("python3", "-u", names.RUNNER_FILE)
        content = document(run, options.ingest_url, {"build": order})
        own = replace(run, spec={key: value for key, value in run.spec.items() if key not in LEFT_OUT})
        made = pod(own, attempt, options, Program(building.image, (*runner, "push"), content))
        _add_build(made.template["spec"], (*runner, "build"), building)
        return replace(made, warnings=(*made.warnings, *_not_mounted(run)))

    def ports(self, run: Run) -> list[Port]:  # noqa: ARG002
        """None: a Job has no Service."""
        return []

    def child(self, run: Run, attempt: int, pod: Pod, options: Options) -> dict[str, Any]:
        """See `Builder`."""
        return job(run, attempt, pod, options)


def missing_setting(run: Run, options: Options) -> UnresolvedError:
    """The error of a build that waits for an administrator."""
    flag = "--build-registry" if options.building is None else "--ingest-url"
    return UnresolvedError(
        REASON,
        f"{run.kind.removesuffix(':run')} needs a registry that images are pushed to: an administrator sets the operator's {flag} "
        "(docs/builds.md); or build the image elsewhere and set it as image in the Run or its Function",
    )


def image_name(run: Run, registry: str) -> str:
    """`<registry>/<project>-<function>:<run id>`, in characters that registries take. `{namespace}` stands for the Run's.

    A registry without it has `<namespace>.` before the project, which anybody may call as others do theirs. A namespace has no dot.
    """
    prefix = registry.replace(NAMESPACE, run.namespace).rstrip("/")
    name = re.sub(r"[^a-z0-9]+", "-", f"{run.project}-{_function(run)}".lower()).strip("-")
    owner = "" if NAMESPACE in registry else f"{run.namespace}."
    tag = re.sub(r"[^A-Za-z0-9_.-]", "-", run.id).lstrip(".-")
    return f"{prefix}/{owner}{name[:MAX_NAME].strip('-') or 'image'}:{tag[:MAX_NAME] or 'latest'}"


def _not_mounted(run: Run) -> tuple[str, ...]:
    given = fields.items(run.spec, "volumes")
    return (f"{fields.ROOT}.volumes: a build mounts no volumes of the document",) if given else ()


def _function(run: Run) -> str:
    named = fields.text(run.spec, "function")
    if not named:
        return run.name
    try:
        return Reference.parse(named).name
    except DocumentError as error:
        raise InvalidSpecError(f"{fields.ROOT}.function", str(error)) from error


def _recipe(run: Run, options: Options) -> Recipe:
    runtime = of_run(run.kind, fields.text(run.spec, "task")).runtime
    if runtime == "container" or run.translation:
        return of_container(run.spec)
    return of_python(run.spec, options.python_images, options.default_user)


def _check_bases(recipe: Recipe, options: Options) -> None:
    """Check that the base images of a Containerfile come from allowed registries. Raises WorkloadError."""
    for base in bases(recipe.containerfile) if options.allowed_registries else ():
        if "$" in base:
            problem = f"{base[:80]!r} is a variable, but this cluster allows images of some registries only: write the image itself"
            raise InvalidSpecError(f"{fields.ROOT}.base_image", problem)
        check_image("base_image", base, options.allowed_registries)


def _add_build(spec: dict[str, Any], command: tuple[str, ...], building: ImageBuilding) -> None:
    (main,) = spec["containers"]
    handed = {key: main[key] for key in TAKEN if key in main}
    context = dict(main["securityContext"]) | _more_rights(building)
    build: dict[str, Any] = {
        "name": names.BUILD_CONTAINER,
        **handed,
        "command": list(command),
        "securityContext": context,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    volumes = spec.setdefault("volumes", [])
    volumes.append({"name": VOLUME, "emptyDir": {"sizeLimit": SIZE}})
    build["volumeMounts"] = [*handed.get("volumeMounts", ()), {"name": VOLUME, "mountPath": FOLDER}]
    ours = [mount for mount in main["volumeMounts"] if mount["mountPath"] == names.FOLDER]
    main["volumeMounts"] = [*ours, {"name": VOLUME, "mountPath": FOLDER}]
    for key in (
        "env",
        "envFrom",
        "workingDir",
    ):  # nothing of the document reaches the container with the credentials
        main.pop(key, None)
    if building.base_secret:
        build["env"] = [
            *(one for one in build["env"] if one["name"] not in RESERVED),
            *_logins(building.base_secret),
        ]
    if building.push_secret:
        main["env"] = _logins(building.push_secret)
    if building.user_namespace:
        spec["hostUsers"] = False
    spec["initContainers"] = [*spec.get("initContainers", ()), build]


def _logins(secret: str) -> list[dict[str, Any]]:
    """As variables: the kubelet says which Secret is missing, and no file of it lies in a volume that containers share."""
    return [
        {
            "name": variable,
            "valueFrom": {
                "secretKeyRef": {"name": secret, "key": key, **({"optional": True} if optional else {})}
            },
        }
        for key, variable, optional in LOGINS
    ]


def _more_rights(building: ImageBuilding) -> dict[str, Any]:
    """Rights that the administrator allows beyond those of every container."""
    rights: dict[str, Any] = {}
    kind, _, profile = building.seccomp_profile.partition("/")
    if building.seccomp_profile:
        rights["seccompProfile"] = {"type": kind, **({"localhostProfile": profile} if profile else {})}
    kind, _, profile = building.apparmor_profile.partition("/")
    if building.apparmor_profile:
        rights["appArmorProfile"] = {"type": kind, **({"localhostProfile": profile} if profile else {})}
    return rights
