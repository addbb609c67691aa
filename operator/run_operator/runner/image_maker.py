"""`build` makes an image of a Containerfile and its context, `push` brings it to a registry: two containers of one pod.

Only `push` has the registry's credentials. Commands of a Containerfile, which run in `build`, cannot reach them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from .archive import inside
from .errors import BUILD_FAILED, PUSH_FAILED, REGISTRY_UNAUTHORIZED, RunnerError
from .user_namespace import ACTION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENV_FOLDER = "RUN_BUILD_FOLDER"
FOLDER = "/build"
"""A volume of the pod that both containers mount."""
ENV_LOGINS, ENV_AUTHORITY = "RUN_BUILD_LOGINS", "RUN_BUILD_AUTHORITY"
"""From the Secrets of the administrator: each container has its own."""
LINE = 65_536
"""Bytes of a line of a program's output that are read at once."""
KEPT_WORDS = 300
SHOWN_STEP = 150
"""Characters: a reason of the operator has 400."""
INSTALLER = re.compile(r"(PIP|UV)_[A-Z0-9_]+")
"""Variables of pip and uv, which the installation of requirements gets as a file and the image never has."""
STEP = re.compile(r"(?:\[[^\]]*\] )?(STEP \d+/\d+: .*)")
PROGRESS = re.compile(
    r"subprocess exited with status|error building at STEP|Error: (error )?building at STEP|Getting image source|"
    r"Copying (blob|config)|Trying to pull|Writing manifest|Storing signatures"
)
"""Lines of the output that do not explain a failure."""
LOGGED = re.compile(r'time="[^"]*" level=\w+ msg="(.*)"')
EXIT_STATUS = re.compile(r"exit status \d+$")
UNAUTHORIZED = re.compile(
    r"unauthorized|authentication required|access denied|requested access to the resource is denied|"
    r"invalid username/password|\b40[13]\b",
    re.IGNORECASE,
)
Started = Callable[[Any], None]


class Order(NamedTuple):
    """The image to build, from the operator's document."""

    containerfile: str
    files: Mapping[str, str]
    """Texts that are put into the context, by name."""
    image: str
    """Name and tag in the registry."""
    plain_http: str
    """A registry without TLS; empty: none is."""
    in_place: bool
    """Whether files of the context are in the working folder already."""

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> Order:
        """From the `build` of the runner's document."""
        given = run.get("build") or {}
        return cls(
            given["containerfile"],
            given.get("files") or {},
            given["image"],
            given.get("plain_http", ""),
            bool(given.get("in_place")),
        )


def build(order: Order, context: str, started: Started) -> None:
    """An OCI layout in the pod's volume. Raises RunnerError."""
    for name, text in order.files.items():
        with open(inside(context, name), "w", encoding="utf-8") as file:
            file.write(text)
    folder = _prepared(os.environ.get(ENV_FOLDER, FOLDER))
    containerfile, installer = os.path.join(folder, "Containerfile"), os.path.join(folder, "installer")
    _write(containerfile, order.containerfile)
    _write(installer, _installer(os.environ))
    print(order.containerfile, flush=True)
    storage = ["--root", f"{folder}/store", "--runroot", f"{folder}/state", "--storage-driver", "vfs",
               "--storage-opt", "vfs.ignore_chown_errors=true"]  # fmt: skip
    secrets = tempfile.mkdtemp(prefix="registry-")
    environment = _environment(folder, order.plain_http, secrets)
    one_user = [sys.executable, "-u", sys.argv[0], ACTION]
    _run(
        [*one_user, "buildah", *storage, "build", "--isolation", "chroot", "--network", "host", "--layers=false", "--format", "oci",
         "--timestamp", "0", "--secret", f"id=installer,src={installer}", "--file", containerfile, "--tag", "localhost/built:1",
         *_certificates("--cert-dir", secrets), context],
        environment, started, BUILD_FAILED,
    )  # fmt: skip
    _run(
        [*one_user, "buildah", *storage, "push", "--quiet", "localhost/built:1", f"oci:{folder}/image:1"],
        environment, started, BUILD_FAILED,
    )  # fmt: skip
    shutil.rmtree(os.path.join(folder, "store"), ignore_errors=True)


