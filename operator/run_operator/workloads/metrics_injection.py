"""The parts that a pod needs to report metrics: the module, a token for this Run, a folder for the spool, an address."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Mapping
from typing import Any, Final

from run_operator.api import pod_contract as names
from run_operator.api.run import Run
from run_operator.workloads import fields
from run_operator.workloads.environment import document_variables
from run_operator.workloads.fields import InvalidSpecError
from run_operator.workloads.source import KEY
from run_operator.workloads.types import Options
from run_operator.workloads.volumes import Volumes, below, mount_of, volumes

OURS: Final = (names.ENV_URL, names.ENV_TOKEN_FILE, names.ENV_AUTHORITY_FILE)
"""Variables a document cannot set: they say where the token of this Run may go."""
OFF: Final = ("off", "false", "no", "0")
SPOOL_LIMIT: Final = "512Mi"
"""Size of the emptyDir: twice what the module keeps there, because a pod beyond it is evicted."""
WORLD_READABLE: Final = 0o444
"""File mode of the module and the authority. The kubelet gives the token 0640 with the pod's fsGroup."""
FLUSH_SECONDS: Final = 10
"""For the last flush after SIGTERM; less where the grace period is short."""


def add_reporting(
    run: Run,
    options: Options,
    env: list[dict[str, Any]],
    mounted: Volumes,
    document: str = "",
    *,
    with_runner: bool = False,
) -> list[str]:
    """Add variables to `env` and volumes to `mounted`, unless the operator or the document says no.

    `document`: the ConfigMap with what the runner reads; then the runner is mounted whatever the document says of
    metrics; `with_runner`: it is needed without a document. The answer: what of the document is not applied. Raises InvalidSpecError where a volume hides the module.
    """
    given = document_variables(run.spec)
    if options.ingest_url is None:
        return []
    if _off(given):
        if document or with_runner:
            _refuse_hidden_folder(mounted)
            _mount_handed(run, options, mounted, document, with_sdk=False, with_runner=with_runner)
        return []
    _refuse_hidden_folder(mounted)
    variables = {
        names.ENV_URL: options.ingest_url.rstrip("/") + names.path(run.namespace, run.name),
        names.ENV_TOKEN_FILE: names.TOKEN_FILE,
        names.ENV_AUTHORITY_FILE: names.AUTHORITY_FILE,
        **_sigterm_timeout(run, given),
        "PYTHONPATH": ":".join(filter(None, (given.get("PYTHONPATH"), names.MODULE_FOLDER))),
    }
    sdk = _sdk(run, options, given)
    _set(env, variables | sdk)
    _mount_handed(run, options, mounted, document, with_sdk=bool(sdk), with_runner=with_runner)
    _mount_scratch(_folder(given), mounted)
    return [
        f"the environment variable {name} is set by the operator; the value of the document is ignored"
        for name in OURS
        if name in given
    ]


def spool_location(run: Run) -> str:
    """A sentence about where the pod keeps every value; empty for a Run that reports nothing.

    For `status.metricsIngest.fullResolution`. Raises InvalidSpecError for a document that cannot be built.
    """
    given = document_variables(run.spec)
    if _off(given):
        return ""
    folder = _folder(given)
    files = f"{folder.rstrip('/')}/*.jsonl"
    mounted = volumes(run)
    mount = mount_of(folder, mounted.mounts)
    source = next((v for v in mounted.volumes if mount and v["name"] == mount["name"]), {})
    if mount is None or "persistentVolumeClaim" not in source:
        return f"{files} in the pod: gone with it, unless {names.ENV_SPOOL_FOLDER} names a folder on a claim"
    claim = source["persistentVolumeClaim"]["claimName"]
    owned = any(body["metadata"]["name"] == claim for body in mounted.claims)
    inside = posixpath.join("/", mount.get("subPath", ""), below(folder, mount["mountPath"]) or "")
    kept = "kept until the Run is deleted" if owned else "outlives the Run"
    return f"{files}, that is {inside.rstrip('/')}/*.jsonl of the claim {claim}: {kept}"


def _folder(given: Mapping[str, str]) -> str:
    return given.get(names.ENV_SPOOL_FOLDER) or names.SPOOL_FOLDER


def _set(env: list[dict[str, Any]], variables: Mapping[str, str]) -> None:
    """Set variables: in place where the document has them, since later ones may refer to them; others at the end."""
    values = dict(variables)
    for item in env:
        if item["name"] in values:
            item["value"] = values.pop(item["name"])
    env.extend({"name": name, "value": value} for name, value in values.items())


