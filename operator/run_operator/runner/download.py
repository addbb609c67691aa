"""Fetching a source that lies elsewhere: HTTP, S3, git."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

from . import s3
from .errors import INVALID_SOURCE, RunnerError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES = 512 << 20
"""Most bytes of one fetched file."""
SECONDS = 30.0
"""Without a byte, until a connection is given up."""
ALL_SECONDS = 600.0
"""For one file of a source, or one repository."""
CHUNK = 1 << 20
SHOWN = 400
WRAPPED = re.compile(r"\(Caused by \w+\([\"'](?:\w+\([^)]*\): )?(.+)[\"']\)\)$")
"""The end of what urllib3 says about a host that does not answer."""


def fetch(
    url: str, target: str, environ: Mapping[str, str], most: int = MAX_BYTES, seconds: float = ALL_SECONDS
) -> None:
    """The file at an http, https or s3 address; `most`: its bytes. Raises RunnerError."""
    request = s3.request(url, environ) if url.startswith("s3://") else http_request(url)
    deadline = time.monotonic() + seconds
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer, open(target, "wb") as file:  # noqa: S310
            size, whole = 0, answer.headers.get("Content-Length", "")
            while True:
                data = answer.read1(CHUNK)
                if not data:
                    break
                if time.monotonic() > deadline:
                    raise RunnerError(
                        INVALID_SOURCE, f"{shown(url)} did not arrive within {seconds:.0f} seconds"
                    )
                size += len(data)
                if size > most:
                    raise RunnerError(INVALID_SOURCE, f"{shown(url)} holds more than {most} bytes")
                file.write(data)
            if whole.isdecimal() and size < int(whole):
                raise RunnerError(INVALID_SOURCE, f"{shown(url)} broke off after {size} of {whole} bytes")
    except urllib.error.HTTPError as error:
        raise RunnerError(INVALID_SOURCE, f"{shown(url)} answers {error.code} {error.reason}") from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        raise RunnerError(INVALID_SOURCE, f"{shown(url)} cannot be fetched: {why}") from error


def http_request(url: str) -> urllib.request.Request:
    """GET of an http or https address; credentials in it go into a header, which no redirection takes along."""
    parts = urllib.parse.urlsplit(url)
    clean = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    request = urllib.request.Request(clean)  # noqa: S310 - the caller has looked at the scheme
    if parts.username:
        user, password = map(urllib.parse.unquote, (parts.username, parts.password or ""))
        encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {encoded}")
    return request


def clone(url: str, folder: str, environ: Mapping[str, str]) -> None:
    """A git repository, at the branch, tag or commit after `#`. Raises RunnerError.

    Only that one commit is fetched; a server that does not hand out commits by name gives all of it.
    """
    address, _, ref = url.partition("#")
    if ref.startswith("-") or not ref.isprintable():
        raise RunnerError(INVALID_SOURCE, f"{ref[:80]!r} is not a branch, tag or commit")
    address, secrets = credentials(address, environ)
    if secrets:
        _check_host(address, secrets)
    env = {**environ, **secrets, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    if shutil.which("git", path=environ.get("PATH")) is None:
        _without_git(address, ref, folder, secrets)
        return
    _git(["init", "--quiet", "."], folder, env, url)
    _git(["remote", "add", "origin", address], folder, env, url)
    try:
        _git(["fetch", "--quiet", "--depth", "1", "origin", ref or "HEAD"], folder, env, url)
        _git(["checkout", "--quiet", "--detach", "FETCH_HEAD"], folder, env, url)
    except RunnerError:  # a server without shallow copies, or one that hands out no commit by name
        _git(["fetch", "--quiet", "--tags", "origin", *([] if ref else ["HEAD"])], folder, env, url)
        found = _known(ref, folder, env) if ref else "FETCH_HEAD"
        _git(["checkout", "--quiet", "--detach", found], folder, env, url)


def credentials(address: str, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The address without credentials, and what hands them to git without a trace in its arguments or its folder.

    They are in the address, or in GIT_TOKEN, or in GIT_USERNAME and GIT_PASSWORD, as on the platform.
    """
    parts = urllib.parse.urlsplit(address)
    user = urllib.parse.unquote(parts.username or environ.get("GIT_USERNAME", ""))
    password = urllib.parse.unquote(parts.password or environ.get("GIT_PASSWORD", ""))
    token = environ.get("GIT_TOKEN", "")
    if token and not parts.username:
        oauth = token.startswith(("github_pat_", "glpat", "ghp_"))
        user, password = ("oauth2", token) if oauth else (token, "x-oauth-basic")
    clean = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if not user or not parts.scheme.startswith("http"):
        return clean, {}
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return clean, {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc.rpartition('@')[2]}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {encoded}",
    }


