"""A document with several mistakes names them all, with the numbers that its entries have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from run_operator.workloads.builder import build, builder, validate
from run_operator.workloads.fields import InvalidSpecError
from run_operator.workloads.mistakes import MAX_MISTAKES
from run_operator.workloads.types import Options
from tests.support.builders import run, serve


def mistakes(make, **spec) -> str:
    with pytest.raises(InvalidSpecError) as caught:
        build(make(spec), 1, Options())
    return str(caught.value)


def volume(name: str, **entry: object) -> dict[str, object]:
    return {"volume_type": "ephemeral", "name": name, "mount_path": f"/{name}", **entry}


def test_one_mistake_alone_stays_as_it_is():
    assert mistakes(run, image="a b") == "spec.spec.image: 'a b' is not the name of an image"


def test_all_are_named():
    message = mistakes(
        run,
        image="a b",
        envs=[{"name": "A", "value": 1}, {"name": "B", "value": "2"}, {"name": "C", "value": 3}],
        resources={"cpu": "much", "mem": "512m", "memory": "1Gi"},
        run_as_user=0,
    )
    for path in ("image", "envs[0].value", "envs[2].value", "resources.cpu", "resources.mem", "run_as_user"):
        assert message.count(f"spec.spec.{path}: ") == 1, path
    assert "did you mean mem?" in message


def test_entries_keep_their_numbers():
    wrong = [volume("a", mount_path="x"), volume("b"), volume("c", spec={"size": "big"}), volume("B")]
    message = mistakes(run, image="x", volumes=wrong)
    for path in ("volumes[0].mount_path", "volumes[2].spec.size", "volumes[3].name"):
        assert f"spec.spec.{path}: " in message


def test_a_service_without_ports_names_its_other_mistakes_too():
    def service(spec):
        return run(spec, kind="container+serve:run")

    message = mistakes(service, image="", service_ports=[], service_type="x")
    assert all(f"spec.spec.{field}: " in message for field in ("image", "service_ports", "service_type"))


def test_very_many_are_not_all_named():
    message = mistakes(run, image="x", envs=[{"name": "A", "value": 1}] * 99)
    assert message.count("must be a text") == MAX_MISTAKES


@pytest.mark.parametrize("one", [run(), serve()], ids=["job", "service"])
def test_a_document_is_validated_without_its_child_being_made(one, monkeypatch):
    chosen = type(builder(one))
    monkeypatch.setattr(chosen, "child", lambda *_: pytest.fail("a child was made"))
    validate(one, Options())
    with pytest.raises(InvalidSpecError, match="image"):
        validate(replace(one, spec={**one.spec, "image": "x y"}), Options())