def _sdk(run: Run, options: Options, given: Mapping[str, str]) -> dict[str, str]:
    """Variables with the SDK's API address, unless the document names another one.

    A Secret of the document may name one too. The operator cannot see that: then the module in the pod,
    which sees it, decides.
    """
    if (
        not options.pod_api_url
        or given.get(names.ENV_DHCORE_ENDPOINT)
        or _is_off(given.get(names.ENV_SDK_SWITCH))
    ):
        return {}
    url = options.pod_api_url.rstrip("/")
    found = {names.ENV_SDK_ENDPOINT: url}
    return found if run.spec.get("secrets") else found | {names.ENV_DHCORE_ENDPOINT: url}


def _mount_scratch(folder: str, mounted: Volumes) -> None:
    if below(folder, names.SPOOL_FOLDER) is not None and mount_of(names.SPOOL_FOLDER, mounted.mounts) is None:
        scratch = {"emptyDir": {"sizeLimit": SPOOL_LIMIT}}
        mounted.add(_free("run-metrics", mounted), scratch, names.SPOOL_FOLDER)


def _mount_handed(
    run: Run, options: Options, mounted: Volumes, document: str, *, with_sdk: bool, with_runner: bool
) -> None:
    runner = with_runner or bool(document)
    handed = _handed(run, options.module_config_map, document, with_sdk=with_sdk, with_runner=runner)
    mounted.add(_free("run-operator", mounted), handed, names.FOLDER, readOnly=True)


def _handed(run: Run, module: str, document: str, *, with_sdk: bool, with_runner: bool) -> dict[str, Any]:
    """The projected volume. Its ConfigMaps are required: a pod waits for them instead of failing at its import."""
    modules = [
        {"key": key, "path": below(f"{names.MODULE_FOLDER}/{key}", names.FOLDER)}
        for key in (names.MODULE_KEY, names.SITE_KEY)[: 2 if with_sdk else 1]
    ]
    if with_runner:
        modules.append({"key": names.RUNNER_KEY, "path": below(names.RUNNER_FILE, names.FOLDER)})
    authority = {"key": names.AUTHORITY_KEY, "path": below(names.AUTHORITY_FILE, names.FOLDER)}
    token = {
        "audience": names.audience(run.uid),
        "expirationSeconds": names.TOKEN_SECONDS,
        "path": below(names.TOKEN_FILE, names.FOLDER),
    }
    sources: list[dict[str, Any]] = [
        {"configMap": {"name": module, "items": modules}},
        {"configMap": {"name": names.CONFIG_MAP, "items": [authority]}},
        {"serviceAccountToken": token},
    ]
    if document:
        item = {"key": KEY, "path": below(names.DOCUMENT_FILE, names.FOLDER)}
        sources.append({"configMap": {"name": document, "items": [item]}})
    return {"projected": {"defaultMode": WORLD_READABLE, "sources": sources}}


def _sigterm_timeout(run: Run, given: Mapping[str, str]) -> dict[str, str]:
    """A variable that leaves the program a part of a short grace period; none where the module's default is right.

    Not the document's variable: that would bound the end of a program without a SIGTERM too.
    """
    seconds = max(1, run.policy.termination_grace_period * 2 // 3)
    chosen = given.get(names.ENV_FLUSH_TIMEOUT) or given.get(names.ENV_SIGTERM_TIMEOUT)
    if chosen or seconds >= FLUSH_SECONDS:
        return {}
    return {names.ENV_SIGTERM_TIMEOUT: str(seconds)}


def _refuse_hidden_folder(mounted: Volumes) -> None:
    for i, mount in enumerate(mounted.mounts):  # the document's own come first
        if below(mount["mountPath"], names.FOLDER) is not None:
            raise InvalidSpecError(
                f"{fields.ROOT}.volumes[{i}].mount_path",
                f"{mount['mountPath']!r} is used by the operator for metrics; mount the volume "
                f"elsewhere, or set {names.ENV_SWITCH}=off in {fields.ROOT}.envs",
            )


def _off(given: Mapping[str, str]) -> bool:
    return _is_off(given.get(names.ENV_SWITCH))


def _is_off(value: str | None) -> bool:
    return (value or "").strip().lower() in OFF


def _free(wanted: str, mounted: Volumes) -> str:
    """A volume name that the document does not use."""
    taken = {volume["name"] for volume in mounted.volumes}
    names = itertools.chain((wanted,), (f"{wanted}-{i}" for i in itertools.count(1)))
    return next(name for name in names if name not in taken)
