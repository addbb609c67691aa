"""The platform's dbt program as the tests' cluster has it: the image of Python functions, the rest of requirements/dbt.lock, and a PostgreSQL.

The platform's own image is not to be had here. What it does is: a program in the folder /app, which belongs to the user 8877, calls the
SDK's `run.run()`, with dbt and the package digitalhub-runtime-dbt.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from cluster.images import archive, python_runtime, rootfs
from cluster.images.archive import Config, Layer
from cluster.images.operator import PYTHON, install, layer_of, pip_install
from cluster.paths import REPOSITORY, cache

LOCK = REPOSITORY / "requirements" / "dbt.lock"
REFERENCE = "ghcr.io/scc-digitalhub/digitalhub-sdk/wrapper-dbt:0.15"
"""The image that manifests/runtimes/dbt.yaml names."""
USER = 8877
SOURCES = ("logbook", "minimal-snowplow-tracker")
"""Packages that are published without a wheel; both can do without a compiler."""
PROGRAM = b"""\
import os

import digitalhub as dh

dh.get_run(os.environ["RUN_ID"], project=os.environ["PROJECT_NAME"]).run()
"""
POSTGRES = b"""\
import os, subprocess

BIN = "/usr/local/lib/python3.11/dist-packages/pgserver/pginstall/bin"
with open("/tmp/password", "w") as file:
    file.write(os.environ["PGPASSWORD"])
flags = "--username=postgres --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 --no-locale --no-sync"
subprocess.run([f"{BIN}/initdb", "--pgdata=/tmp/data", *flags.split()], check=True)
with open("/tmp/data/pg_hba.conf", "a") as file:
    file.write("host all all all scram-sha-256\\n")
settings = ("listen_addresses=*", "unix_socket_directories=/tmp", "fsync=off")
os.execv(f"{BIN}/postgres", [f"{BIN}/postgres", "-D", "/tmp/data", *(part for one in settings for part in ("-c", one))])
"""
"""A PostgreSQL for everybody of the network: user and database postgres, the password that of the variable PGPASSWORD."""
SERVE_DATABASE = ["python3", "/opt/postgres.py"]


class Configured(Config):
    """The configuration of an image with a working folder."""

    def to_json(self, digests: Sequence[str]) -> dict[str, Any]:
        """The image's configuration file."""
        found = super().to_json(digests)
        found["config"]["WorkingDir"] = "/app"
        return found


def dbt_image() -> Path:
    """The archive; kept in the cache until one of the locks changes."""
    inputs = (LOCK, python_runtime.LOCK, Path(__file__))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()[:16]
    kept = cache() / "images" / f"dbt-{digest}.tar"
    if not kept.exists():
        program = Layer()
        program.file("app/wrapper.py", PROGRAM)
        program.entries["app"][0].uid = USER
        program.file("opt/postgres.py", POSTGRES)
        program.file("bin/sh", Path(shutil.which("busybox") or "/bin/busybox").read_bytes(), 0o755)
        config = Configured(entrypoint=("python3", "wrapper.py"), user=str(USER))
        base = rootfs.python(python_runtime.LIBRARIES)
        layers = [base, python_runtime.packages(), packages(), program.tar()]
        archive.write(kept, [REFERENCE], config, layers)
    return kept


def packages() -> bytes:
    """A layer with what the image of Python functions lacks."""
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "lib"
        wheels, sources = Path(scratch) / "wheels.lock", Path(scratch) / "sources.lock"
        for path, blocks in zip((wheels, sources), missing(), strict=True):
            path.write_text("".join(blocks))
        install(wheels, target)
        pip_install(sources, target)
        return layer_of(target, python_runtime.PACKAGES_AT)


def missing() -> tuple[list[str], list[str]]:
    """Requirements of the lock that the image of Python functions lacks: those with wheels, those without."""
    there = {
        str(one.name) + str(one.specifier)
        for one in map(Requirement, lines(python_runtime.LOCK))
        if is_for_image(one)
    }
    needed = [block for block in blocks(LOCK) if block.split()[0] not in there]
    without = [block for block in needed if block.startswith(tuple(f"{name}==" for name in SOURCES))]
    return [block for block in needed if block not in without], without


def blocks(lock: Path) -> list[str]:
    """A requirement with its hashes each."""
    return [one for one in re.split(r"^(?=[a-z])", lock.read_text(), flags=re.MULTILINE) if one[:1].isalpha()]


def lines(lock: Path) -> list[str]:
    """The requirements without their hashes."""
    return [one.partition("\\")[0].strip() for one in blocks(lock)]


def is_for_image(one: Requirement) -> bool:
    """Whether the image's Python gets it."""
    known = {
        "python_version": PYTHON,
        "python_full_version": f"{PYTHON}.0",
        "implementation_name": "cpython",
        "sys_platform": "linux",
    }
    return one.marker is None or one.marker.evaluate(known)
