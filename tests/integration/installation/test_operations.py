"""The handbook, done: its console blocks in their order, as one script, on a cluster of its own state."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.harness import REPOSITORY

HANDBOOK = REPOSITORY / "docs" / "operations.md"
BLOCKS = re.findall(r"```console\n(.*?)```", HANDBOOK.read_text(), re.DOTALL)


def test_the_handbook_can_be_followed_from_its_beginning_to_its_end(empty, tmp_path: Path):
    for folder in ("crds", "manifests"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    environment = os.environ | {
        "KUBECONFIG": str(empty.kubeconfig),
        "PATH": f"{Path(empty.program).parent}:{os.environ['PATH']}",
    }
    try:
        for block in BLOCKS:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert empty.kubectl("get", "runs", check=False).returncode, "uninstalled to the end"
    finally:
        empty.kubectl("delete", "namespace", "team-a", "ml-system", "--wait=false", "--ignore-not-found")
