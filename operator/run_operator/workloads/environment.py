"""The container's environment: variables about the Run, then the document's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from run_operator.api.constants import LABEL_RUN_UID
from run_operator.api.run import Run
from run_operator.document.names import secret_name
from run_operator.workloads import fields
from run_operator.workloads.fields import InvalidSpecError

HOME: Final = "/tmp"  # noqa: S108 - the one folder that everybody may write to in nearly every image
USER: Final = "run"
RESERVED: Final = ("PROJECT_NAME", "RUN_ID", "RUN_NAME", "RUN_NAMESPACE", "RUN_UID", "RUN_ATTEMPT")

_OWN_UID: Final = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{LABEL_RUN_UID}']"}}


def environment(run: Run, attempt: int) -> tuple[list[dict[str, Any]], list[str]]:
    """The `env` list, and sentences about variables that have no effect."""
    values = {
        "PROJECT_NAME": run.project,
        "RUN_ID": run.id,
        "RUN_NAME": run.name,
        "RUN_NAMESPACE": run.namespace,
        "RUN_UID": run.uid,
        "RUN_ATTEMPT": str(attempt),
    }
    given = document_variables(run.spec)
    values |= {name: value for name, value in _user(run.spec).items() if name not in given}
    env: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in values.items()]
    if run.is_dispatched:  # MultiKueue compares the containers of two clusters, in which the Run has two uids
        env = [
            {"name": one["name"], "valueFrom": _OWN_UID} if one["name"] == "RUN_UID" else one for one in env
        ]
    warnings = []
    for name, value in given.items():
        if name in RESERVED:
            warnings.append(
                f"the environment variable {name} is set by the operator; the value of the document is ignored"
            )
        else:
            env.append({"name": name, "value": value})
    return env, warnings


def _user(spec: Mapping[str, Any]) -> dict[str, str]:
    """Variables that programs need where the image does not know their user: a writable home, and a name.

    `USER` is a likely key of a Secret that the document names, and a variable here would win over it.
    """
    return {"HOME": HOME, "LOGNAME" if spec.get("secrets") else "USER": USER}


def secret_sources(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`envFrom` for the Secrets named in `spec.secrets`: each key becomes a variable.

    Not optional: a Secret that is missing keeps the pod waiting, with a reason that names it. Names are made
    lower case with `-` for `_`, since Secrets cannot be named otherwise.
    """
    found = []
    for i, name in enumerate(fields.texts(spec, "secrets")):
        wanted = secret_name(name)
        if not fields.SUBDOMAIN.fullmatch(wanted):
            raise InvalidSpecError(f"{fields.ROOT}.secrets[{i}]", _no_secret(name))
        found.append({"secretRef": {"name": wanted}})
    return found


def _no_secret(name: str) -> str:
    """The problem of a name; a value in plain is not repeated."""
    variable, is_value, _ = name.partition("=")
    if not is_value:
        return f"{name[:80]!r} cannot be the name of a Secret"
    return (
        f"is {variable[:80]}=..., not the name of a Secret: a value that may be read goes to envs, a secret one into a Secret "
        "(kubectl create secret generic NAME --from-literal=KEY=VALUE), whose name is written here"
    )


def optional_source(secret: str) -> list[dict[str, Any]]:
    """`envFrom` for a Secret that an administrator may create in a project. The kubelet reads it, not the operator."""
    return [{"secretRef": {"name": secret, "optional": True}}] if secret else []


def document_variables(spec: Mapping[str, Any]) -> dict[str, str]:
    """The document's variables, name to value; of a name given twice the last one counts, as in a shell."""
    found: dict[str, str] = {}
    for i, item in enumerate(fields.items(spec, "envs")):
        path = f"{fields.ROOT}.envs[{i}]"
        entry = fields.checked_mapping(item, path)
        name = fields.required_text(entry, "name", path)
        if "=" in name or not name.isprintable():
            raise InvalidSpecError(f"{path}.name", f"{name[:80]!r} cannot name an environment variable")
        found[name] = fields.text(entry, "value", path) or ""
        fields.check_length(f"{name}={found[name]}", path)
    return found
