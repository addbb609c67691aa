"""Keys of the inner spec that a kind uses, and suggestions for keys that it does not use.

A key that nothing uses is kept and reported: by runctl and the gateway before the Run is created, by
the operator in condition NotApplied.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final

from run_operator.document.errors import InvalidKindError
from run_operator.document.kinds import of_run
from run_operator.document.merge import is_empty

ROOT: Final = "spec.spec"
MAX_SENTENCES: Final = 10
MAX_KEY: Final = 80

Spec = Mapping[str, Any]

_POD: Final = frozenset(
    {
        "image", "image_pull_policy", "command", "args", "envs", "secrets", "resources", "volumes", "source",
        "profile", "run_as_user", "run_as_group", "fs_group", "node_selector", "tolerations", "affinity",
        "priority_class", "runtime_class",
    }
)  # fmt: skip
_SERVICE: Final = frozenset({"service_ports", "service_type", "service_name", "replicas"})
COMMON: Final = _POD - {"image", "command", "args", "source"}
"""Fields that the operator applies to every pod."""
COMMON_OF_SERVICES: Final = _SERVICE - {"service_ports"}
_PYTHON: Final = (_POD - {"command", "args"}) | {
    "base_image", "python_version", "requirements", "inputs", "parameters", "init_parameters",
}  # fmt: skip
_BUILD: Final = COMMON | {"source", "base_image", "instructions"}
_PYTHON_BUILD: Final = _BUILD | {"python_version", "requirements"}
USED: Final[dict[str, frozenset[str]]] = {
    "container+job": _POD,
    "container+serve": _POD | _SERVICE,
    "container+deploy": _POD | _SERVICE,
    "python+job": _PYTHON,
    "python+serve": _PYTHON | _SERVICE,
    "container+build": _BUILD,
    "python+build": _PYTHON_BUILD,
    "openinference+build": _PYTHON_BUILD,
    "guardrail+build": _PYTHON_BUILD,
    "hera+build": (_PYTHON - {"inputs", "init_parameters"}) | {"build"},
    "hera+pipeline": frozenset(
        {
            "source",
            "build",
            "image",
            "parameters",
            "requirements",
            "envs",
            "resources",
            "profile",
            "run_as_user",
        }
    ),
}
"""Used fields by `<runtime>+<action>`. Other kinds are not checked."""
PLATFORM: Final = frozenset(
    {"task", "function", "workflow", "local_execution", "base_image", "instructions", "python_version"}
)
"""Fields that the platform writes into documents of every kind and that mean nothing here: they are not reported."""

VOLUME: Final = frozenset({"volume_type", "name", "mount_path", "spec"})
VOLUME_SPEC: Final[dict[str, frozenset[str]]] = {
    "persistent_volume_claim": frozenset({"size", "storage_class", "storageClass", "subPath"}),
    "ephemeral": frozenset({"size", "storage_class", "storageClass", "subPath"}),
    "empty_dir": frozenset({"size_limit", "sizeLimit", "medium", "subPath"}),
    "shared_volume": frozenset({"claimName", "subPath"}),
}
WITH_FILES: Final = ("container+job", "container+serve", "container+deploy")
"""Kinds that find their file in the document only."""
NOT_HELD: Final = "but does not hold it (no base64, no code): nothing is put into /shared"
SOURCE: Final = frozenset({"source", "handler", "base64", "code", "lang", "init_function"})
PORT: Final = frozenset({"port", "target_port"})
VARIABLE: Final = frozenset({"name", "value"})
RESOURCES: Final = ("cpu", "mem", "gpu", "disk")

_POLICY: Final = "spec.runPolicy"
SPEC_HINTS: Final[dict[str, str]] = {
    "env": "envs", "environment": "envs", "envvars": "envs", "envfrom": "secrets", "secret": "secrets",
    "parameters": "envs or args", "params": "envs or args", "inputs": "envs, args or volumes",
    "cmd": "command", "entrypoint": "command", "arguments": "args",
    "volumemounts": "volumes", "mounts": "volumes", "port": "service_ports", "ports": "service_ports",
    "containerport": "service_ports", "priorityclassname": "priority_class", "runtimeclassname": "runtime_class",
    "securitycontext": "run_as_user, run_as_group and fs_group", "user": "run_as_user",
    "containers": "image, command and args beside each other, without a list of containers",
    "template": "image, command and args without a template",
    "cpu": "resources.cpu", "mem": "resources.mem", "memory": "resources.mem", "gpu": "resources.gpu",
    "gpus": "resources.gpu", "disk": "resources.disk", "code": "source.code", "handler": "source.handler",
    "suspend": "spec.suspend", "runpolicy": _POLICY, "labels": "metadata.labels",
    "backofflimit": f"{_POLICY}.backoffLimit", "retries": f"{_POLICY}.backoffLimit",
    "timeout": f"{_POLICY}.activeDeadlineSeconds", "deadline": f"{_POLICY}.activeDeadlineSeconds",
    "activedeadlineseconds": f"{_POLICY}.activeDeadlineSeconds",
    "ttlsecondsafterfinished": f"{_POLICY}.ttlSecondsAfterFinished",
    "terminationgraceperiodseconds": f"{_POLICY}.terminationGracePeriodSeconds",
    "restartpolicy": f"{_POLICY}.backoffLimit", "spec": "its fields one level higher",
    "workingdir": "command: sh, and cd in its args",
    "parallelism": "a Run for each", "completions": "a Run for each",
    "imagepullsecrets": "imagePullSecrets of the ServiceAccount default of the namespace",
    "tag": "image with the tag behind a colon, as in python:3.11-slim", "name": "metadata.name",
    "namespace": "metadata.namespace", "annotations": "metadata.annotations", "metadata": "metadata beside spec",
    "project": "spec.project", "kind": "spec.kind", "id": "spec.id", "restart": f"{_POLICY}.backoffLimit",
    "script": "source.code", "file": "source", "files": "source",
    "shmsize": "a volume with volume_type: empty_dir and medium: Memory at /dev/shm",
    "initcontainers": "command: sh, with all commands in its args",
}  # fmt: skip
_NO_PROBES: Final = "there are no probes: a pod is ready while its program runs"
_NO_ACCOUNT: Final = "pods get no API token; what a program may see of Secrets is named in secrets"
_RESTRICTED: Final = "no Run gets more rights than the Pod Security Standard restricted gives"
WITHOUT_A_WORD: Final[dict[str, str]] = {
    "livenessprobe": _NO_PROBES, "readinessprobe": _NO_PROBES, "startupprobe": _NO_PROBES, "healthcheck": _NO_PROBES,
    "serviceaccountname": _NO_ACCOUNT, "serviceaccount": _NO_ACCOUNT, "automountserviceaccounttoken": _NO_ACCOUNT,
    "privileged": _RESTRICTED, "hostnetwork": _RESTRICTED, "hostpid": _RESTRICTED, "hostipc": _RESTRICTED,
    "capabilities": _RESTRICTED, "capadd": _RESTRICTED,
    "dependson": "a pipeline starts Runs after one another", "schedule": "a CronJob that applies a Run repeats it",
    "cron": "a CronJob that applies a Run repeats it",
    "metrics": "metrics are what the program logs with log_metric",
}  # fmt: skip
"""Words of other tools for which a Run has none, and what is so instead; spelled as in SPEC_HINTS."""
_OF_PYTHON: Final[dict[str, str]] = {
    "params": "parameters", "args": "parameters", "arguments": "parameters", "kwargs": "parameters",
    "command": "source.handler", "entrypoint": "source.handler", "initfunction": "source.init_function",
    "packages": "requirements", "dependencies": "requirements",
}  # fmt: skip
_OF_BUILDS: Final[dict[str, str]] = {
    "dockerfile": "instructions", "containerfile": "instructions", "run": "instructions", "steps": "instructions",
    "command": "instructions", "commands": "instructions", "from": "base_image", "image": "base_image",
    "requirements": "a RUN line in instructions", "packages": "a RUN line in instructions",
}  # fmt: skip
OF_A_KIND: Final[dict[str, dict[str, str]]] = {
    **{kind: _OF_PYTHON for kind in USED if kind.startswith("python+")},
    **{kind: _OF_BUILDS for kind in USED if kind.endswith("+build") and kind != "hera+build"},
}
"""Right words of one kind; they come before SPEC_HINTS."""
_OF_A_VOLUME: Final[dict[str, str]] = {
    "type": "volume_type", "path": "mount_path", "size": "spec.size", "storage": "spec.size",
    "sizelimit": "spec.size_limit", "medium": "spec.medium", "claimname": "spec.claimName", "claim": "spec.claimName",
    "subpath": "spec.subPath", "storageclass": "spec.storage_class", "emptydir": "volume_type: empty_dir",
    "persistentvolumeclaim": "volume_type: shared_volume, the claim as spec.claimName",
    "configmap": "source, for one file", "secret": "secrets",
}  # fmt: skip
_OF_A_VOLUME_SPEC: Final[dict[str, str]] = {
    "size": "size_limit", "sizelimit": "size", "claim": "claimName", "pvc": "claimName", "name": "claimName",
    "storage": "size", "capacity": "size", "storageclassname": "storage_class",
}  # fmt: skip
HINTS: Final[dict[str, dict[str, str]]] = {
    "volumes": _OF_A_VOLUME,
    **dict.fromkeys(VOLUME_SPEC, _OF_A_VOLUME_SPEC),
    **{kind: SPEC_HINTS | words for kind, words in OF_A_KIND.items()},
    "envs": {"valuefrom": "secrets", "key": "name"},
    "source": {"file": "source", "filename": "source", "path": "source", "name": "source", "content": "code"},
    "service_ports": {"containerport": "target_port", "targetport": "target_port"},
    "document": {}, "runPolicy": {"retries": "backoffLimit", "timeout": "activeDeadlineSeconds", "ttl": "ttlSecondsAfterFinished"},
    "resources": {
        "memory": "mem", "nvidia.com/gpu": "gpu", "gpus": "gpu", "cpus": "cpu", "storage": "disk",
        "requests": "cpu, mem, gpu and disk without requests", "limits": "cpu, mem, gpu and disk without limits",
        "ram": "mem", "cores": "cpu", "vcpu": "cpu", "ephemeral-storage": "disk",
    },
}  # fmt: skip
"""Words of Kubernetes and other tools, in small letters without _, to our word; by the place of the key."""


def unused(kind: str, spec: Spec, used: frozenset[str] | None = None) -> list[str]:
    """A sentence for each key of the inner spec that a Run of this kind (`<runtime>+<action>`) does not use.

    `used`: the fields that a Runtime uses, for its kinds.
    """
    used = USED.get(kind) if used is None else used
    if used is None:
        return []
    found = _unused(kind, spec, used)
    sentences = [said() for said in islice(found, MAX_SENTENCES)]
    more = sum(1 for _ in found)
    return sentences + ([f"and {more} more"] if more else [])


def not_used(document: Mapping[str, Any]) -> list[str]:
    """The same for a whole document; empty for a document that is not a Run."""
    kind, spec = document.get("kind"), document.get("spec")
    if not isinstance(kind, str) or not isinstance(spec, Mapping):
        return []
    try:
        label = of_run(kind, str(spec.get("task") or "")).label
    except InvalidKindError:
        return []
    return [*unused(label, spec), *not_held(label, spec)]


def not_held(kind: str, spec: Spec) -> list[str]:
    """A sentence about a file that a container's document names without its content. A Function may hold it."""
    source = spec.get("source")
    if kind not in WITH_FILES or not isinstance(source, Mapping) or spec.get("function"):
        return []
    name = source.get("source")
    if not isinstance(name, str) or not name or "://" in name or source.get("base64") or source.get("code"):
        return []
    return [f"{ROOT}.source names {name[:MAX_KEY]} {NOT_HELD}"]


