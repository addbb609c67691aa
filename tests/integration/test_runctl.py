"""`runctl` as a person has it: the real program, a real API server, a real pseudo-terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from run_operator import Cluster, get_run
from tests.harness import EXPORTS, REPOSITORY, Person, run_object, wait_for

RUNCTL = (sys.executable, "-m", "run_operator.client.cli")
GOOD = EXPORTS / "container-job-selfcontained.yaml"


class Terminal:
    """`runctl` with the test's kubeconfig and namespace."""

    def __init__(self, person: Person) -> None:
        self._person = person

    def environment(self, **more: str) -> dict[str, str]:
        paths = f"{REPOSITORY / 'operator'}"
        return {**os.environ, "KUBECONFIG": str(self._person.kubeconfig), "PYTHONPATH": paths, **more}

    def run(self, verb: str, *arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*RUNCTL, verb, *map(str, arguments), "-n", self._person.namespace],
            env=self.environment(), input=stdin, capture_output=True, text=True, check=False, timeout=90,
        )  # fmt: skip

    def says(self, *arguments: object) -> str:
        done = self.run(*arguments)  # type: ignore[arg-type]
        assert done.returncode == 0, done.stderr
        return done.stdout

    def on_a_terminal(self, *arguments: str, **environment: str) -> str:
        """Everything a person sees, until the program ends."""
        pid, screen = pty.fork()
        if pid == 0:  # pragma: no cover - the child
            env = self.environment(TERM="xterm", COLUMNS="100", **environment)
            os.execvpe(RUNCTL[0], [*RUNCTL, *arguments, "-n", self._person.namespace], env)  # noqa: S606
        seen = b""
        until = time.monotonic() + 60
        while time.monotonic() < until and select.select([screen], [], [], 1)[0] is not None:
            try:
                chunk = os.read(screen, 4096) if select.select([screen], [], [], 0.2)[0] else None
            except OSError:
                break
            seen += chunk or b""
        os.close(screen)
        os.waitpid(pid, 0)
        return seen.decode()


@pytest.fixture
def runctl(person: Person) -> Terminal:
    return Terminal(person)


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


def test_an_unreachable_cluster_and_a_broken_kubeconfig_are_one_line(person, runctl, tmp_path):
    nobody = tmp_path / "nobody"
    document = yaml.safe_load(person.kubeconfig.read_text())
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    nobody.write_text(yaml.safe_dump(document))
    done = runctl.run("get", "x", "--kubeconfig", nobody)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    for text in ("", "[", "a: 1", "\x00", "apiVersion: v1\nclusters: 3\n"):
        nobody.write_text(text)
        done = runctl.run("list", "--kubeconfig", nobody)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert runctl.run("list", "--context", "none").returncode == 2


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
    told = runctl.says("describe", "x")
    for part in ("Kind:       container+job:run", "State:      ERROR", "Attempts:", "Conditions:", "exit"):
        assert part in told


def test_hostile_texts_never_reach_the_terminal_as_they_are(operator, person, runctl):
    evil = run_object("x", suspend=True)
    evil["spec"]["user"] = "\x1b[31mred"
    evil["spec"]["spec"]["image"] = "\x1b]0;owned\x07"
    person.apply(evil)
    assert "\x1b" not in runctl.says("describe", "x")
    assert "\x1b" not in runctl.says("list", "-o", "wide") + runctl.says("get", "x", "-o", "yaml")


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


def test_a_terminal_gets_colours_and_a_live_line_unless_it_does_not_want_them(operator, person, runctl):
    person.apply_run("x", "kwok-complete")
    seen = runctl.on_a_terminal("wait", "x")
    assert "\x1b[32mCOMPLETED\x1b[0m" in seen
    assert re.search(r"\x1b\[2K(PENDING|RUNNING|CREATED|COMPLETED)  0:0\d", seen)
    assert seen.rstrip().splitlines()[-1].startswith("\x1b[2K") or "COMPLETED" in seen.splitlines()[-1]
    assert "\x1b[32mCOMPLETED" in runctl.on_a_terminal("list")
    plain = runctl.on_a_terminal("list", NO_COLOR="1")
    assert "COMPLETED" in plain
    assert "\x1b" not in plain
    assert "\x1b" not in runctl.says("list")


INTERRUPTIBLE = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
]
"""Before a command: SIGINT has its effect also where the tests run in the background, and so ignore it."""


def test_ctrl_c_ends_the_wait_and_leaves_the_run_alone(operator, person, runctl):
    person.apply_run("x")
    person.becomes("x", "RUNNING")
    command = [*INTERRUPTIBLE, *RUNCTL, "wait", "x", "-n", person.namespace]
    with subprocess.Popen(command, env=runctl.environment(), stderr=subprocess.PIPE, text=True) as waiting:
        try:
            assert waiting.stderr is not None
            assert waiting.stderr.readline().startswith("run x: RUNNING")
            waiting.send_signal(signal.SIGINT)
            rest = waiting.stderr.read()
            assert waiting.wait(30) == 130
        finally:
            waiting.kill()
    assert "Traceback" not in rest
    assert person.status("x")["state"] == "RUNNING"


def test_kubectl_finds_it_as_a_plugin(operator, person, runctl):
    person.apply_run("x", suspend=True)
    folders = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [person.program, "runs", "list", "-n", person.namespace],
        env=runctl.environment(PATH=folders), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "x" in done.stdout, done.stderr


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


def test_completion_names_runs(operator, person, runctl):
    person.apply([run_object("train-1", suspend=True), run_object("other", suspend=True)])
    for shell in ("bash", "zsh", "fish"):
        assert (
            "_RUNCTL_COMPLETE"
            in subprocess.run(
                [*RUNCTL, "completion", shell], capture_output=True, text=True, check=True
            ).stdout
        )
    asked: dict[str, Any] = {
        "_RUNCTL_COMPLETE": "zsh_complete",
        "COMP_WORDS": f"runctl stop -n {person.namespace} tr",
        "COMP_CWORD": "4",
    }
    program = "import sys; sys.argv[0] = 'runctl'; from run_operator.client.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=runctl.environment(**asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "train-1" in done.stdout
    assert "other" not in done.stdout
