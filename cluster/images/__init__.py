"""The images of the throw-away cluster, under the names that exports use: exports run unmodified, with no registry."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.build import build
from cluster.errors import ClusterError
from cluster.images import archive, operator, python_runtime, rootfs
from cluster.images.archive import Config, Layer
from cluster.locks import alone
from cluster.paths import REPOSITORY, SOURCE, cache
from cluster.progress import step

OWN: Final = "run-operator.local"
PAUSE: Final = f"{OWN}/pause:1"
COREDNS: Final = f"{OWN}/coredns:1"
PROVISIONER: Final = f"{OWN}/local-path-provisioner:1"
OPERATOR: Final = f"{OWN}/run-operator:dev"
PYTHON_RUNTIME: Final = f"{OWN}/python-runtime"
BUILDER: Final = f"{OWN}/builder:1"
BUILDER_PACKAGES: Final = "buildah,skopeo"
UNUSED_SECONDS: Final = 3600
BUSYBOX: Final = "docker.io/library/busybox:1.36"


@dataclass(frozen=True)
class Image:
    """`layers` makes the content; `inputs` are the files it depends on besides this package's own sources."""

    name: str
    references: Sequence[str]
    config: Config
    layers: Callable[[], list[bytes]]
    inputs: Callable[[], Iterable[Path]] = tuple
    on_demand: bool = False
    """Large, so made and loaded only where it is named."""


def catalogue() -> list[Image]:
    """All images."""
    return [
        Image("pause", [PAUSE], Config(entrypoint=("/pause",), user="65535"), lambda: [_program("extras", "pause")]),
        Image(
            "busybox",
            _tags("docker.io/library/busybox", "1.36", "1.36.1", "1.37", "stable", "latest"),
            Config(command=("sh",)),
            lambda: [rootfs.busybox()],
        ),
        Image(
            "python",
            _tags("docker.io/library/python", *(f"3.{minor}{kind}" for minor in (11, 12, 13) for kind in ("", "-slim")),
                  "3", "3-slim", "slim", "latest"),
            Config(command=("python3",)),
            lambda: [rootfs.python()],
        ),
        Image(
            "http-echo",
            _tags("docker.io/hashicorp/http-echo", "0.2.3", "1.0", "1.0.0", "latest"),
            Config(entrypoint=("/http-echo",), user="65532"),
            lambda: [_program("extras", "http-echo")],
        ),
        Image("coredns", [COREDNS], Config(entrypoint=("/coredns",)), lambda: [_program("coredns", "coredns")]),
        Image(
            "local-path-provisioner",
            [PROVISIONER],
            Config(entrypoint=("/local-path-provisioner",)),
            lambda: [_program("storage", "local-path-provisioner")],
        ),
        Image(
            "run-operator",
            [OPERATOR],
            Config(entrypoint=("python3", "-m", "run_operator"), user="65532", env=operator.ENVIRONMENT),
            lambda: [rootfs.python(python_runtime.LIBRARIES), operator.wheels(), operator.code()],
            operator.inputs,
        ),
        Image(
            "python-runtime",
            _tags(PYTHON_RUNTIME, *(f"3.{minor}" for minor in range(9, 14))),
            Config(command=("python3",), user="1000", env=("HOME=/tmp",)),
            lambda: [rootfs.python(python_runtime.LIBRARIES), python_runtime.packages()],
            python_runtime.inputs,
            on_demand=True,
        ),
        Image(
            "builder",
            [BUILDER],
            Config(command=("python3",), user="1000", env=("HOME=/tmp",)),
            lambda: [rootfs.python(BUILDER_PACKAGES)],
            on_demand=True,
        ),
    ]  # fmt: skip


def ensure(names: Iterable[str] | None = None) -> list[Path]:
    """The archives of the named images (None: all but those on demand), made first if need be. Raises ClusterError."""
    known = {image.name: image for image in catalogue()}
    wanted = (
        list(names) if names is not None else [name for name, image in known.items() if not image.on_demand]
    )
    for name in wanted:
        if name not in known:
            raise ClusterError(f"there is no image {name}; known are {', '.join(known)}")
    return [_archive(known[name]) for name in wanted]


def _archive(image: Image) -> Path:
    target = cache() / "images" / f"{image.name}-{_digest(image)}.tar"
    if target.exists():
        target.touch()  # in use: another checkout that makes its own image leaves it
        return target
    with alone(target.parent / f"{image.name}.lock"):  # a second one waits and finds the work done
        if not target.exists():
            with step(f"making the image {image.name}"):
                archive.write(target, image.references, image.config, image.layers())
            forget_unused(image.name, target)
    return target


def _digest(image: Image) -> str:
    """By content: this package, the Go sources, the image's own inputs."""
    found = hashlib.sha256(repr((image.references, image.config)).encode())
    sources = sorted(Path(__file__).parent.glob("*.py"))
    if image.name != "run-operator":
        sources += sorted(path for path in (SOURCE / "go").rglob("go.sum"))
        sources += sorted((SOURCE / "go").rglob("*.go"))
    for path in [*sources, *image.inputs()]:
        found.update(path.relative_to(REPOSITORY).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def forget_unused(name: str, target: Path) -> None:
    """Remove archives that nobody has used for an hour. Another checkout may be loading a newer one."""
    oldest = time.time() - UNUSED_SECONDS
    for path in target.parent.glob(f"{name}-*.tar"):
        with contextlib.suppress(FileNotFoundError):
            if path != target and path.stat().st_mtime < oldest:
                path.unlink()


def _program(module: str, name: str) -> bytes:
    """A layer with one static program at the top, and a /tmp."""
    layer = Layer()
    layer.folder("tmp", 0o1777)
    layer.file("etc/passwd", rootfs.USERS)
    layer.file(name, (build(module) / name).read_bytes(), 0o755)
    return layer.tar()


def _tags(repository: str, *tags: str) -> list[str]:
    return [f"{repository}:{tag}" for tag in tags]
