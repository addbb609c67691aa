"""`runctl` on a terminal, in a shell and beside kubectl: what people see, and what reaches nobody."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from run_operator import Cluster, get_run
from tests.support.harness import EXPORTS, run_object, wait_for
from tests.support.terminal import INTERRUPTIBLE, RUNCTL

GOOD = EXPORTS / "container-job-selfcontained.yaml"


def test_hostile_texts_never_reach_the_terminal_as_they_are(operator, person, runctl):
    evil = run_object("x", suspend=True)
    evil["spec"]["user"] = "\x1b[31mred"
    evil["spec"]["spec"]["image"] = "\x1b]0;owned\x07"
    person.apply(evil)
    assert "\x1b" not in runctl.says("describe", "x")
    assert "\x1b" not in runctl.says("list", "-o", "wide") + runctl.says("get", "x", "-o", "yaml")


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


def test_the_first_screen_of_80_columns_says_of_each_run_why_it_waits(operator, person, runctl):
    names = ("train-churn-3f2a1", "sweep-resnet50-lr-0-001", "3f2a1c9e-5d11-4c5d-9a55-0f3b2a7c8d90")
    person.apply_run(names[0])
    person.apply_run(names[1], spec={"resources": {"cpu": "4000"}})
    person.apply_run(names[2], spec={"resources": {"gpu": "0.5"}})
    person.becomes(names[0], "RUNNING")
    wait_for("the reason", lambda: person.status(names[1]).get("reason") == "Unschedulable")
    person.becomes(names[2], "ERROR")
    with Cluster.connect(kubeconfig=str(person.kubeconfig), namespace=person.namespace) as cluster:
        get_run(names[0], cluster=cluster).log_metric("validation_accuracy", [0.8125, 0.90625])
        get_run(names[0], cluster=cluster).log_metric("learning_rate", 0.0125)
    wait_for("the summary", lambda: "learning_rate" in person.status(names[0]).get("metricsSummary", ""))

    lines = person.kubectl("get", "runs").stdout.splitlines()
    summary = lines[0].index("SUMMARY")
    assert max(len(line[:summary].rstrip()) for line in lines) <= 80, lines
    reasons = {line.split()[0]: line[lines[0].index("REASON") :].split()[0] for line in lines[1:]}
    assert (reasons[names[1]], reasons[names[2]]) == ("Unschedulable", "InvalidSpec")

    shown = runctl.on_a_terminal("list", COLUMNS="80", NO_COLOR="1").splitlines()
    assert max(map(len, shown)) <= 80, shown
    assert shown[0].split()[:3] == ["NAME", "STATE", "REASON"]
    assert all(name in "\n".join(shown) for name in names)
    assert any(line.split()[:3] == [names[1], "PENDING", "Unschedulable"] for line in shown)


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


def test_many_files_have_a_bar_below_what_is_said_of_each(operator, person, runctl, tmp_path):
    for number in range(6):
        text = GOOD.read_text().replace("job-selfcontained", f"job-{number}")
        (tmp_path / f"{number}.yaml").write_text(text)
    (tmp_path / "bad.yaml").write_text("a: 1\n")
    seen = runctl.on_a_terminal("apply", "--suspend", str(tmp_path))
    assert f"\r\x1b[2Kapplying [{'#' * 17}{'-' * 13}] 4/7" in seen
    *lines, last = (line.rpartition("\x1b[2K")[2] for line in seen.split("\r\n"))
    assert [line.partition(" ")[0] for line in lines] == ["run"] * 6 + ["runctl:"]
    assert last == ""
    assert "\x1b" not in runctl.on_a_terminal("apply", str(tmp_path), TERM="dumb")


def test_colours_are_for_the_stream_that_is_a_terminal(operator, person, runctl, tmp_path):
    """`wait` says its states on standard error: that one counts, whatever standard output is."""
    person.apply_run("x", "kwok-complete")
    person.becomes("x", "COMPLETED")
    call = f"{' '.join(RUNCTL)} wait x -n {person.namespace}"
    assert "\x1b" not in runctl.shows("sh", "-c", f"{call} 2> {tmp_path}/err; cat {tmp_path}/err")
    assert "\x1b[32mCOMPLETED" in runctl.shows("sh", "-c", f"{call} > /dev/null")
    assert "\x1b" not in runctl.shows("sh", "-c", call, TERM="dumb")


def test_ctrl_c_ends_an_apply_between_two_files(operator, person, runctl, tmp_path):
    for number in range(300):
        text = GOOD.read_text().replace("job-selfcontained", f"job-{number:03}")
        (tmp_path / f"{number:03}.yaml").write_text(text)
    command = [*INTERRUPTIBLE, *RUNCTL, "apply", "--suspend", str(tmp_path), "-n", person.namespace]
    environment = runctl.environment(PYTHONUNBUFFERED="1")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as applying:
        try:
            assert applying.stdout is not None
            first = applying.stdout.readline()
            applying.send_signal(signal.SIGINT)
            said, errors = applying.communicate(timeout=30)
        finally:
            applying.kill()
    assert (applying.returncode, errors.strip()) == (130, "")
    noted = len((first + said).splitlines())
    assert noted <= len(person.items("runs")) <= noted + 1 < 300


def test_a_terminal_that_cannot_show_a_letter_still_gets_the_rest(operator, person, runctl):
    person.apply_run("x", suspend=True)
    with Cluster.connect(kubeconfig=str(person.kubeconfig), namespace=person.namespace) as cluster:
        get_run("x", cluster=cluster).log_metrics({"l\N{SNOWMAN}ss": 1, "acc": 0.5})
    poor = {**runctl.environment(PYTHONIOENCODING="latin-1")}
    for verb, shown in (("list", "l?ss 1"), ("describe", "l?ss 1"), ("metrics", "l?ss")):
        command = [*RUNCTL, verb, *(["x"] if verb != "list" else []), "-n", person.namespace]
        done = subprocess.run(command, env=poor, capture_output=True, check=True)
        assert shown in done.stdout.decode("latin-1")
    command = [*RUNCTL, "metrics", "x", "-o", "csv", "-n", person.namespace]
    data = subprocess.run(command, env=poor, capture_output=True, check=True).stdout
    assert "l\N{SNOWMAN}ss,0,1" in data.decode("utf-8")


def test_an_expired_login_says_to_log_in_again(person, runctl, tmp_path):
    document = yaml.safe_load(person.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": "expired"}
    (tmp_path / "theirs").write_text(yaml.safe_dump(document))
    done = runctl.run("list", "--kubeconfig", tmp_path / "theirs")
    assert done.returncode == 1
    assert done.stderr == "runctl: Unauthorized; log in again, or check the user of this kubeconfig context\n"


def test_kubectl_completes_the_names_of_runs(operator, person, runctl):
    person.apply([run_object("train-1", suspend=True), run_object("other", suspend=True)])
    folders = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [person.program, "__complete", "runs", "stop", "-n", person.namespace, "tr"],
        env=runctl.environment(PATH=folders), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["train-1\tSTOPPED demo", ":4"]
