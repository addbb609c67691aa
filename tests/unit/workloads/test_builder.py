"""From a document to a Job: what is built, and that whatever is odd is refused with the field's name."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from run_operator.api.exported import manifest
from run_operator.api.run import Run
from run_operator.document.entity import load
from run_operator.workloads.builder import MAX_SPEC, build
from run_operator.workloads.fields import InvalidSpecError, WorkloadError
from run_operator.workloads.types import Options
from tests.support.builders import UID, run
from tests.support.examples import examples

EXPORTS = Path(__file__).parents[2] / "data" / "exports"
TASK = {"task": "container+job://demo/t", "image": "busybox:1.36"}


def built(spec: dict, **top):
    return build(run(TASK | spec, **top), 1, Options())


def main_of(made) -> dict:
    return made.child["spec"]["template"]["spec"]["containers"][0]


def of_export(name: str):
    raw = manifest(load((EXPORTS / name).read_bytes()), namespace="ml")
    raw["metadata"]["uid"] = UID
    return build(Run.from_object(raw), 1, Options())


def test_a_command_line_is_refused_before_a_pod_is_made_of_it():
    with pytest.raises(
        InvalidSpecError,
        match=r"spec\.spec\.command: .* write python3 as command, and the rest as a list in args",
    ):
        built({"command": "python3 train.py --lr 0.1"})
    for program in ("python3", "/opt/my programs/train", "./a b"):
        assert main_of(built({"command": program}))["command"] == [program]


def test_command_is_one_program_and_args_are_as_they_are():
    container = main_of(built({"command": "sh", "args": ["-c", "echo 1e3"]}))
    assert container["command"] == ["sh"]
    assert container["args"] == ["-c", "echo 1e3"]


def test_a_document_may_be_as_large_as_an_exported_file_and_no_larger():
    """In bytes as they are stored: letters of all languages count as what they are there."""
    around = len(json.dumps(TASK | {"x": ""}, separators=(",", ":")))
    for letter in ("a", "\N{SNOWMAN}"):
        fitting = letter * ((MAX_SPEC - around) // len(letter.encode()))
        built({"x": fitting})
        with pytest.raises(WorkloadError, match="at most 1048576 are allowed, to leave room") as caught:
            built({"x": fitting + letter})
        assert caught.value.reason == "TooLarge"


def test_limits_are_derived_as_the_platform_does():
    resources = main_of(built({"resources": {"cpu": "500m", "mem": "64Mi", "gpu": "1"}}))["resources"]
    assert resources["requests"] == {"cpu": "500m", "memory": "64Mi", "nvidia.com/gpu": "1"}
    assert resources["limits"] == {"cpu": "500m", "memory": "72090Ki", "nvidia.com/gpu": "1"}


def test_legacy_requests_and_limits_are_taken():
    resources = main_of(built({"resources": {"cpu": {"requests": "1", "limits": "2"}}}))["resources"]
    assert resources == {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}


@pytest.mark.parametrize("nothing", [None, "", 0, "0", 0.0, "0Mi", {"requests": "0"}, {"requests": None}])
def test_asking_for_nothing_is_no_mistake(nothing):
    assert "resources" not in main_of(built({"resources": {"cpu": nothing, "gpu": nothing, "mem": nothing}}))
    assert "volumeMounts" not in main_of(built({"resources": {"disk": nothing}}))


def test_base64_may_be_broken_into_lines_as_the_command_does():
    made = built({"source": {"base64": base64.encodebytes(b"x" * 200).decode()}})
    assert base64.b64decode(made.needs[0]["binaryData"]["source"]) == b"x" * 200


def test_a_source_becomes_a_read_only_file_among_the_working_files():
    content = base64.b64encode(b"print('hi')").decode()
    made = built({"source": {"source": "pkg/main.py", "base64": content, "lang": "python"}})
    assert base64.b64decode(made.needs[0]["binaryData"]["source"]) == b"print('hi')"
    mounts = main_of(made)["volumeMounts"]
    assert {
        "name": "source",
        "mountPath": "/shared/pkg/main.py",
        "subPath": "source",
        "readOnly": True,
    } in mounts
    assert main_of(made)["workingDir"] == "/shared"


def test_another_source_is_another_file_and_not_the_one_of_an_earlier_attempt():
    first, second = (built({"source": {"source": "a.py", "code": code}}).needs[0] for code in ("one", "two"))
    assert first["metadata"]["name"] != second["metadata"]["name"]
    again = built({"source": {"source": "b.py", "code": "one"}}).needs[0]
    assert again["metadata"]["name"] == first["metadata"]["name"]


def test_the_four_volume_types():
    made = of_export("container-job-full.yaml")
    volumes = {v["name"]: v for v in made.child["spec"]["template"]["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"] == {"claimName": "job-full-data"}
    assert volumes["scratch"]["emptyDir"] == {"sizeLimit": "256Mi", "medium": "Memory"}
    template = volumes["tmp"]["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert template["resources"]["requests"]["storage"] == "1Gi"
    assert volumes["team-share"]["persistentVolumeClaim"] == {"claimName": "team-share"}
    claim = next(body for body in made.needs if body["kind"] == "PersistentVolumeClaim")
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
    assert claim["metadata"]["ownerReferences"][0]["uid"] == UID


def test_the_program_learns_who_it_is_and_no_document_overrides_that():
    made = built({"envs": [{"name": "RUN_ID", "value": "other"}, {"name": "EMPTY", "value": ""}]})
    env = {e["name"]: e for e in main_of(made)["env"]}
    assert env["RUN_ID"]["value"] == "hello"
    assert env["EMPTY"]["value"] == ""
    assert env["RUN_ATTEMPT"]["value"] == "1"
    assert "RUN_ID" in made.warnings[0]


def test_every_object_is_owned_by_the_run_and_the_pod_is_restricted():
    made = of_export("container-job-full.yaml")
    for body in (made.child, *made.needs):
        owner = body["metadata"]["ownerReferences"][0]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("Run", UID, True)
    spec = made.child["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert main_of(made)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


def test_what_is_nested_without_end_is_refused():
    deep: list = []
    for _ in range(3000):
        deep = [deep]
    with pytest.raises(WorkloadError, match="nested more than"):
        built({"affinity": {"nodeAffinity": deep}})
    with pytest.raises(WorkloadError, match="nested too deeply"):
        built({"unknown": deep})


def test_a_node_selector_may_be_a_plain_map():
    spec = built({"node_selector": {"gpu": "a100"}}).child["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"gpu": "a100"}


def test_kueues_labels_pass_to_the_job():
    made = built({}, labels={"kueue.x-k8s.io/queue-name": "q", "other": "x"})
    assert made.child["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "q"
    assert "other" not in made.child["metadata"]["labels"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"resources": {"mem": "x1"}}, "spec.spec.resources.mem: 'x1' is not a quantity"),
        ({"resources": {"mem": "512m"}}, "spec.spec.resources.mem: 512m is less than a megabyte"),
        (
            {"resources": {"mem": 64}},
            "64 is less than a megabyte, which is too little for any program; write for example 512Mi",
        ),
        ({"resources": {"mem": {"limits": "999k"}}}, "spec.spec.resources.mem: 999k is less than a megabyte"),
        ({"resources": {"tpu": "1"}}, "spec.spec.resources.tpu: is unknown"),
        ({"resources": {"gpu": "500m"}}, "not a whole number of devices"),
        ({"resources": {"cpu": {"requests": "2", "limits": "1"}}}, "is more than limits"),
        ({"args": "echo"}, "spec.spec.args: must be a list, not a text"),
        ({"args": [1000]}, "spec.spec.args[0]: must be a text, not a number; quote it"),
        ({"envs": [{"value": "x"}]}, "spec.spec.envs[0].name: is missing"),
        ({"envs": [{"name": "A", "value": 1}]}, "spec.spec.envs[0].value: must be a text"),
        ({"run_as_user": 0}, "root is not allowed"),
        ({"image_pull_policy": "Sometimes"}, "use one of Always, IfNotPresent, Never"),
        (
            {"volumes": [{"volume_type": "config_map", "name": "c", "mount_path": "/c"}]},
            "'config_map' is unknown",
        ),
        ({"volumes": [{"volume_type": "empty_dir", "name": "c", "mount_path": "c"}]}, "not an absolute path"),
        ({"source": {"source": "../x", "base64": "eA=="}}, "use a relative path"),
        ({"source": {"base64": "%%%"}}, "is not base64"),
        ({"args": ["x"] * 10_001}, "spec.spec.args: has more than 10000 entries"),
        ({"resources": {"cpu": False}}, "spec.spec.resources.cpu: must be a quantity"),
        ({"secrets": ["a b"]}, "cannot be the name of a Secret"),
        ({"affinity": {"node_afinity": {}}}, "spec.spec.affinity.node_afinity: is not known to Kubernetes"),
        ({"affinity": {"podAffinity": {"a b": 1}}}, "spec.spec.affinity.podAffinity.a b: is not known"),
        ({"tolerations": [{"seconds": 1}]}, "spec.spec.tolerations[0].seconds: is not known"),
        ({"node_selector": {"gpu": 1}}, "spec.spec.node_selector.gpu: must be a text, not a number"),
        ({"task": "container+serve://demo/t"}, "spec.kind: the kind says container+job"),
    ],
)
def test_what_is_wrong_is_named(spec, said):
    with pytest.raises(WorkloadError) as caught:
        built(spec)
    assert caught.value.reason == "InvalidSpec"
    assert said in str(caught.value)


@pytest.mark.parametrize("letter", ["a", "\N{SNOWMAN}"])
def test_a_text_is_as_long_as_linux_takes_it_in_bytes(letter):
    """MAX_ARG_STRLEN counts the bytes of an argument, or of NAME=value, and the zero byte after it."""
    size = len(letter.encode())
    longest = 128 * 1024 - 1
    built({"args": [letter * (longest // size)]})
    built({"envs": [{"name": "A", "value": letter * ((longest - len("A=")) // size)}]})
    for spec, field in (
        ({"args": [letter * (longest // size + 1)]}, "args[0]"),
        ({"envs": [{"name": "A", "value": letter * ((longest - len("A=")) // size + 1)}]}, "envs[0]"),
    ):
        with pytest.raises(WorkloadError, match="and Linux accepts at most 131071") as caught:
            built(spec)
        assert str(caught.value).startswith(f"spec.spec.{field}: has 1310")


@pytest.mark.parametrize("value", [None, ["sh"], {}])
def test_only_what_can_be_quoted_is_to_be_quoted(value):
    with pytest.raises(WorkloadError) as caught:
        built({"args": [value]})
    assert "quote it" not in str(caught.value)


@pytest.mark.parametrize(
    ("export", "reason", "said"),
    [
        ("container-job-function-only.yaml", "InvalidSpec", "spec.spec.image: is missing"),
        ("python-job-full.yaml", "UnsupportedKind", "needs the operator's ingest, which is off"),
        ("dbt-transform.yaml", "UnsupportedKind", "dbt+transform is not built in"),
    ],
)
def test_what_cannot_be_done_is_said(export, reason, said):
    with pytest.raises(WorkloadError) as caught:
        of_export(export)
    assert caught.value.reason == reason
    assert said in str(caught.value)


def test_a_remote_source_is_not_pretended():
    with pytest.raises(WorkloadError, match="which this kind does not fetch") as caught:
        built({"source": {"source": "git+https://me:secret@example.org/x"}})
    assert "git+https://example.org is an address" in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "image", "command", "args", "envs", "secrets", "volumes", "resources", "source", "run_as_user", "fs_group",
    "image_pull_policy", "profile", "node_selector", "tolerations", "affinity", "priority_class", "task",
)  # fmt: skip
ENTRY = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("name", "value", "volume_type", "mount_path", "spec", "source", "base64", "cpu"), JSON
    ),
)
VALUE = st.one_of(JSON, st.lists(ENTRY, max_size=2), ENTRY)


@settings(max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FIELDS), VALUE, max_size=5))
def test_arbitrary_specs_are_built_or_refused_and_never_break(spec):
    try:
        made = built(spec)
    except WorkloadError:
        return
    json.dumps(made.child, allow_nan=True)


def test_autoscalers_are_asked_to_leave_pods_of_jobs_alone():
    def annotations(options: Options) -> dict:
        made = build(run(TASK), 1, options)
        return made.child["spec"]["template"]["metadata"].get("annotations", {})

    asked = {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    }
    assert annotations(Options()) == asked
    assert annotations(Options(protect_jobs=False)) == {}
