"""Both lines of the DigitalHub SDK: the day of a person with each of them, and each going on with what the other began.

`make sdk-lines` runs this file and shows the table. What a new beta calls, sends or is refused for the first time makes
it red: compare it with tests/data/sdk, see to it, and write it down there.
"""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from run_operator.api.exported import manifest
from run_operator.document.entity import load
from tests.support.gateway_process import LINES, SdkUser, account
from tests.support.harness import REPOSITORY, Person, wait_for
from tests.support.recorder import Recorder

KNOWN = REPOSITORY / "tests" / "data" / "sdk"
DAY = REPOSITORY / "tests" / "support" / "sdk_day.py"
ROLES = ("edit", "run-operator-metrics")


@pytest.fixture
def token(person: Person) -> str:
    """A token of a user who may also change namespaces."""
    found = account(person, "user", *ROLES)
    who = f"--serviceaccount={person.namespace}:user"
    role = f"{person.namespace}-namespaces"
    person.kubectl("create", "clusterrole", role, "--verb=get,patch", "--resource=namespaces")
    person.kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}", who)
    return found


@pytest.mark.timeout(240)
def test_the_day_of_a_person(operator, gateway, kubeconfig, person, token, tmp_path, capsys):
    recorders: dict[str, Recorder] = {}
    other = Person(kubeconfig, f"{person.namespace}-2")
    other.kubectl("create", "namespace", other.namespace)
    for role in ROLES:
        other.kubectl(
            "create",
            "rolebinding",
            role,
            f"--clusterrole={role}",
            f"--serviceaccount={person.namespace}:user",
        )
    places = dict(zip(LINES, (person.namespace, other.namespace), strict=True))

    def day(line: str) -> dict[str, str]:
        recorders[line] = Recorder(gateway.endpoint)
        user = SdkUser(recorders[line].endpoint, token, tmp_path, line, programs=DAY)
        try:
            return dict(user.end(user.begin(places[line]), 200.0))
        finally:
            recorders[line].stop()

    try:
        with ThreadPoolExecutor(len(LINES)) as pool:
            days = dict(zip(LINES, pool.map(day, LINES), strict=True))
    finally:
        other.kubectl("delete", "namespace", other.namespace, "--wait=false")
    with capsys.disabled():
        print(table(days))
    assert {line: broken(found) for line, found in days.items()} == {line: {} for line in LINES}
    for line, recorder in recorders.items():
        assert news(recorder) == [], f"the SDK {line} does what tests/data/sdk/calls.yaml does not know"


def broken(day: dict[str, str]) -> dict[str, str]:
    return {call: outcome for call, outcome in day.items() if outcome != "ok"}


def table(days: dict[str, dict[str, str]]) -> str:
    """Call, and how it went with each line."""
    versions = {line: version(line) for line in days}
    width = max(len(call) for day in days.values() for call in day)
    rows = [f"{'call':{width}}  " + "  ".join(f"{versions[line]:12}" for line in days)]
    rows += [
        f"{call:{width}}  " + "  ".join(f"{day.get(call, '-'):12}" for day in days.values())
        for call in dict.fromkeys(call for day in days.values() for call in day)
    ]
    return "\n" + "\n".join(rows) + "\n"


def version(line: str) -> str:
    asked = "import importlib.metadata as m; print(m.version('digitalhub'))"
    return subprocess.run(
        [LINES[line], "-c", asked], capture_output=True, text=True, check=True
    ).stdout.strip()


def news(recorder: Recorder) -> list[str]:
    """Requests, parameters, fields and refusals that are not written down."""
    known = yaml.safe_load((KNOWN / "calls.yaml").read_text())
    found = set()
    for call in recorder.calls:
        there = known.get(call.request)
        if there is None:
            found.add(f"{call.request} is new")
            continue
        for what, given in (("parameters", call.parameters), ("fields", call.fields)):
            new = set(given) - set(there.get(what, ()))
            if new:
                found.add(f"{call.request} has new {what}: {', '.join(sorted(new))}")
        if call.code >= 400 and call.code not in there.get("refused", ()):
            found.add(f"{call.request} was refused with {call.code}")
    return sorted(found)


