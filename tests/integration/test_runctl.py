"""Every verb of `runctl` on a real API server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from run_operator import Cluster, get_run
from tests.support.harness import EXPORTS, run_object, wait_for
from tests.support.terminal import RUNCTL, Terminal

GOOD = EXPORTS / "container-job-selfcontained.yaml"


def test_metrics_are_written_to_files_and_shown_beside_when_asked(operator, person, runctl, tmp_path):
    person.apply_run("x", suspend=True)
    with Cluster.connect(kubeconfig=str(person.kubeconfig), namespace=person.namespace) as cluster:
        get_run("x", cluster=cluster).log_metrics({"loss": [4, 2, 1], "acc": 0.5})
    files = ("--csv", tmp_path / "m.csv", "--png", tmp_path / "m.png")
    assert runctl.says("metrics", "x", *files) == ""
    assert (tmp_path / "m.csv").read_text().count("\n") == 5
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    assert runctl.says("metrics", "x", "acc", "--plot", "--csv", tmp_path / "n.csv") == "acc 0.5\n"
    assert (tmp_path / "n.csv").read_text() == "metric,index,value\nacc,0,0.5\n"
    done = runctl.run("metrics", "x", "--png", tmp_path / "nowhere" / "m.png")
    assert done.stderr == f"runctl: {tmp_path}/nowhere/m.png: No such file or directory\n"


def test_apply_takes_what_kubectl_takes(operator, person, runctl):
    done = runctl.run("apply", "-f", "-", "--suspend", stdin=GOOD.read_text())
    assert (done.returncode, done.stdout) == (0, "run job-selfcontained created\n")


def test_nulls_that_kubectl_drops_are_no_difference(operator, person, runctl, tmp_path):
    """Else the same document, applied by both, would be refused for a Run that is not stopped."""
    export = tmp_path / "nulls.yaml"
    nulls = "  command: null\n  parameters: {a: null, b: [null, 1], c: {d: null}}\n"
    export.write_text(GOOD.read_text().replace("  command: sh\n", nulls))
    manifest = runctl.says("manifest", export)
    assert "command: null" in manifest
    person.kubectl("apply", "-f", "-", stdin=manifest)
    assert runctl.says("apply", export) == "run job-selfcontained unchanged\n"
    export.write_text(export.read_text().replace("[null, 1]", "[null, 2]"))
    assert "spec.spec can be changed only while" in runctl.run("apply", export).stderr


def test_a_selector_that_matches_nothing_says_so(operator, person, runctl):
    for verb in ("stop", "resume", "delete", "export", "wait", "compare"):
        done = runctl.run(verb, "-l", "team=x")
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"the selector matches no Run in the namespace {person.namespace}\n"


def test_from_apply_to_export(operator, person, runctl, tmp_path):
    assert runctl.says("apply", GOOD) == "run job-selfcontained created\n"
    assert runctl.says("apply", GOOD) == "run job-selfcontained unchanged\n"
    assert "job-selfcontained" in runctl.says("list")
    person.becomes("job-selfcontained", "RUNNING")
    assert runctl.says("stop", "job-selfcontained", "--wait", "--timeout", "60").endswith("is stopped\n")
    assert person.status("job-selfcontained")["state"] == "STOPPED"
    edited = tmp_path / "edited.yaml"
    edited.write_text(GOOD.read_text().replace("echo hello; sleep 2", "kwok-complete"))
    assert runctl.says("apply", edited) == "run job-selfcontained changed\n"
    assert runctl.says("resume", "job-selfcontained") == "run job-selfcontained is resumed\n"
    done = runctl.run("wait", "job-selfcontained", "--timeout", "60")
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1].startswith("run job-selfcontained: COMPLETED: exited with code 0")
    path = runctl.says("export", "job-selfcontained", "-d", tmp_path).strip()
    assert yaml.safe_load(Path(path).read_text())["status"]["state"] == "COMPLETED"
    assert runctl.says("delete", "job-selfcontained") == "run job-selfcontained is deleted\n"
    wait_for("gone", lambda: person.get("run", "job-selfcontained") is None)


def test_the_exit_codes_are_the_documented_ones(operator, person, runctl):
    person.apply_run("good", "kwok-complete")
    person.apply_run("bad", "kwok-fail")
    person.apply_run("long")
    person.becomes("long", "RUNNING")
    found = {
        what: runctl.run(*what.split())
        for what in (
            "wait good", "wait bad", "wait good bad", "wait", "wait nobody", "get nobody", "logs nobody",
            "stop good", "wait long --timeout 0.2", "metrics good loss", "invoke good", "list -o nonsense",
        )
    }  # fmt: skip
    assert {what: done.returncode for what, done in found.items()} == {
        "wait good": 0, "wait bad": 1, "wait good bad": 1, "wait": 2, "wait nobody": 3, "get nobody": 3,
        "logs nobody": 3, "stop good": 2, "wait long --timeout 0.2": 4, "metrics good loss": 2, "invoke good": 2,
        "list -o nonsense": 2,
    }  # fmt: skip
    for what in ("wait nobody", "stop good", "wait long --timeout 0.2", "invoke good"):
        last = found[what].stderr.splitlines()[-1]
        assert last.startswith("runctl: "), found[what].stderr
        assert "Traceback" not in found[what].stderr
    both = runctl.run("wait", "long", "good", "--timeout", "1").stderr
    assert re.search(r" is RUNNING after [\d.]+ s; the Run continues", both), (
        both
    )  # what the others left of the second


def test_of_several_runs_one_that_is_missing_does_not_keep_the_others_from_theirs(
    operator, person, runctl, tmp_path
):
    person.apply_run("a")
    person.apply_run("c", "kwok-complete")
    person.becomes("a", "RUNNING")
    person.becomes("c", "COMPLETED")

    def tried(*arguments: object) -> tuple[int, list[str]]:
        done = runctl.run(*arguments)
        missed = [line for line in done.stderr.splitlines() if line.startswith("runctl: ")]
        assert all("there is no run b in the namespace " in line for line in missed[:1]), done.stderr
        return done.returncode, [*(line.split()[0] for line in done.stdout.splitlines()), str(len(missed))]

    assert tried("get", "a", "b", "c") == (3, ["NAME", "a", "c", "1"])
    assert tried("get", "b", "a", "-o", "name") == (3, ["run.run-operator.io/a", "1"])
    listed = json.loads(runctl.run("get", "b", "a", "-o", "json").stdout)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]
    assert tried("get", "b", "b", "-o", "json") == (3, ["2"])
    assert tried("export", "b", "a", "-d", tmp_path) == (3, [f"{tmp_path}/runs-a.yaml", "1"])
    assert tried("wait", "b", "a", "c", "--timeout", "0", "-q") == (3, ["2"]), "b is missing, a not finished"
    assert runctl.run("wait", "a", "c", "--timeout", "0", "-q").returncode == 4
    assert tried("stop", "b", "a", "c", "--wait") == (3, ["run", "run", "2"]), "c is finished"
    assert person.status("a")["state"] == "STOPPED"
    assert tried("resume", "b", "a") == (3, ["run", "1"])
    assert tried("delete", "b", "a", "c") == (3, ["run", "run", "1"])
    wait_for("both are gone", lambda: person.items("runs") == [])


@pytest.mark.parametrize("how", [(), ("-f",), ("--attempt", "3"), ("-f", "--attempt", "3")], ids=" ".join)
def test_logs_of_a_run_that_does_not_run_say_what_it_is(operator, person, runctl, how):
    person.apply_run("idle", suspend=True)
    person.apply_run("ran")
    person.apply_run("done", "kwok-complete")
    person.becomes("ran", "RUNNING")
    person.patch_run("ran", {"spec": {"suspend": True}})
    states = {
        "idle": "STOPPED: not started yet",
        "ran": "STOPPED: stopped; set",
        "done": "COMPLETED: exited with code 0",
    }
    for name, state in states.items():
        person.becomes(name, state.partition(":")[0])
    person.kubectl("delete", "pods", "--all")
    for name, state in states.items():
        done = runctl.run("logs", name, *how)
        assert (done.returncode, done.stdout) == (0, "")
        first, second = done.stderr.splitlines()
        assert first.startswith(f"run {name}: {state}")
        had = 0 if name == "idle" else 1
        nothing = "; if it wrote something, the Events of the Run say why" if had else ": it has not run yet"
        why = f" of attempt 3: it has had {had} so far" if "3" in how else nothing
        assert second.startswith(f"run {name} has no logs{why}")


def test_logs_of_a_run_that_waits_say_what_for_until_it_is_stopped(operator, person, runctl):
    person.apply_run("x", spec={"priority_class": "missing"})
    person.becomes("x", "PENDING")
    so_far = runctl.run("logs", "x")
    assert (so_far.returncode, so_far.stdout) == (0, "")
    assert so_far.stderr.startswith("run x: PENDING: ")
    assert so_far.stderr.endswith("run x has no logs: it has not written anything yet\n")
    command = [*RUNCTL, "logs", "-f", "x", "-n", person.namespace]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=runctl.environment(), stdout=pipe, stderr=pipe, text=True
    ) as following:
        try:
            assert following.stderr is not None
            assert following.stderr.readline().startswith("run x: PENDING: ")
            person.patch_run("x", {"spec": {"suspend": True}})
            lines, shown = following.communicate(timeout=60)
        finally:
            following.kill()
    assert (following.returncode, lines) == (0, "")
    assert "\nrun x: STOPPED: stopped; " in f"\n{shown}"


def test_who_may_see_runs_and_not_their_pods_reads_which_right_is_missing(operator, person, runctl, tmp_path):
    person.apply_run("x")
    theirs = Terminal(person.somebody(tmp_path / "theirs", "run-operator-view"))
    person.becomes("x", "RUNNING")
    followed = theirs.run("logs", "-f", "x")
    assert (followed.returncode, followed.stdout) == (1, "")
    assert 'cannot list resource "pods"' in followed.stderr.splitlines()[-1]
    waited = theirs.run("wait", "x", "--timeout", "5")
    assert waited.returncode == 4
    shown = [line for line in waited.stderr.splitlines() if "the logs of its program cannot be read" in line]
    assert len(shown) == 1
    assert 'cannot list resource "pods"' in shown[0]


def test_a_run_that_is_not_there_is_missing_also_for_who_may_not_list(operator, person, runctl, tmp_path):
    theirs = Terminal(person.somebody(tmp_path / "theirs"))
    person.kubectl("create", "role", "get", "--verb=get", "--resource=runs.run-operator.io")
    person.kubectl(
        "create", "rolebinding", "get", "--role=get", f"--serviceaccount={person.namespace}:someone"
    )
    person.apply_run("x", suspend=True)
    assert "kind: Run" in theirs.says("get", "x", "-o", "yaml")
    missing = theirs.run("get", "nobody")
    assert missing.returncode == 3
    assert 'cannot list resource "runs"' in missing.stderr


def test_where_no_cluster_answers_one_line_says_so(person, runctl, tmp_path):
    nowhere = tmp_path / "kubeconfig"
    config = yaml.safe_load(person.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    nowhere.write_text(yaml.safe_dump(config))
    done = runctl.run("get", "a", "b", "c", "--kubeconfig", nowhere)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr


def test_get_shows_objects_that_can_be_applied_again(operator, person, runctl):
    person.apply([run_object("a", suspend=True), run_object("b", suspend=True)])
    one = json.loads(runctl.says("get", "a", "-o", "json"))
    assert (one["kind"], one["metadata"]["name"]) == ("Run", "a")
    both = yaml.safe_load(runctl.says("get", "a", "b", "-o", "yaml"))
    assert [item["metadata"]["name"] for item in both["items"]] == ["a", "b"]
    assert runctl.says("list", "-o", "name").split() == ["run.run-operator.io/a", "run.run-operator.io/b"]


def test_list_has_the_columns_of_kubectl_and_selects_by_everything(operator, person, runctl):
    labelled = run_object("a", suspend=True)
    labelled["metadata"]["labels"] = {"team": "x"}
    person.apply([labelled, run_object("b", suspend=True)])
    person.becomes("b", "STOPPED")
    person.becomes("a", "STOPPED")
    header = runctl.says("list").splitlines()[0].split()
    assert header == person.kubectl("get", "runs").stdout.splitlines()[0].split()
    assert [line.split()[0] for line in runctl.says("list", "-l", "team=x").splitlines()] == ["NAME", "a"]
    assert len(runctl.says("list", "--state", "stopped", "--project", "demo").splitlines()) == 3
    assert runctl.run("list", "--state", "RUNNING").stderr.startswith("no Runs in the namespace")
    assert person.namespace in runctl.says("list", "-A")


def test_describe_tells_the_whole_story(operator, person, runctl):
    person.apply_run("x", "kwok-fail")
    person.becomes("x", "ERROR")
    wait_for("its events", lambda: "Events:" in runctl.says("describe", "x"))
    shown = runctl.says("describe", "x")
    for part in ("Kind:       container+job:run", "State:      ERROR", "Attempts:", "Conditions:", "exit"):
        assert part in shown


def test_many_files_are_applied_and_the_bad_ones_named(operator, person, runctl, tmp_path):
    for number in range(7):
        text = GOOD.read_text().replace("job-selfcontained", f"job-{number}")
        (tmp_path / f"{number}.yaml").write_text(text)
    (tmp_path / "junk.yaml").write_bytes(os.urandom(1000))
    (tmp_path / "two.yaml").write_text("a: 1\n---\nb: 2\n")
    assert runctl.run("apply", tmp_path, "--dry-run").returncode == 2
    assert person.items("runs") == []
    done = runctl.run("apply", tmp_path, "--suspend")
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == len(person.items("runs")) == 7
    assert sorted(line.split(":")[1].strip() for line in done.stderr.splitlines()) == [
        str(tmp_path / "junk.yaml"),
        str(tmp_path / "two.yaml"),
    ]


def test_selected_runs_are_stopped_and_deleted_together(operator, person, runctl):
    for name in ("a", "b"):
        run = run_object(name)
        run["metadata"]["labels"] = {"team": "x"}
        person.apply(run)
    person.apply_run("c")
    assert len(runctl.says("stop", "-l", "team=x", "--wait").splitlines()) == 4
    assert runctl.run("stop").returncode == runctl.run("stop", "a", "-l", "team=x").returncode == 2
    runctl.says("delete", "-l", "team=x")
    wait_for("the two are gone", lambda: [run["metadata"]["name"] for run in person.items("runs")] == ["c"])


def test_a_stop_of_a_stopped_run_says_that_it_is_stopped_already(operator, person, runctl):
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    for how in ((), ("--wait",)):
        assert runctl.says("resume", "x", *how) == "run x runs already\n"
    assert runctl.says("stop", "x", "--wait") == "run x stops\nrun x is stopped\n"
    for how in ((), ("--wait",)):
        assert runctl.says("stop", "x", *how) == "run x is already stopped\n"
    assert runctl.says("resume", "x", "--wait") == "run x is resumed\nrun x runs\n"


def test_metrics_as_table_chart_and_csv(operator, person, runctl, tmp_path):
    person.apply_run("x", suspend=True)
    assert "has logged no metrics" in runctl.run("metrics", "x").stderr
    run = get_run("x", cluster=Cluster.connect(kubeconfig=str(person.kubeconfig), namespace=person.namespace))
    run.log_metrics({"loss": [4, 2, 1], "acc": 0.5})
    assert runctl.says("metrics", "x").split() == [
        "METRIC", "COUNT", "LAST", "MIN", "MAX", "acc", "1", "0.5", "loss", "3", "1", "1", "4",
    ]  # fmt: skip
    assert (
        runctl.says("metrics", "x", "loss", "-o", "csv")
        == "metric,index,value\nloss,0,4\nloss,1,2\nloss,2,1\n"
    )
    runctl.says("metrics", "x", "--csv", tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_text().count("\n") == 5
    assert json.loads(runctl.says("metrics", "x", "-o", "json")) == {"acc": 0.5, "loss": [4, 2, 1]}
    chart = runctl.says("metrics", "x", "loss", "--plot").splitlines()
    assert (chart[0], chart[1].split()[0], chart[-1].split()[0]) == ("loss (3 values)", "4", "1")
    assert "acc 0.5" in runctl.says("describe", "x")
    run.cluster.close()


def test_top_says_that_it_needs_a_metrics_server(operator, person, runctl):
    person.apply_run("x")
    done = runctl.run("top")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "this cluster has no metrics server" in done.stderr


def test_a_run_that_waits_is_not_resumed_and_a_stopped_service_says_so(operator, person, runctl):
    person.apply_run("x", spec={"resources": {"cpu": "4000"}})
    person.apply_run("svc", kind="container+serve", suspend=True, spec={"service_ports": [{"port": 80}]})
    wait_for("the reason", lambda: person.status("x").get("reason") == "Unschedulable")
    assert runctl.says("resume", "x") == "run x is PENDING, and not suspended: there is nothing to resume\n"
    assert runctl.says("get", "x").split()[:7] == [
        "NAME",
        "STATE",
        "REASON",
        "ATTEMPT",
        "PROJECT",
        "KIND",
        "SUMMARY",
    ]
    person.becomes("svc", "STOPPED")
    called = runctl.run("invoke", "svc", "/")
    assert called.returncode == 2
    assert "It is STOPPED: resume it first." in called.stderr
