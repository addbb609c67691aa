"""Credentials of a kubeconfig. Each field is obeyed as by kubectl or refused by name; no field is ignored silently."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from run_operator.api.raw import parse
from run_operator.client.errors import ClientError

CLUSTER_FIELDS: Final = frozenset({
    "server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority", "certificate-authority-data",
    "proxy-url", "disable-compression", "extensions",
})  # fmt: skip
"""Compression is never asked for, so that it may be disabled."""
USER_FIELDS: Final = frozenset({
    "client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile", "as", "as-uid",
    "as-groups", "as-user-extra", "username", "password", "auth-provider", "exec", "extensions",
})  # fmt: skip
CONTEXT_FIELDS: Final = frozenset({"cluster", "user", "namespace", "extensions"})
EXEC_FIELDS: Final = frozenset({
    "command", "args", "env", "apiVersion", "installHint", "provideClusterInfo", "interactiveMode",
})  # fmt: skip
PROVIDERS: Final = ("oidc", "gcp")
VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
EXTENSION: Final = "client.authentication.k8s.io/exec"
MODES: Final = ("Never", "IfAvailable", "Always")
MARGIN: Final = 10.0
"""Seconds before its end that a token is no longer used; of a short-lived one, half of its life."""
SHORTEST: Final = 1.0
"""Seconds that a token is used, also if its end has passed: no plugin is run for every request."""
REREAD: Final = 60.0
"""Seconds after which a token file is read again; the kubelet and others renew it."""


def check(what: str, given: Mapping[str, Any], known: frozenset[str]) -> None:
    """Check that no field would be ignored. Raises ClientError."""
    for key in given:
        if key not in known:
            raise ClientError(f"{what} has the field {key!r}, which is unknown; remove it")


def check_cluster(what: str, cluster: Mapping[str, Any]) -> None:
    """Check the entry of a cluster as kubectl does. Raises ClientError: credentials go only to a verified server, unless the entry says otherwise."""
    check(what, cluster, CLUSTER_FIELDS)
    named = [key for key in ("certificate-authority", "certificate-authority-data") if cluster.get(key)]
    if cluster.get("insecure-skip-tls-verify") and named:
        raise ClientError(f"{what} has insecure-skip-tls-verify and {named[0]}: only one is allowed")


def check_user(what: str, user: Mapping[str, Any]) -> None:
    """Check the entry of a user. Raises ClientError for fields that kubectl refuses, and for fields that are not supported here."""
    check(what, user, USER_FIELDS)
    provider = user.get("auth-provider") or {}
    if provider and provider.get("name") not in PROVIDERS:
        raise ClientError(
            f"{what} logs in by the auth-provider {provider.get('name')!r}, which is not supported; use an exec plugin"
        )
    token = bool(user.get("token") or user.get("tokenFile"))
    ways = [name for name, there in (("token", token), ("username", user.get("username"))) if there]
    if len(ways) > 1:
        raise ClientError(f"{what} has {' and '.join(ways)}: only one is allowed")
    if provider and user.get("exec"):
        raise ClientError(f"{what} has auth-provider and exec: only one is allowed")
    if not user.get("as") and any(user.get(key) for key in ("as-uid", "as-groups", "as-user-extra")):
        raise ClientError(f"{what} has as-groups, as-uid or as-user-extra without 'as', the name of the user")


def impersonation(user: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers by which the API server takes the caller for somebody else, if it may."""
    found = [("Impersonate-User", str(user["as"]))] if user.get("as") else []
    found += [("Impersonate-Uid", str(user["as-uid"]))] if user.get("as-uid") else []
    found += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    for key, values in (user.get("as-user-extra") or {}).items():
        name = f"Impersonate-Extra-{quote(str(key).lower(), safe='')}"
        found += [(name, str(value)) for value in values or ()]
    return found


class TokenFile:
    """A token in a file, which somebody renews. The last one that could be read stays."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._token = text
        self._read_at = -REREAD

    def authorization(self) -> str:
        """The header's value. Raises ClientError when nothing could ever be read."""
        if time.monotonic() >= self._read_at + REREAD:
            try:
                self._token = self._path.read_text().strip() or self._token
                self._read_at = time.monotonic()
            except OSError as error:
                if not self._token:
                    raise ClientError(f"the token file {self._path} cannot be read: {error}") from error
        return f"Bearer {self._token}"

    def reject(self) -> bool:
        """The API server refused it; the answer: there may be another one."""
        before, self._read_at = self._token, -REREAD
        with contextlib.suppress(ClientError):
            self.authorization()
        return self._token != before