def test_what_can_be_called_is_known(line):
    done = subprocess.run(
        [LINES[line], DAY, "surface"], capture_output=True, text=True, check=True, timeout=60,
        env={"DHCORE_ENDPOINT": "http://127.0.0.1:1"},
    )  # fmt: skip
    known = yaml.safe_load((KNOWN / f"surface-{line}.yaml").read_text())
    assert json.loads(done.stdout) == known, "see to what is new, then write it down in tests/data/sdk"


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("first", "second"), [("0.15", "0.16"), ("0.16", "0.15")])
def test_one_line_goes_on_with_what_the_other_began(
    operator, gateway, person, token, tmp_path, first, second
):
    users = {line: SdkUser(gateway.endpoint, token, tmp_path, line) for line in LINES}

    def does(line: str, program: str, *arguments: Any) -> Any:
        return users[line].run(program, person.namespace, *arguments)

    begun = does(first, "begun")
    run_id = begun["id"]
    assert does(second, "stopped", run_id) == "STOPPED"
    gone_on = does(first, "resumed", run_id)
    assert (gone_on["state"], gone_on["attempt"], gone_on["metrics"]) == ("RUNNING", 2, {"loss": [0.5, 0.25]})
    exported = {line: does(line, "document", run_id) for line in LINES}
    for line, document in exported.items():
        assert (document["id"], document["metadata"]["name"]) == (run_id, begun["name"]), line
        assert document["spec"] == exported[first]["spec"], line
        for key, value in exported["0.15"]["metadata"].items():
            assert document["metadata"][key] == value, (line, key)
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(exported[first]))
    person.kubectl("delete", "run", run_id, "--wait=true")
    assert does(second, "imported", file) == {"id": run_id, "name": begun["name"], "state": "RUNNING"}


@pytest.mark.timeout(180)
def test_a_kind_that_nobody_knows_is_kept_and_starts_nothing(operator, gateway, person, token, tmp_path):
    """The SDK 0.16 has generic entities for such kinds; it reads what kubectl applied, and imports what it exported."""
    name = person.namespace
    spec = {"anything": {"deep": [1, {"a": 2}]}, "image": "i"}
    metadata = {"name": "quantum-one", "version": "v"}
    function = {
        "kind": "_generic",
        "project": name,
        "id": "f1",
        "name": "q",
        "spec": spec,
        "metadata": metadata,
    }
    task = {
        "kind": "_generic+anneal",
        "project": name,
        "id": "t1",
        "spec": {"function": f"_generic://{name}/q:f1"},
    }
    run = {
        "kind": "_generic+anneal:run", "project": name, "id": "r1", "name": "quantum-one", "metadata": metadata,
        "spec": {**spec, "task": f"_generic+anneal://{name}/t1", "function": f"_generic://{name}/q:f1"},
    }  # fmt: skip
    for kind, document in (("Function", function), ("Task", task), ("Run", run)):
        person.apply(
            {
                "apiVersion": "run-operator.io/v1alpha1",
                "kind": kind,
                "metadata": {"name": document["id"]},
                "spec": document,
            }
        )
    wait_for("an answer", lambda: person.status("r1").get("reason") == "RuntimeNotFound")
    user = SdkUser(gateway.endpoint, token, tmp_path, "0.16")
    found = user.run("generic", name, "r1")
    assert (found["functions"], found["tasks"], found["runs"]) == (["f1"], ["t1"], ["r1"])
    assert (
        found["exported"]["spec"].items()
        >= {"anything": spec["anything"], "task": run["spec"]["task"]}.items()
    )
    assert found["imported"] == ["_generic+anneal:run", "r1", spec["anything"]]
    assert not person.items("jobs,pods,deployments,services")


@pytest.mark.timeout(180)
def test_a_run_from_before_0_14_breaks_no_list(operator, gateway, person, token, tmp_path, line):
    file = REPOSITORY / "tests" / "data" / "exports" / "legacy-0.13-container-serve.yaml"
    made = manifest(load(file.read_bytes()), suspend=True)
    person.apply(made)
    found = SdkUser(gateway.endpoint, token, tmp_path, line).run("earlier", person.namespace, "legacy-serve")
    assert found["listed"] == [["legacy-serve", "container+serve:run"]]
    assert found["of_kind"] == [1, 0]
    spec = {key: value for key, value in made["spec"]["spec"].items() if value is not False}
    assert found["spec"].items() >= spec.items()
    assert person.get("run", "legacy-serve")["spec"]["kind"] == "container+run"


@pytest.mark.timeout(180)
def test_no_answer_is_older_than_what_was_accepted(operator, gateway, person, token, tmp_path, line):
    """A wait right after a resume waited for the stop of before."""
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    found = SdkUser(gateway.endpoint, token, tmp_path, line).run("accepted", person.namespace, "x", 4)
    assert set(found["after_stop"]) <= {"STOP", "STOPPED"}
    assert set(found["after_resume"]) <= {"PENDING", "RUNNING"}
    assert found["after_delete"] == 4 * [True]
