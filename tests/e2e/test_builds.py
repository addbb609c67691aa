"""Images that Runs build in real pods, of a namespace that enforces the restricted Pod Security Standard, and what runs from them."""

from __future__ import annotations

import base64
import ensurepip
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cluster.images import BUSYBOX, rootfs
from cluster.images.archive import Config, Layer
from cluster.paths import Home
from cluster.registry import Registry
from tests.e2e.conftest import NAME
from tests.support.harness import REPOSITORY, Person, condition, wait_for
from tests.support.python_runs import failed, function, suspend
from tests.support.registry_client import RegistryClient, each_once
from tests.support.wheel_index import wheel

pytestmark = pytest.mark.timeout(900)
"""The first test makes the builder's image, which takes a minute."""


@pytest.fixture(scope="module")
def registry(kubeconfig) -> RegistryClient:
    """The cluster's, with a base image in it; the node has the builder's image."""
    command = [sys.executable, "-m", "cluster", "images", "--load", "--name", NAME, "builder"]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    one = Registry.load(Home(NAME).folder)
    client = RegistryClient(one.address, "builder", one.passwords["builder"])
    client.put("library/busybox", "1.36", [rootfs.busybox()], Config(command=("sh",)))
    client.put("library/python", "3", [each_once(rootfs.python()), pip()], Config(command=("python3",)))
    return client


def pip() -> bytes:
    """What Debian's Python lacks for a build: a shell, and the pip that comes with Python."""
    layer = Layer()
    layer.file("bin/sh", Path(shutil.which("busybox") or "/bin/busybox").read_bytes(), 0o755)
    (wheel_file,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel_file) as archive:
        archive.extractall(folder)
        layer.tree(Path(folder), "usr/lib/python3/dist-packages")
    return layer.tar()


@pytest.fixture
def builder(person, registry) -> Person:
    """Somebody whose namespace has the Secrets by which images are pushed and pulled."""
    one = Registry.load(Home(NAME).folder)
    person.apply(
        [
            one.secret("run-operator-build-push", person.namespace, "builder"),
            one.secret("run-operator-build-base", person.namespace, "reader"),
        ]
    )
    pulls = json.dumps({"imagePullSecrets": [{"name": "run-operator-build-base"}]})
    person.kubectl("patch", "serviceaccount", "default", "--type=merge", "-p", pulls)
    return person


def build(person: Person, registry: RegistryClient, name: str, *instructions: str, **spec: Any) -> None:
    """A Run of container+build on the cluster's busybox."""
    inner = {
        "task": "container+build://demo/t",
        "function": "container://demo/img:1",
        "base_image": f"{registry.address}/{BUSYBOX.partition('/')[2]}",
        "instructions": list(instructions),
        **spec,
    }
    body = {
        "apiVersion": "run-operator.io/v1alpha1",
        "kind": "Run",
        "metadata": {"name": name},
        "spec": {"kind": "container+build:run", "project": "demo", "id": name, "spec": inner},
    }
    person.kubectl("create", "-f", "-", stdin=json.dumps(body))


FUNCTION = {
    "apiVersion": "run-operator.io/v1alpha1",
    "kind": "Function",
    "metadata": {"name": "img"},
    "spec": {"kind": "container", "project": "demo", "name": "img", "id": "1", "spec": {}},
}


def source(text: str) -> dict[str, str]:
    return {"source": "words.txt", "base64": base64.b64encode(text.encode()).decode()}


def test_an_image_is_built_and_pushed_and_runs_by_its_digest(builder, registry):
    instructions = (
        "RUN cat words.txt > /greeting && id -u >> /greeting",
        "ENV MODE=prod",
        'CMD ["cat", "/greeting"]',
    )
    builder.apply(FUNCTION)
    for name in ("first", "second"):
        build(builder, registry, name, *instructions, source=source("hello\n"))
    images = [builder.becomes(name, "COMPLETED", 240)["outputs"]["image"] for name in ("first", "second")]
    repository = f"runs/{builder.namespace}/demo-img"
    image, digest = images[0].split("@")
    assert image == f"{registry.address}/{repository}"
    assert images[0] == images[1]  # the same context, the same digest
    assert sorted(registry.tags(repository)) == ["first", "second"]
    assert "MODE=prod" in registry.config(repository, digest)["config"]["Env"]
    assert builder.get("function", "img")["spec"]["spec"]["image"] == images[0]
    builder.apply_run("uses", image=images[0])
    builder.becomes("uses", "COMPLETED", 120)
    assert builder.kubectl("logs", "job/uses").stdout == "hello\n0\n"
    assert "STEP 4/6: RUN cat words.txt" in builder.kubectl("logs", "job/first", "-c", "build").stdout


def test_an_instruction_that_fails_is_named(builder, registry):
    build(builder, registry, "bad", "RUN true", "RUN echo no such colour >&2; exit 7")
    reason, message = failed(builder, "bad")
    assert reason == "BuildFailed"
    assert "STEP 3/3: RUN echo no such colour >&2; exit 7: exit status 7: no such colour" in message
    assert registry.tags(f"runs/{builder.namespace}/demo-img") == []


def test_a_registry_that_refuses_the_login_is_told_from_one_that_is_away(builder, registry):
    wrong = {"auths": {registry.address: {"auth": base64.b64encode(b"builder:wrong").decode()}}}
    patch = json.dumps({"stringData": {".dockerconfigjson": json.dumps(wrong)}})
    builder.kubectl("patch", "secret", "run-operator-build-push", "--type=merge", "-p", patch)
    build(builder, registry, "refused", "RUN true")
    assert failed(builder, "refused")[0] == "RegistryUnauthorized"
    build(builder, registry, "gone", base_image="127.0.0.1:9/none:1")
    reason, message = failed(builder, "gone")
    assert (reason, "STEP 1/1: FROM 127.0.0.1:9/none:1" in message) == ("BuildFailed", True), message


def test_a_build_is_stopped_and_resumed(builder, registry):
    build(builder, registry, "slow", "RUN sleep 600 & wait")
    builder.becomes("slow", "RUNNING", 120)
    suspend(builder, "slow", True)
    status = builder.becomes("slow", "STOPPED")
    assert condition(status, "Suspended")["status"] == "True"
    wait_for("the end of its pod", lambda: not builder.items("pods"))
    suspend(builder, "slow", False)
    wait_for("the second attempt", lambda: builder.status("slow").get("attempt") == 2)
    builder.becomes("slow", "RUNNING", 120)
    assert registry.tags(f"runs/{builder.namespace}/demo-img") == []


def test_the_requirements_of_a_function_are_in_its_image(builder, registry):
    name = "tiny-1.0-py3-none-any.whl"
    function(
        builder, "env", "", kind="python+build:run", image=None, base_image=f"{registry.address}/library/python:3",
        source={"source": name, "base64": base64.b64encode(wheel("tiny", "1.0", "WORD = 'in the image'\n")).decode()},
        requirements=[f"tiny @ file:///opt/function/{name}"], instructions=["echo made > /made"],
        envs=[{"name": "PIP_BREAK_SYSTEM_PACKAGES", "value": "1"}],
    )  # fmt: skip
    image = builder.becomes("env", "COMPLETED", 300)["outputs"]["image"]
    code = "import tiny\ndef run():\n    return tiny.WORD + ', ' + open('/made').read().strip()\n"
    function(builder, "uses", code, image=image, requirements=["tiny"])
    assert builder.becomes("uses", "COMPLETED", 240)["results"] == {"output_0": "in the image, made"}
