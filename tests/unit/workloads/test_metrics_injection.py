"""What is added to a pod so that it can report metrics, and when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from run_operator.api import pod_contract as names
from run_operator.client.pod.runmetrics import Settings
from run_operator.workloads.builder import build
from run_operator.workloads.fields import InvalidSpecError
from run_operator.workloads.metrics_injection import FLUSH_SECONDS, spool_location
from run_operator.workloads.types import Options
from tests.support.builders import SERVE, run

GOLDEN = Path(__file__).parents[2] / "data" / "workloads" / "reporting-pod.yaml"
URL = "https://run-operator-ingest.run-operator.svc:8443"
TASK = {"task": "container+job://demo/t", "image": "busybox:1.36"}
CLAIM = {"volume_type": "persistent_volume_claim", "name": "data", "mount_path": "/data"}


def env(*pairs: tuple[str, str]) -> dict:
    return {"envs": [{"name": name, "value": value} for name, value in pairs]}


def mounted(path: str, **volume) -> dict:
    return {"volumes": [CLAIM | {"mount_path": path} | volume]}


def built(spec: dict, url: str | None = URL, **top):
    return build(run(TASK | spec, **top), 1, Options(ingest_url=url))


def pod_of(made) -> dict:
    return made.child["spec"]["template"]["spec"]


def variables(made) -> dict:
    return {item["name"]: item.get("value") for item in pod_of(made)["containers"][0]["env"]}


def sources(made) -> dict:
    """Mount path -> what is mounted there."""
    pod = pod_of(made)
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    assert len(volumes) == len(pod.get("volumes", [])), "two volumes share a name"
    mounts = pod["containers"][0].get("volumeMounts", [])
    return {mount["mountPath"]: volumes[mount["name"]] for mount in mounts}


def test_a_pod_gets_module_token_and_spool_and_stays_restricted():
    """The golden file is the whole pod: read it to see what a Run that reports metrics looks like."""
    assert pod_of(built({"command": "python", "args": ["train.py"]})) == yaml.safe_load(GOLDEN.read_text())


def with_sdk(spec: dict, **top) -> tuple[dict, set]:
    """The variables for the SDK, and the files in the folder of modules."""
    made = build(run(TASK | spec, **top), 1, Options(ingest_url=URL, pod_api_url=f"{URL}/"))
    (handed,) = [v for path, v in sources(made).items() if path == "/var/run/run-operator"]
    files = {
        item["path"]
        for source in handed["projected"]["sources"]
        for item in source.get("configMap", {}).get("items", ())
    }
    names = {"DHCORE_ENDPOINT", "RUN_SDK_ENDPOINT", "DHCORE_ACCESS_TOKEN"}
    return {name: value for name, value in variables(made).items() if name in names}, files


def test_the_sdk_reads_where_its_api_is_and_gets_no_token_in_the_open():
    variables_set, files = with_sdk({})
    assert variables_set == {"DHCORE_ENDPOINT": URL, "RUN_SDK_ENDPOINT": URL}
    assert "lib/sitecustomize.py" in files


@pytest.mark.parametrize(
    ("envs", "variables_set"),
    [
        (env(("DHCORE_ENDPOINT", "https://platform.test")), {"DHCORE_ENDPOINT": "https://platform.test"}),
        (env(("RUN_SDK", "Off")), {}),
        ({"secrets": ["s"]}, {"RUN_SDK_ENDPOINT": URL}),  # it may set the address, and would be overruled
    ],
)
def test_who_says_something_else_means_it(envs, variables_set):
    found, files = with_sdk(envs)
    assert found == variables_set
    assert ("lib/sitecustomize.py" in files) == ("RUN_SDK_ENDPOINT" in variables_set)


def test_without_metrics_or_an_address_the_sdk_gets_nothing():
    assert "RUN_SDK_ENDPOINT" not in variables(built({}))
    made = build(run(TASK), 1, Options(ingest_url=None, pod_api_url=URL))
    assert "DHCORE_ENDPOINT" not in variables(made)
    assert with_sdk(env(("RUN_METRICS", "on")))[0]


def test_nothing_is_added_without_an_ingest():
    made = built({}, url=None)
    assert sources(made) == {}
    assert not [name for name in variables(made) if name.startswith(("RUN_METRICS", "PYTHONPATH"))]


@pytest.mark.parametrize("word", ["off", "OFF", "false", "no", "0"])
def test_a_document_can_say_no(word):
    made = built(env(("RUN_METRICS", word), ("RUN_METRICS_URL", "https://elsewhere"), ("PYTHONPATH", "/app")))
    assert sources(made) == {}
    assert variables(made)["RUN_METRICS_URL"] == "https://elsewhere"
    assert variables(made)["PYTHONPATH"] == "/app"
    assert made.warnings == ()


def test_a_service_reports_too():
    made = build(run(SERVE, kind="container+serve:run"), 1, Options(ingest_url=URL))
    assert "/var/run/run-operator" in sources(made)


def test_the_users_own_modules_come_first_and_later_variables_may_still_refer_to_them():
    made = built(env(("PYTHONPATH", "/app:/lib"), ("AGAIN", "$(PYTHONPATH)")))
    assert variables(made)["PYTHONPATH"] == "/app:/lib:/var/run/run-operator/lib"
    assert list(variables(made)).index("PYTHONPATH") < list(variables(made)).index("AGAIN")


def test_a_document_cannot_send_the_token_elsewhere():
    made = built(env(("RUN_METRICS_URL", "https://evil.example"), ("RUN_METRICS_CA_FILE", "/data/ca")))
    assert variables(made)["RUN_METRICS_URL"] == f"{URL}/v1/namespaces/ml/runs/hello/metrics"
    assert variables(made)["RUN_METRICS_CA_FILE"] == "/var/run/run-operator/ca.crt"
    assert [warning.split()[3] for warning in made.warnings] == ["RUN_METRICS_URL", "RUN_METRICS_CA_FILE"]


@pytest.mark.parametrize(
    ("spec", "folder", "scratch"),
    [
        ({}, None, True),  # the module knows the place
        (env(("RUN_METRICS_FOLDER", "/var/run/run-metrics/a")), "/var/run/run-metrics/a", True),
        (env(("RUN_METRICS_FOLDER", "/data/m")) | mounted("/data"), "/data/m", False),
        (mounted("/var/run/run-metrics"), None, False),
        (mounted("/run"), None, False),
    ],
)
def test_the_spool_lies_where_the_document_wants_it(spec, folder, scratch):
    made = built(spec)
    assert variables(made).get("RUN_METRICS_FOLDER") == folder
    assert [
        name for name, source in sources(made).items() if source.get("emptyDir") == {"sizeLimit": "512Mi"}
    ] == (["/var/run/run-metrics"] if scratch else [])


@pytest.mark.parametrize(
    "path", ["/var/run/run-operator", "/run/run-operator", "/var/run/run-operator/lib", "/run/run-operator/x"]
)
def test_a_volume_over_the_module_is_refused(path):
    with pytest.raises(InvalidSpecError, match=r"spec.spec.volumes\[0\].mount_path: .* set RUN_METRICS=off"):
        built(mounted(path))
    assert path in sources(built(mounted(path) | env(("RUN_METRICS", "off"))))


def test_our_volumes_give_way_to_the_users_names():
    made = built(
        {"volumes": [CLAIM | {"name": n, "mount_path": f"/{n}"} for n in ("run-operator", "run-metrics")]}
    )
    assert sources(made)["/run-operator"]["name"] == "run-operator"
    assert sources(made)["/var/run/run-operator"]["name"] == "run-operator-1"
    assert sources(made)["/var/run/run-metrics"]["name"] == "run-metrics-1"


@pytest.mark.parametrize(("grace", "seconds"), [(30, None), (15, None), (6, "4"), (0, "1")])
def test_the_last_flush_fits_into_the_grace_period(grace, seconds):
    policy = {"terminationGracePeriodSeconds": grace}
    made = variables(built({}, policy=policy))
    assert made.get("RUN_METRICS_SIGTERM_TIMEOUT") == seconds
    assert "RUN_METRICS_FLUSH_TIMEOUT" not in made, "an end without SIGTERM may wait for longer"


@pytest.mark.parametrize("name", ["RUN_METRICS_FLUSH_TIMEOUT", "RUN_METRICS_SIGTERM_TIMEOUT"])
def test_who_says_how_long_the_last_flush_takes_is_believed(name):
    made = variables(built(env((name, "60")), policy={"terminationGracePeriodSeconds": 6}))
    assert {key: value for key, value in made.items() if key.endswith("TIMEOUT")} == {name: "60"}


def test_what_a_pod_is_not_given_the_module_knows(monkeypatch):
    for name in ("RUN_METRICS_FOLDER", "RUN_METRICS_FLUSH_TIMEOUT", "RUN_METRICS_SIGTERM_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUN_METRICS_URL", URL)
    known = Settings.from_environment()
    assert known.folder == names.SPOOL_FOLDER
    assert known.flush_timeout == FLUSH_SECONDS
    assert known.end_timeout > known.flush_timeout


@pytest.mark.parametrize(
    ("given", "flush", "end"),
    [
        ({"SIGTERM": "4"}, 4, 120),
        ({"FLUSH": "60"}, 60, 60),
        ({"FLUSH": "0", "SIGTERM": "4"}, 0, 0),
        ({"FLUSH": "soon", "SIGTERM": ""}, 10, 120),
    ],
)
def test_a_persons_time_for_the_last_flush_bounds_every_end(monkeypatch, given, flush, end):
    for name in ("FLUSH", "SIGTERM"):
        monkeypatch.delenv(f"RUN_METRICS_{name}_TIMEOUT", raising=False)
    for name, seconds in given.items():
        monkeypatch.setenv(f"RUN_METRICS_{name}_TIMEOUT", seconds)
    known = Settings.from_environment()
    assert (known.flush_timeout, known.end_timeout) == (flush, end)


SHARED = {"volume_type": "shared_volume", "spec": {"claimName": "team"}}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "/var/run/run-metrics/*.jsonl in the pod: gone with it, unless RUN_METRICS_FOLDER names"),
        (env(("RUN_METRICS", "off")), ""),
        (env(("RUN_METRICS_FOLDER", "/opt/m")), "/opt/m/*.jsonl in the pod: gone with it"),
        (
            env(("RUN_METRICS_FOLDER", "/data/m/")) | mounted("/data", spec={"subPath": "a"}),
            "/data/m/*.jsonl, that is /a/m/*.jsonl of the claim hello-data: kept until the Run is deleted",
        ),
        (
            mounted("/run/run-metrics", **SHARED),
            "/var/run/run-metrics/*.jsonl, that is /*.jsonl of the claim team: outlives the Run",
        ),
        (
            env(("RUN_METRICS_FOLDER", "/scratch")) | mounted("/scratch", volume_type="ephemeral"),
            "/scratch/*.jsonl in the pod: gone with it",
        ),
    ],
)
def test_where_every_value_is_and_how_long(spec, said):
    where = spool_location(run(TASK | spec))
    assert where.startswith(said)
    assert bool(where) == bool(said)
