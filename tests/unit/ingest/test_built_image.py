"""The Function of a build gets the image that was built, and no other one does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from run_operator.api.results import InvalidResultsError, Results
from run_operator.api.run import Run
from run_operator.ingest.built_image import put_into_function
from run_operator.kube.errors import ForbiddenError, KubeError

IMAGE = "registry.example.org/demo-f@sha256:" + "a" * 64
RESULTS = Results({}, {"image": IMAGE})


class Functions:
    """The API server's Functions of one namespace."""

    def __init__(self, *functions: dict[str, Any], error: KubeError | None = None) -> None:
        self.functions = functions
        self.error = error
        self.patches: list[tuple[str, Any]] = []
        self.asked: list[dict[str, Any]] = []

    async def list_objects(self, _: Any, **options: Any) -> AsyncIterator[dict[str, Any]]:
        self.asked.append(options)
        for one in self.functions:
            yield one

    async def json_patch(self, _: Any, namespace: str, name: str, operations: Any) -> None:
        if self.error:
            raise self.error
        self.patches.append((f"{namespace}/{name}", operations))


def function(name: str, created: int = 1, **document: Any) -> dict[str, Any]:
    spec = {"kind": "container", "project": "demo", "name": "f", "id": name, "spec": {"image": "old"}}
    spec["metadata"] = {"created": f"2026-01-0{created}T00:00:00Z"}
    return {
        "metadata": {"name": name, "namespace": "ml", "uid": name, "resourceVersion": "7"},
        "spec": spec | document,
    }


def run(reference: str | None, kind: str = "container+build:run") -> Run:
    metadata = {"name": "b", "namespace": "ml", "uid": "u"}
    return Run.from_object({"metadata": metadata, "spec": {"kind": kind, "spec": {"function": reference}}})


async def patched(api: Functions, one: Run, results: Results = RESULTS) -> list[str]:
    await put_into_function(api, one, results)  # type: ignore[arg-type]
    return [name for name, _ in api.patches]


async def test_the_version_that_is_named_gets_it():
    api = Functions(
        function("v1"), function("v2", 2), function("x", project="other"), function("y", kind="python")
    )
    assert await patched(api, run("container://demo/f:v1")) == ["ml/v1"]
    assert api.asked == [{"namespace": "ml", "fields": "spec.name=f"}]
    assert api.patches[0][1] == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/spec/spec/image", "value": IMAGE},
    ]


async def test_without_an_id_the_latest_version_gets_it():
    assert await patched(Functions(function("v2", 2), function("v1")), run("container://demo/f")) == ["ml/v2"]


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        (None, "container+build:run"),
        ("container://demo/f:gone", "container+build:run"),
        ("no reference", "container+build:run"),
        ("python://demo/f:v1", "container+build:run"),
        ("container://demo/f:v1", "container+job:run"),
    ],
)
async def test_nothing_is_written_where_there_is_nothing_to_tell(reference, kind):
    assert await patched(Functions(function("v1")), run(reference, kind)) == []


async def test_what_it_has_already_is_not_written_again():
    api = Functions(function("v1", spec={"image": IMAGE}))
    assert await patched(api, run("container://demo/f:v1")) == []
    assert await patched(Functions(function("v1")), run("container://demo/f:v1"), Results({}, {})) == []


async def test_a_policy_that_says_no_does_not_fail_the_build():
    api = Functions(function("v1"), error=ForbiddenError("patch", 403, "no"))
    assert await patched(api, run("container://demo/f:v1")) == []


@pytest.mark.parametrize("image", ["registry/a:1", "registry/a@sha256:abc", f"{IMAGE} ", f"-{IMAGE}"])
def test_an_image_is_an_output_by_its_digest_alone(image):
    with pytest.raises(InvalidResultsError, match="image"):
        Results.read({"outputs": {"image": image}})
    with pytest.raises(InvalidResultsError):
        Results.read({"outputs": {"other": IMAGE}})
    assert Results.read({"outputs": {"image": IMAGE}}).outputs == {"image": IMAGE}
