"""Installing what the function asks for, into a folder of this attempt alone."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Callable

from .errors import REQUIREMENTS_FAILED, RunnerError
from .masking import masked

if TYPE_CHECKING:
    from collections.abc import Sequence

PARSERS = ("packaging.requirements", "pip._vendor.packaging.requirements")
KEPT_LINES, KEPT_BYTES = 12, 1200
"""Last bytes of an installer's output, for the message of a failure."""
CAUSE = re.compile(r"^(?:cause|Caused by): ")
UNREACHED = re.compile(
    r"dns error|client error \(Connect\)|NewConnectionError|NameResolutionError|ConnectTimeoutError"
)
"""Words of uv and pip where the index does not answer."""


def install(requirements: Sequence[str], folder: str, started: Callable[[Any], None]) -> bool:
    """Install into the folder with uv, else with pip; False: the image has all of it already.

    Python looks into the folder before the image, so a version that is asked for wins. `started` gets the process of
    the installer, so that a stop can end it. Raises RunnerError.
    """
    if not requirements or all(_satisfied(line) for line in requirements):
        return False
    import subprocess

    os.makedirs(folder, exist_ok=True)
    listed = os.path.join(folder, "requirements.txt")
    with open(listed, "w", encoding="utf-8") as file:
        file.write("\n".join(requirements) + "\n")
    print(f"installing {masked(', '.join(requirements))[:400]}", flush=True)
    process = subprocess.Popen(
        [*_installer(), "--target", folder, "--requirement", listed],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    started(process)
    last: deque[str] = deque(maxlen=KEPT_LINES)
    for line in map(masked, process.stdout or ()):
        sys.stdout.write(line)
        if line.strip():
            last.append(" ".join(line.split()))
    sys.stdout.flush()
    if process.wait():
        raise RunnerError(REQUIREMENTS_FAILED, summary(list(last)) or "the installer wrote no message")
    return True


def summary(lines: Sequence[str]) -> str:
    """The end of an installer's output as one line: its last error, with the causes that uv writes below it."""
    errors = [i for i, line in enumerate(lines) if line.lower().startswith("error: ")]
    text = ""
    for line in lines[errors[-1] :] if errors else lines:
        cause = CAUSE.match(line)
        text += f": {line[cause.end() :]}" if cause else f" {line}"
    said = text.strip()
    if errors:
        said = said[len("error: ") :]
    if any(UNREACHED.search(line) for line in lines):
        said = f"no index was reached; name one in UV_INDEX_URL and PIP_INDEX_URL (docs/python.md): {said}"
    return said[:KEPT_BYTES]


def _installer() -> list[str]:
    """The command that installs. `uv` needs no cache where nobody named one: a pod's is gone with it."""
    uv = shutil.which("uv")
    if uv or importlib.util.find_spec("uv"):
        cache = [] if os.environ.get("UV_CACHE_DIR") else ["--no-cache"]
        start = [uv] if uv else [sys.executable, "-m", "uv"]
        return [*start, "pip", "install", "--quiet", "--python", sys.executable, *cache]
    if importlib.util.find_spec("pip"):
        cache = [] if os.environ.get("PIP_CACHE_DIR") else ["--no-cache-dir"]
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *cache]
    raise RunnerError(REQUIREMENTS_FAILED, "the image has neither uv nor pip to install them")


def _satisfied(line: str) -> bool:
    """Whether the image has it. Extras, URLs and options are left to the installer."""
    parser = _parser()
    if parser is None:
        return False
    from importlib import metadata

    try:
        wanted = parser(line.partition(" #")[0])
        if wanted.url or wanted.extras:
            return False
        if wanted.marker is not None and not wanted.marker.evaluate():
            return True
        return bool(wanted.specifier.contains(metadata.version(wanted.name), prereleases=True))
    except (ValueError, metadata.PackageNotFoundError):
        return False


def _parser() -> Any:
    found = next((name for name in PARSERS if importlib.util.find_spec(name.partition(".")[0])), None)
    try:
        return importlib.import_module(found).Requirement if found else None
    except ImportError:
        return None