def _check_host(address: str, secrets: Mapping[str, str]) -> None:
    """Raises RunnerError where the host sends on to another one: git and dulwich would take the credentials along."""
    request = urllib.request.Request(f"{address.rstrip('/')}/info/refs?service=git-upload-pack")  # noqa: S310
    request.add_unredirected_header("Authorization", secrets["GIT_CONFIG_VALUE_0"].partition(": ")[2])
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            there = answer.url
    except urllib.error.HTTPError as error:
        there = error.url
    except (http.client.HTTPException, OSError, ValueError):
        return  # git says what is wrong
    asked, found = urllib.parse.urlsplit(address), urllib.parse.urlsplit(there)
    if (asked.scheme, asked.netloc) != (found.scheme, found.netloc):
        raise RunnerError(
            INVALID_SOURCE,
            f"{shown(address)} redirects to {found.scheme}://{found.netloc}, where the credentials are not sent: "
            "use that address in spec.source.source",
        )


def shown(url: str) -> str:
    """The address as it may be shown: without credentials and without a query, which may hold a signature."""
    parts = urllib.parse.urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit(parts._replace(netloc=netloc, query=""))[:200]


def _known(ref: str, folder: str, env: Mapping[str, str]) -> str:
    """A branch is known by the name it has at the origin; a commit and a tag by their own."""
    found = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"origin/{ref}"],
        cwd=folder, env=dict(env), capture_output=True, check=False,
    )  # fmt: skip
    return f"origin/{ref}" if found.returncode == 0 else ref


def _git(arguments: list[str], folder: str, env: Mapping[str, str], url: str) -> None:
    try:
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=never", "-c", "core.hooksPath=/dev/null", *arguments],
            cwd=folder, env=dict(env), capture_output=True, text=True, errors="replace", timeout=ALL_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RunnerError(
            INVALID_SOURCE, f"{shown(url)} was not fetched within {ALL_SECONDS:.0f} seconds"
        ) from error
    if done.returncode:
        said = " ".join(done.stderr.split())[-SHOWN:]
        raise RunnerError(INVALID_SOURCE, f"{shown(url)} cannot be fetched: {said or 'git failed'}")


def _without_git(address: str, ref: str, folder: str, secrets: Mapping[str, str]) -> None:
    """The same by the library dulwich, for images without git."""
    try:
        from dulwich import porcelain
    except ImportError as error:
        raise RunnerError(
            INVALID_SOURCE,
            "the source is a git repository, but the image has neither git nor dulwich",
        ) from error
    header = secrets.get("GIT_CONFIG_VALUE_0", "").rpartition(" ")[2]
    user, _, password = base64.b64decode(header).decode().partition(":")
    try:
        with (
            open(os.devnull, "wb") as nowhere,
            contextlib.closing(
                porcelain.clone(
                    address, folder, errstream=nowhere, username=user or None, password=password or None
                )
            ) as repository,
        ):
            if ref:
                porcelain.checkout(repository, _dulwich_ref(repository, ref))
    except Exception as error:
        raise RunnerError(INVALID_SOURCE, f"{shown(address)} cannot be fetched: {_said(error)}") from error


def _said(error: Exception) -> str:
    """The words of an error of dulwich; of one that urllib3 wrapped, the cause alone."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    cause = WRAPPED.search(text)
    return (cause[1] if cause else text)[:SHOWN]


def _dulwich_ref(repository: object, ref: str) -> str:
    refs = getattr(repository, "refs", {})
    remote = f"refs/remotes/origin/{ref}".encode()
    return refs[remote].decode() if remote in refs else ref
