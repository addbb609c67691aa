"""The Containerfiles, built by a real builder of OCI images, on the launcher's Debian as their base."""

from __future__ import annotations

import pytest

from cluster.full import load_images
from cluster.images import python_runtime
from cluster.paths import Home
from run_operator import __version__
from tests.e2e.conftest import NAME
from tests.support.buildah import builder, missing
from tests.support.python_runs import function

pytestmark = [pytest.mark.skipif(bool(missing()), reason=missing()), pytest.mark.timeout(900)]
IMAGE = "localhost/run-operator:test"
FUNCTIONS = "run-operator.local/python-runtime-next:3.11"


def test_the_containerfile_makes_an_image_that_runs_as_nobody(tmp_path):
    with builder(tmp_path) as buildah:
        buildah.build(IMAGE)
        assert buildah.config(IMAGE)["User"] == "65532:65532"
        container = buildah("from", "--pull-never", IMAGE)
        inside = ("run", "--isolation", "chroot", container, "--", "python3")
        for module in ("run_operator", "run_operator.gateway"):
            assert buildah(*inside, "-m", module, "--version").endswith(f"version {__version__}")
        assert buildah(*inside, "-c", "import os; print(os.getuid())") == "65532"


def test_the_image_of_functions_with_the_coming_sdk_runs_one(tmp_path, person):
    """Git is left out: the base has no package manager."""
    archive = tmp_path / "functions.tar"
    with builder(tmp_path, python_runtime.LIBRARIES, absent=("apt-get", "useradd")) as buildah:
        file = "images/python-runtime/Containerfile"
        buildah.build(FUNCTIONS, "-f", file, "--build-arg", "LOCK=runtime-next.lock")
        assert buildah.config(FUNCTIONS)["User"] == "1000"
        buildah("push", "-q", FUNCTIONS, f"docker-archive:{archive}:{FUNCTIONS}")
    load_images(Home(NAME), [archive])
    code = (
        "from importlib.metadata import version\nfrom digitalhub_runtime_python import handler\n"
        "@handler(outputs=['sdk', 'project', 'twice'])\n"
        "def run(project, x):\n    return version('digitalhub'), project.name, 2 * x\n"
    )
    function(person, "next", code, image=FUNCTIONS, parameters={"x": 21})
    results = person.becomes("next", "COMPLETED", 180)["results"]
    assert results.pop("sdk").startswith("0.16.")
    assert results == {"project": "demo", "twice": 42}
