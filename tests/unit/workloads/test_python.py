"""What a Python Run becomes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml

from run_operator.api.run import Run
from run_operator.workloads.builder import build
from run_operator.workloads.fields import WorkloadError
from run_operator.workloads.types import Options, Workload
from tests.support.harness import EXPORTS

OPTIONS = Options(ingest_url="https://ingest:8443", pod_api_url="https://ingest:8443")
SOURCE = {"code": "def run():\n    pass\n", "handler": "run"}


def run(kind: str = "python+job:run", policy: dict[str, Any] | None = None, **spec: Any) -> Run:
    metadata = {"name": "double", "namespace": "ml", "uid": "u", "generation": 1}
    document = {"kind": kind, "project": "demo", "id": "double", "runPolicy": policy or {}}
    return Run.from_object(
        {
            "metadata": metadata,
            "spec": document | {"spec": {"source": SOURCE, "python_version": "PYTHON3_12"} | spec},
        }
    )


def built(one: Run, options: Options = OPTIONS) -> Workload:
    return build(one, 1, options)


def container(workload: Workload) -> dict[str, Any]:
    (found,) = workload.child["spec"]["template"]["spec"]["containers"]
    return found


def document(workload: Workload) -> dict[str, Any]:
    (found,) = [body for body in workload.needs if body["kind"] == "ConfigMap"]
    return json.loads(base64.b64decode(found["binaryData"]["source"]))


class TestImage:
    @pytest.mark.parametrize(
        ("spec", "image"),
        [
            ({"image": "a:1", "base_image": "b:1"}, "a:1"),
            ({"base_image": "b:1"}, "b:1"),
            ({}, "run-operator.local/python-runtime:3.12"),
            ({"python_version": "PYTHON3_9"}, "run-operator.local/python-runtime:3.9"),
        ],
    )
    def test_the_runs_own_then_the_base_then_the_operators(self, spec, image):
        assert container(built(run(**spec)))["image"] == image

    @pytest.mark.parametrize(
        ("spec", "said"),
        [
            (
                {"python_version": "PYTHON2_7"},
                "'PYTHON2_7' has no image in this cluster; use one of PYTHON3_9, PYTHON3_10, PYTHON3_11",
            ),
            ({"python_version": None}, "is missing, and so are image and base_image"),
            ({"image": "a b"}, "spec.spec.image: 'a b' is not the name of an image"),
        ],
    )
    def test_one_that_cannot_be_found_is_named(self, spec, said):
        with pytest.raises(WorkloadError, match=said):
            built(run(**spec))


class TestDocument:
    def test_the_runner_gets_what_it_needs_and_no_more(self):
        made = document(
            built(
                run(parameters={"x": 1}, envs=[{"name": "A", "value": "secret"}], inputs={"d": "store://a"})
            )
        )
        assert made["run"]["spec"] == {
            "source": SOURCE, "python_version": "PYTHON3_12", "parameters": {"x": 1}, "inputs": {"d": "store://a"},
        }  # fmt: skip
        assert made["report"]["url"] == "https://ingest:8443/v1/namespaces/ml/runs/double/result"
        assert (made["run"]["project"], made["run"]["id"]) == ("demo", "double")

    def test_it_is_the_same_for_the_same_run_and_has_another_name_for_another(self):
        def name(**spec: Any) -> str:
            return built(run(**spec)).needs[0]["metadata"]["name"]

        assert name(parameters={"x": 1, "y": 2}) == name(parameters={"y": 2, "x": 1})
        assert name(parameters={"x": 1}) != name(parameters={"x": 2})

    def test_it_is_mounted_beside_the_runner_with_the_runs_own_token(self):
        made = built(run())
        (volume,) = [
            v for v in made.child["spec"]["template"]["spec"]["volumes"] if v["name"] == "run-operator"
        ]
        sources = volume["projected"]["sources"]
        paths = [item["path"] for source in sources for item in source.get("configMap", {}).get("items", ())]
        assert {"runner.pyz", "run.json", "ca.crt", "lib/runmetrics.py"} <= set(paths)
        (token,) = [source["serviceAccountToken"] for source in sources if "serviceAccountToken" in source]
        assert token["audience"] == "run-operator.io/runs/u"

    def test_a_run_without_metrics_has_its_runner_all_the_same(self):
        made = built(run(envs=[{"name": "RUN_METRICS", "value": "off"}]))
        assert "RUN_METRICS_URL" not in {item["name"] for item in container(made)["env"]}
        assert [v["name"] for v in made.child["spec"]["template"]["spec"]["volumes"]] == [
            "shared",
            "run-operator",
        ]

    def test_one_that_is_too_large_is_refused(self):
        with pytest.raises(WorkloadError, match="at most 921600: put its source into") as caught:
            built(run(source={"code": "x" * (1 << 20), "handler": "run"}))
        assert caught.value.reason == "TooLarge"


@pytest.mark.parametrize(
    ("source", "reason", "said"),
    [
        ({"handler": "run"}, "InvalidSource", "has no code"),
        ({"source": "train.py", "handler": "run"}, "InvalidSource", "names train.py but does not hold it"),
        ({"source": "ftp://x", "handler": "run"}, "InvalidSource", "ftp:// cannot be fetched"),
        ({"base64": "%", "handler": "run"}, "InvalidSpec", "is not base64"),
        ({"code": "x"}, "InvalidSpec", "source.handler: is missing"),
        ({"code": "x", "handler": 3}, "InvalidSpec", "source.handler: must be a text"),
    ],
)
def test_a_source_that_cannot_run_is_refused_before_a_pod_is_made(source, reason, said):
    with pytest.raises(WorkloadError, match=said) as caught:
        built(run(source=source))
    assert caught.value.reason == reason


@pytest.mark.parametrize("scheme", ["git+https", "zip+s3", "zip+https", "https", "s3"])
def test_a_source_elsewhere_is_the_runners_business(scheme):
    assert built(run(source={"source": f"{scheme}://x/y", "handler": "a:run"})).child["kind"] == "Job"


def test_without_the_ingest_there_is_no_way_back_for_results():
    with pytest.raises(WorkloadError, match="--ingest-url") as caught:
        built(run(), Options())
    assert caught.value.reason == "UnsupportedKind"


class TestServe:
    def test_a_deployment_and_a_service_on_the_platforms_port(self):
        made = built(run("python+serve:run", replicas=2))
        assert (made.child["kind"], made.child["spec"]["replicas"]) == ("Deployment", 2)
        (port,) = made.service["spec"]["ports"]
        assert (port["port"], port["targetPort"]) == (8080, 8080)
        assert container(made)["command"][-1] == "serve"
        assert container(made)["readinessProbe"]["tcpSocket"] == {"port": 8080}

    def test_the_service_may_have_another_port(self):
        made = built(run("python+serve:run", service_ports=[{"port": 80}]))
        assert made.service["spec"]["ports"][0]["port"] == 80

    def test_requests_under_way_have_the_grace_period_but_for_the_end(self):
        made = built(run("python+serve:run", policy={"terminationGracePeriodSeconds": 10}))
        assert document(made)["grace"] == 7


@pytest.mark.parametrize("name", ["python-job-full", "python-serve-from-backend", "python-job-local"])
def test_exports_that_hold_their_source_are_built(name):
    document = yaml.safe_load((EXPORTS / f"{name}.yaml").read_text())
    metadata = {"name": "x", "namespace": "ml", "uid": "u", "generation": 1}
    assert built(Run.from_object({"metadata": metadata, "spec": document})).child


class TestInstaller:
    """What an admin names for uv and pip."""

    NAMED = Options(
        ingest_url="https://ingest:8443", requirements_secret="index", requirements_cache_claim="cache"
    )

    def test_functions_get_the_variables_of_the_secret_before_their_own(self):
        one = container(built(run(secrets=["mine"]), self.NAMED))
        assert one["envFrom"] == [
            {"secretRef": {"name": "index", "optional": True}},
            {"secretRef": {"name": "mine"}},
        ]

    def test_the_claim_is_mounted_where_there_are_requirements(self):
        workload = built(run(requirements=["numpy"]), self.NAMED)
        spec = workload.child["spec"]["template"]["spec"]
        (volume,) = [one for one in spec["volumes"] if "persistentVolumeClaim" in one]
        assert volume["persistentVolumeClaim"] == {"claimName": "cache"}
        one = container(workload)
        (mount,) = [each for each in one["volumeMounts"] if each["name"] == volume["name"]]
        values = {each["name"]: each["value"] for each in one["env"]}
        assert values["UV_CACHE_DIR"].startswith(f"{mount['mountPath']}/")
        assert values["PIP_CACHE_DIR"].startswith(f"{mount['mountPath']}/")
        assert workload.needs == built(run(requirements=["numpy"])).needs

    @pytest.mark.parametrize(
        "spec",
        [
            {},
            {"requirements": ["numpy"], "envs": [{"name": "UV_CACHE_DIR", "value": "/cache"}]},
            {
                "requirements": ["numpy"],
                "volumes": [{"volume_type": "empty_dir", "name": "own", "mount_path": "/var/cache"}],
            },
        ],
    )
    def test_a_function_without_requirements_or_with_a_cache_of_its_own_has_no_claim(self, spec):
        volumes = built(run(**spec), self.NAMED).child["spec"]["template"]["spec"]["volumes"]
        assert not [one for one in volumes if "persistentVolumeClaim" in one]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"python_version": "3.10"}, "spec.spec.python_version: '3.10' has no image in this cluster; use one of PYTHON3_9, PYTHON3_10, "),
        ({"source": {**SOURCE, "handler": 3}}, "spec.spec.source.handler: must be a text, not a number; quote it"),
        ({"requirements": [1]}, "spec.spec.requirements[0]: must be a text, not a number; quote it"),
        ({"requirements": {"numpy": "2"}}, "spec.spec.requirements: must be a list, not a map"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_once(spec, message):
    with pytest.raises(WorkloadError) as caught:
        built(run(**spec))
    assert str(caught.value).startswith(message)
    assert "missing" not in str(caught.value)


def test_requirements_may_be_a_text_with_lines():
    assert (
        document(built(run(requirements="numpy\npandas")))["run"]["spec"]["requirements"] == "numpy\npandas"
    )


def test_two_mistakes_of_a_function_are_both_named():
    with pytest.raises(WorkloadError, match=r"python_version: .*; spec\.spec\.run_as_user: is 0") as caught:
        built(run(python_version="x", run_as_user=0))
    assert "missing" not in str(caught.value)