def right_word(key: str, known: Collection[str], place: str = "", *, of_the_kind: bool = False) -> str:
    """`; did you mean envs?`, what is so instead, or an empty text. `place`: a key of HINTS; empty: the inner spec itself.

    `of_the_kind`: only what OF_A_KIND says of this kind.
    """
    plain = key[:MAX_KEY].lower().replace("_", "")
    hints = OF_A_KIND.get(place, {}) if of_the_kind else HINTS.get(place, SPEC_HINTS)
    words = {word.lower().replace("_", ""): word for word in sorted(known)}
    meant = words.get(plain) or hints.get(plain)
    if not meant and not of_the_kind and (place in USED or not place) and plain in WITHOUT_A_WORD:
        return f"; {WITHOUT_A_WORD[plain]}"
    near = difflib.get_close_matches(plain, words, n=1, cutoff=0.75)
    meant = meant or (words[near[0]] if near else "")
    return f"; did you mean {meant}?" if meant else ""


def _unused(kind: str, spec: Spec, used: frozenset[str]) -> Iterator[Callable[[], str]]:
    """The sentences, unwritten: a search for the right word takes 0.1 ms, and a document may have 100,000 keys."""
    for key, value in spec.items():
        if key not in used and key not in PLATFORM and not is_empty(value):
            yield partial(_of_the_spec, kind, key, used)
    for key, known in (("envs", VARIABLE), ("service_ports", PORT)):
        if key in used:
            for path, entry in _entries(spec, key):
                yield from _keys(entry, path, key, known)
    for path, entry in _entries(spec, "volumes"):
        yield from _keys(entry, path, "volumes", VOLUME)
        volume_type = str(entry.get("volume_type"))
        if volume_type in VOLUME_SPEC:
            yield from _keys(entry.get("spec"), f"{path}.spec", volume_type, VOLUME_SPEC[volume_type])
    yield from _keys(spec.get("source"), f"{ROOT}.source", "source", SOURCE)


