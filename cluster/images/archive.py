"""Image archives in the docker-archive format, written by hand: deterministic, no container engine needed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

EPOCH: Final = "1970-01-01T00:00:00Z"
PATH_VARIABLE: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Config:
    """How a container of the image starts."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    env: tuple[str, ...] = ()

    def to_json(self, digests: Sequence[str]) -> dict[str, Any]:
        """The image's configuration file."""
        config: dict[str, Any] = {"Env": [PATH_VARIABLE, *self.env]}
        for key, value in (("Entrypoint", self.entrypoint), ("Cmd", self.command)):
            if value:
                config[key] = list(value)
        if self.user:
            config["User"] = self.user
        return {
            "architecture": "amd64",
            "os": "linux",
            "created": EPOCH,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
            "history": [{"created": EPOCH, "created_by": "run-operator cluster"} for _ in digests],
        }


@dataclass
class Layer:
    """Files of one layer; parents of a file are made by themselves."""

    entries: dict[str, tuple[tarfile.TarInfo, bytes]] = field(default_factory=dict)

    def folder(self, path: str, mode: int = 0o755) -> None:
        """A folder and its parents."""
        clean = path.strip("/")
        if not clean or clean in self.entries:
            return
        self.folder(os.path.dirname(clean))  # noqa: PTH120 - a path inside the image
        info = tarfile.TarInfo(clean)
        info.type, info.mode = tarfile.DIRTYPE, mode
        self.entries[clean] = (info, b"")

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """A regular file."""
        clean = path.strip("/")
        self.folder(os.path.dirname(clean))  # noqa: PTH120 - a path inside the image
        info = tarfile.TarInfo(clean)
        info.size, info.mode = len(data), mode
        self.entries[clean] = (info, data)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        clean = path.strip("/")
        self.folder(os.path.dirname(clean))  # noqa: PTH120 - a path inside the image
        info = tarfile.TarInfo(clean)
        info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, target
        self.entries[clean] = (info, b"")

    def tree(self, source: Path, target: str) -> None:
        """A folder of this machine, without its owners and times."""
        for path in sorted(source.rglob("*")):
            inside = f"{target.strip('/')}/{path.relative_to(source).as_posix()}"
            if path.is_symlink():
                self.link(inside, os.readlink(path))  # noqa: PTH115 - the text of the link, not a path of ours
            elif path.is_file():
                self.file(inside, path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)
            elif path.is_dir():
                self.folder(inside)

    def tar(self) -> bytes:
        """The layer's bytes."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in sorted(self.entries):
                info, data = self.entries[name]
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()


def write(path: Path, references: Iterable[str], config: Config, layers: Sequence[bytes]) -> None:
    """The archive, complete or not at all."""
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    settings = json.dumps(config.to_json(digests), sort_keys=True).encode()
    name = f"{hashlib.sha256(settings).hexdigest()}.json"
    manifest = [
        {
            "Config": name,
            "RepoTags": sorted(references),
            "Layers": [f"{digest}/layer.tar" for digest in digests],
        }
    ]
    scratch = path.with_suffix(".partial")
    with tarfile.open(scratch, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, name, settings)
        for digest, layer in zip(digests, layers, strict=True):
            _add(tar, f"{digest}/layer.tar", layer)
        _add(tar, "manifest.json", json.dumps(manifest).encode())
    scratch.rename(path)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    tar.addfile(info, io.BytesIO(data))
