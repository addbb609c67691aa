"""Profiles: settings that an administrator offers by name (a GPU, a node pool, a queue), applied to a Run.

Resources, replicas and ports override the document's. Node selector, tolerations, volumes, labels, annotations and
environment are added; a variable of the document wins over the profile's. Affinity, priority and runtime class come from the
profile alone. The pull policy, the queue and the number of retries count where the Run names none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from run_operator.api.constants import GROUP, KUEUE_PREFIX
from run_operator.api.references import Profile
from run_operator.api.run import Run
from run_operator.document.errors import DocumentError
from run_operator.document.yaml_reader import Parsed, read
from run_operator.workloads import fields
from run_operator.workloads.builder import validate
from run_operator.workloads.fields import InvalidSpecError, UnresolvedError
from run_operator.workloads.scheduling import pairs
from run_operator.workloads.types import Options

OVERRIDING: Final = ("replicas", "service_ports", "service_type")
ALONE: Final = ("affinity", "priority_class", "runtime_class")
KNOWN: Final = (
    "resources", "volumes", "node_selector", "tolerations", "labels", "annotations", "envs", *OVERRIDING, *ALONE,
    "image_pull_policy", "backoff_limit",
)  # fmt: skip
MAX_BYTES: Final = 16 * 1024
MAX_RETRIES: Final = 1000
RESERVED: Final = (f"{GROUP}/", "app.kubernetes.io/")
_LABEL: Final = re.compile(
    r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


class InvalidProfileError(UnresolvedError):
    """The profile has a mistake: Runs that name it wait until an administrator mends it."""

    def __init__(self, name: str, source: Profile, problem: str, line: int | None = None) -> None:
        where = f"ConfigMap {source.source.namespace}/{source.source.name}, key {name}"
        at = f", line {line}" if line else ""
        super().__init__("InvalidProfile", f"the profile {name} cannot be used ({where}{at}): {problem}")


def profile_spec(name: str, profile: Profile) -> Mapping[str, Any]:
    """The profile's fields, checked as a Run's own would be. Raises InvalidProfileError."""
    data = profile.text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise InvalidProfileError(name, profile, f"it is larger than {MAX_BYTES} bytes")
    try:
        parsed = read(data)
    except DocumentError as error:
        raise InvalidProfileError(name, profile, str(error), error.line) from error
    if not isinstance(parsed.value, dict):
        raise InvalidProfileError(name, profile, "it is not a map", parsed.line())
    unknown = next((key for key in parsed.value if key not in KNOWN), None)
    if isinstance(parsed.value.get("profile"), dict):
        problem = (
            "this is a whole profile file of the platform, but the operator needs only the map under 'profile': "
            "make that alone the value of this key"
        )
        raise InvalidProfileError(name, profile, problem, parsed.line("profile"))
    if unknown is not None:
        problem = f"{unknown[:80]!r} is unknown; use one of {', '.join(KNOWN)}"
        raise InvalidProfileError(name, profile, problem, parsed.line(unknown))
    try:
        _check(parsed.value)
    except InvalidSpecError as error:
        field = error.field.removeprefix(f"{fields.ROOT}.")
        problem = str(error).removeprefix(f"{fields.ROOT}.")
        raise InvalidProfileError(name, profile, problem, _line(parsed, field)) from error
    return parsed.value


def apply(run: Run, name: str, profile: Mapping[str, Any]) -> tuple[Run, tuple[str, ...]]:
    """The Run with the profile applied, and sentences about fields of the document that it overrides."""
    spec, labels = dict(run.spec), pairs(profile, "labels", "name")
    dropped = _overridden(spec, profile)
    for key in ALONE:
        spec.pop(key, None)
    spec |= {key: profile[key] for key in (*OVERRIDING, *ALONE) if profile.get(key)}
    spec["resources"] = {**fields.mapping(spec, "resources"), **fields.mapping(profile, "resources")}
    spec["node_selector"] = pairs(spec, "node_selector", "key") | pairs(profile, "node_selector", "key")
    spec["tolerations"] = [*fields.items(spec, "tolerations"), *fields.items(profile, "tolerations")]
    spec["envs"] = [*fields.items(profile, "envs"), *fields.items(spec, "envs")]  # the last of a name counts
    spec["volumes"] = _volumes(spec, name, profile)
    if not spec.get("image_pull_policy") and profile.get("image_pull_policy"):
        spec["image_pull_policy"] = profile["image_pull_policy"]
    retries = run.policy.backoff_limit or fields.number(profile, "backoff_limit") or 0
    queue = {key: value for key, value in labels.items() if key.startswith(KUEUE_PREFIX)}
    made = replace(
        run,
        spec=spec,
        policy=replace(run.policy, backoff_limit=retries),
        labels={**queue, **run.labels},
        profile_labels=labels,
        profile_annotations=pairs(profile, "annotations", "name"),
    )
    warning = f"the document's {', '.join(dropped)}: the profile {name} decides"
    return made, (warning,) if dropped else ()


def _overridden(spec: Mapping[str, Any], profile: Mapping[str, Any]) -> list[str]:
    """Fields of the document to which the profile gives another value."""
    resources, own = fields.mapping(profile, "resources"), fields.mapping(spec, "resources")
    found = [f"resources.{key}" for key in resources if own.get(key) and own[key] != resources[key]]
    found += [key for key in OVERRIDING if spec.get(key) and profile.get(key) not in (None, spec[key])]
    return found + [key for key in ALONE if spec.get(key) and profile.get(key) != spec[key]]


def _volumes(spec: Mapping[str, Any], name: str, profile: Mapping[str, Any]) -> list[Any]:
    own, added = fields.items(spec, "volumes"), fields.items(profile, "volumes")
    for key in ("name", "mount_path"):
        taken = [
            entry.get(key) for entry in own if isinstance(entry, Mapping)
        ]  # of any type: not checked yet
        clash = next((entry.get(key) for entry in added if entry.get(key) in taken), None)
        if clash is not None:
            problem = f"{key} {str(clash)[:80]!r} is also used by a volume of the profile {name}: choose another one"
            raise InvalidSpecError(f"{fields.ROOT}.volumes", problem)
    return [*own, *added]


def _check(profile: Mapping[str, Any]) -> None:
    """Raises InvalidSpecError for whatever would make a Run of this profile impossible."""
    trial = Run.from_object({"spec": {"kind": "container+deploy:run", "spec": {**profile, "image": "x"}}})
    validate(trial, Options())
    retries = fields.number(profile, "backoff_limit")
    if retries is not None and not 0 <= retries <= MAX_RETRIES:
        raise InvalidSpecError(f"{fields.ROOT}.backoff_limit", f"{retries} is not 0 to {MAX_RETRIES}")
    for key, value in pairs(profile, "labels", "name").items():
        if key.startswith(RESERVED) or not _LABEL.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            problem = f"{key[:80]}: {value[:80]} cannot be a label of a Run's objects"
            raise InvalidSpecError(f"{fields.ROOT}.labels", problem)
    for key in pairs(profile, "annotations", "name"):
        if key.startswith(RESERVED) or not _LABEL.fullmatch(key):
            raise InvalidSpecError(
                f"{fields.ROOT}.annotations", f"{key[:80]} cannot be an annotation of a Run's pods"
            )


def _line(parsed: Parsed, field: str) -> int | None:
    """The line of the value at a path such as `volumes[0].name`, or of the nearest part around it."""
    steps = re.findall(r"\[(\d+)\]|([^.\[\]]+)", field)
    return parsed.line(*(int(index) if index else word for index, word in steps))