def _of_the_spec(kind: str, key: str, used: frozenset[str]) -> str:
    path, others = f"{ROOT}.{key[:MAX_KEY]}", others_of(kind, key)
    if not others:
        return _sentence(path, kind, key, used)
    return f"{path} is not used by {kind}, only by {others}" + right_word(key, (), kind, of_the_kind=True)


def _keys(entry: Any, path: str, where: str, known: frozenset[str]) -> Iterator[Callable[[], str]]:
    for key, value in entry.items() if isinstance(entry, Mapping) else ():
        if key not in known and not is_empty(value):
            yield partial(_sentence, f"{path}.{key[:MAX_KEY]}", where, key, known)


def _entries(spec: Spec, key: str) -> Iterator[tuple[str, Spec]]:
    given = spec.get(key)
    for i, entry in enumerate(given if isinstance(given, list) else ()):
        if isinstance(entry, Mapping):
            yield f"{ROOT}.{key}[{i}]", entry


def _sentence(path: str, place: str, key: str, known: frozenset[str]) -> str:
    return f"{path} is not used by {place}{right_word(key, known, place)}"


def others_of(kind: str, key: str) -> str:
    """Kinds of the same runtime that use the key."""
    runtime = kind.partition("+")[0]
    return ", ".join(other for other, used in USED.items() if other.startswith(f"{runtime}+") and key in used)