def push(order: Order, started: Started) -> str:
    """The image with its digest, once the registry has it. Raises RunnerError."""
    folder = os.environ.get(ENV_FOLDER, FOLDER)
    secrets = tempfile.mkdtemp(prefix="registry-")
    # Not in the volume: a file that a build has left in its home would configure skopeo.
    environment = _environment(_prepared(os.path.join(secrets, "work")), order.plain_http, secrets)
    digest_file = os.path.join(secrets, "digest")
    _run(
        ["skopeo", "copy", *(["--dest-tls-verify=false"] if order.plain_http else []), "--retry-times", "3", "--digestfile", digest_file,
         *_certificates("--dest-cert-dir", secrets), f"oci:{folder}/image:1", f"docker://{order.image}"],
        environment, started, PUSH_FAILED,
    )  # fmt: skip
    with open(digest_file, encoding="ascii") as file:
        digest = file.read().strip()
    return f"{order.image.rpartition(':')[0]}@{digest}"


def _run(command: Sequence[str], environment: Mapping[str, str], started: Started, reason: str) -> None:
    """Show what the program says; where it fails, the instruction it was at and its last words. Raises RunnerError."""
    step = words = status = ""
    with subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        started(process)
        assert process.stdout is not None  # noqa: S101 - it was asked for
        while line := process.stdout.readline(LINE).decode("utf-8", "replace"):
            print(line, end="", flush=True)
            text = " ".join(line.split())
            if found := STEP.match(text):
                step, words = found[1], ""
            elif PROGRESS.match(text):
                ended = EXIT_STATUS.search(text)
                status = f"{ended[0]}: " if ended else status
            elif text:
                logged = LOGGED.match(text)
                words = f"{words} {logged[1] if logged else text}"[-KEPT_WORDS:]
    if process.returncode == 0:
        return
    reading = reason == PUSH_FAILED or not step or ": FROM " in step
    if reading and UNAUTHORIZED.search(words):
        reason = REGISTRY_UNAUTHORIZED
    said = status + (words.strip() or f"the builder exited with code {process.returncode}")
    said = said.replace(f"{BUILD_FAILED}: ", "")  # of the process that could not make its namespace
    raise RunnerError(reason, f"{step[:SHOWN_STEP]}: {said}" if step else said)


def _prepared(folder: str) -> str:
    for name in ("tmp", "home"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    return folder


def _environment(folder: str, plain_http: str, secrets: str) -> dict[str, str]:
    """PATH and the proxies of this container, and no other variable: the Containerfile sees none of them."""
    passed = {
        name: value for name, value in os.environ.items() if name == "PATH" or name.upper().endswith("_PROXY")
    }
    registries = os.path.join(folder, "registries.conf")
    lines = ['unqualified-search-registries = ["docker.io"]']
    if plain_http:
        lines += ["[[registry]]", f"location = {json.dumps(plain_http)}", "insecure = true"]
    _write(registries, "\n".join(lines) + "\n")
    logins = os.environ.get(ENV_LOGINS)
    login_file = os.path.join(secrets, "logins.json")
    if logins:
        _write(login_file, logins)
    return {
        **passed,
        "HOME": os.path.join(folder, "home"),
        "XDG_RUNTIME_DIR": os.path.join(folder, "home"),
        "TMPDIR": os.path.join(folder, "tmp"),
        "CONTAINERS_REGISTRIES_CONF": registries,
        "_CONTAINERS_USERNS_CONFIGURED": "1",
        **({"REGISTRY_AUTH_FILE": login_file} if logins else {}),
    }


def _certificates(flag: str, secrets: str) -> list[str]:
    """A folder with the certificate authority of the registry alone, where the Secret has one."""
    authority = os.environ.get(ENV_AUTHORITY)
    if not authority:
        return []
    target = os.path.join(secrets, "authorities")
    os.makedirs(target)
    _write(os.path.join(target, "ca.crt"), authority)
    return [flag, target]


def _installer(environ: Mapping[str, str]) -> str:
    """Shell lines that export the installer's variables, to be read before requirements are installed."""
    chosen = sorted((name, value) for name, value in environ.items() if INSTALLER.fullmatch(name))
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in chosen)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
