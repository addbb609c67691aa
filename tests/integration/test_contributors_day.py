"""The contributor's day, done in a copy of the checkout."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path

from cluster.build import build
from tests.support.harness import REPOSITORY, cluster_down, free_port
from tests.support.walkthrough import follow

CLUSTER = "day"
PARTS = (
    "operator",
    "cluster",
    "crds",
    "manifests",
    "docs",
    "tests",
    "requirements",
    "pyproject.toml",
    "README.md",
)


def test_the_contributors_day_can_be_followed(tmp_path: Path):
    checkout = tmp_path / "run-operator"
    checkout.mkdir()
    for part in PARTS:
        if (REPOSITORY / part).is_dir():
            shutil.copytree(REPOSITORY / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(REPOSITORY / part, checkout / part)
    environment = os.environ | {
        "PATH": os.pathsep.join(
            (str(Path(sys.executable).parent), str(build("kubernetes")), os.environ["PATH"])
        ),
        "RUN_OPERATOR_METRICS_BIND_ADDRESS": f"127.0.0.1:{free_port()}",  # other operators run on this machine
        "RUN_OPERATOR_INGEST_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
        "PYTHONPATH": os.pathsep.join((str(checkout / "operator"), str(checkout))),
    }
    try:
        assert follow(checkout / "docs" / "days" / "contributor.md", checkout, environment)
    finally:
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((checkout / "operator.pid").read_text()), signal.SIGKILL)
        cluster_down(CLUSTER)