class ExecPlugin:
    """A command that logs in, as kubectl runs it. Its answer is kept until it expires, or until the API server refuses it.

    May be shared by threads. Raises ClientError.
    """

    def __init__(
        self, who: str, spec: Mapping[str, Any], folder: Path, cluster: Mapping[str, Any] | None
    ) -> None:
        check(f"the exec plugin of {who}", spec, EXEC_FIELDS)
        self._who = who
        self._version = str(spec.get("apiVersion") or "")
        self._command = str(spec.get("command") or "")
        self._mode = str(spec.get("interactiveMode") or "IfAvailable")
        if self._version not in VERSIONS or not self._command or self._mode not in MODES:
            raise ClientError(
                f"the exec plugin of {who} needs a command, an apiVersion of {' or '.join(VERSIONS)}, and an "
                f"interactiveMode of {', '.join(MODES)}"
            )
        if "/" in self._command and not Path(self._command).is_absolute():
            self._command = str(folder / self._command)
        self._arguments = [str(one) for one in spec.get("args") or ()]
        self._variables = {str(one["name"]): str(one.get("value", "")) for one in spec.get("env") or ()}
        self._hint = str(spec.get("installHint") or "").strip()
        self._cluster = cluster if spec.get("provideClusterInfo") else None
        self._turn = threading.Lock()
        self._answer: Mapping[str, Any] = {}
        self._until = -1.0
        self._ran = -1.0

    def answer(self) -> Mapping[str, Any]:
        """The `status` of its ExecCredential: `token`, or certificate and key, or both."""
        with self._turn:
            if not self._answer or time.monotonic() >= self._until:
                self._answer = self._run()
                self._ran = time.monotonic()
                self._until = self._ran + self._life()
            return self._answer

    def authorization(self) -> str:
        """The header's value; none where it logs in by a certificate."""
        token = self.answer().get("token")
        return f"Bearer {token}" if token else ""

    def reject(self) -> bool:
        """The API server refused it; the answer: there may be another one."""
        with self._turn:
            fresh = time.monotonic() - self._ran < SHORTEST
            if not fresh:
                self._answer = {}
            return not fresh

    def _life(self) -> float:
        end = parse(self._answer.get("expirationTimestamp"))
        if end is None:
            return float("inf")
        left = end - time.time()
        return max(SHORTEST, left - min(MARGIN, left / 2))

    def _run(self) -> Mapping[str, Any]:
        interactive = self._mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
        if self._mode == "Always" and not interactive:
            raise ClientError(
                f"the login of {self._who} asks questions (interactiveMode: Always), and there is no terminal"
            )
        spec: dict[str, Any] = {"interactive": interactive}
        if self._cluster is not None:
            spec["cluster"] = self._cluster
        asked = {"apiVersion": self._version, "kind": "ExecCredential", "spec": spec}
        try:
            done = subprocess.run(
                [self._command, *self._arguments],
                env=os.environ | self._variables | {"KUBERNETES_EXEC_INFO": json.dumps(asked)},
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,  # what it says on standard error is for the person
                check=False,
            )
        except OSError as error:
            hint = f"; {self._hint}" if self._hint else ""
            raise ClientError(
                f"the login of {self._who} failed: {self._command}: {error.strerror}: the command that this kubeconfig "
                f"names cannot be run{hint}"
            ) from error
        return self._understood(done.returncode, done.stdout)

    def _understood(self, code: int, output: bytes) -> Mapping[str, Any]:
        failed = f"the login of {self._who} failed: {self._command}"
        if code:
            raise ClientError(f"{failed} ended with code {code}; read its output, and log in again")
        try:
            found = json.loads(output)
        except ValueError as error:
            raise ClientError(f"{failed}: its output is not JSON: {error}") from error
        if not isinstance(found, dict) or found.get("kind") != "ExecCredential":
            raise ClientError(f"{failed}: its output is not an ExecCredential")
        if found.get("apiVersion") != self._version:
            raise ClientError(
                f"{failed}: its answer has the apiVersion {found.get('apiVersion')!r}, not {self._version}"
            )
        status = found.get("status") or {}
        pair = [bool(status.get(key)) for key in ("clientCertificateData", "clientKeyData")]
        if pair[0] != pair[1] or not (status.get("token") or pair[0]):
            raise ClientError(f"{failed}: its answer has neither a token nor a certificate with its key")
        return dict(status)


def cluster_info(cluster: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The cluster as a plugin with `provideClusterInfo` gets it."""
    plain = {
        key: value for key, value in cluster.items() if key not in ("extensions", "certificate-authority")
    }
    file = cluster.get("certificate-authority")
    if file and not plain.get("certificate-authority-data"):
        plain["certificate-authority-data"] = base64.b64encode((folder / str(file)).read_bytes()).decode()
    for one in cluster.get("extensions") or ():
        if one.get("name") == EXTENSION:
            plain["config"] = one.get("extension")
    return plain


def written(text: str) -> str:
    """The name of a file with this text, for the owner alone, until the program ends."""
    with tempfile.NamedTemporaryFile("w", prefix="runctl-", suffix=".pem", delete=False) as file:
        file.write(text)
    _WRITTEN.append(Path(file.name))
    return file.name


_WRITTEN: Final[list[Path]] = []


def remove_written() -> None:
    """At the end of the program."""
    while _WRITTEN:
        _WRITTEN.pop().unlink(missing_ok=True)
