"""A sweep from the command line and from Python: created in one line each, compared, run again, deleted."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable

import yaml

from run_operator import Cluster, compare_runs, get_run, list_runs, new_run
from tests.support.harness import Person, wait_for
from tests.support.terminal import INTERRUPTIBLE, RUNCTL, Terminal

IMAGE = "docker.io/library/busybox:1.36"


def test_a_run_in_one_line_is_followed_to_its_end_and_run_again(operator, person, runctl, tmp_path):
    (tmp_path / "train.sh").write_text("echo hello")
    file = ("--file", tmp_path / "train.sh")
    done = runctl.run(
        "run", "--image", IMAGE, "--name", "one", *file, "-e", "LR=0.1", "kwok-complete", "--ttl", 900
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == f"run one is created in the namespace {person.namespace}"
    assert lines[-1].startswith("run one: COMPLETED")
    again = runctl.run("rerun", "one", "--env", "LR=0.05", "-o", "name")
    assert again.returncode == 0, again.stderr
    name = again.stdout.splitlines()[0].rpartition("/")[2]
    spec = person.get("run", name)["spec"]
    assert spec["spec"]["envs"] == [{"name": "LR", "value": "0.05"}]
    assert spec["runPolicy"]["ttlSecondsAfterFinished"] == 900
    assert runctl.run("run", "--image", IMAGE, "kwok-fail").returncode == 1
    taken = runctl.run("run", "--image", IMAGE, "--name", "one", "true")
    assert taken.returncode == 1
    assert "use another --name, or delete it first (runctl delete one)" in taken.stderr


def test_the_manifest_of_a_dry_run_can_be_applied(operator, person, runctl):
    text = runctl.says("run", "--image", IMAGE, "--name", "dry", "--dry-run", "kwok-complete")
    assert yaml.safe_load(text)["metadata"]["namespace"] == person.namespace
    assert person.get("run", "dry") is None
    person.kubectl("apply", "-f", "-", stdin=text)
    person.becomes("dry", "COMPLETED")


def test_a_key_that_is_not_used_is_named_before_anything_is_sent(operator, person, runctl):
    text = runctl.says("run", "--image", IMAGE, "--name", "odd", "--dry-run", "kwok-complete")
    odd = text.replace("    image:", "    env: {A: b}\n    image:")
    done = runctl.run("apply", "-", "--suspend", stdin=odd)
    assert done.stdout == "run odd created\n"
    assert "spec.spec.env is not used by container+job; did you mean envs?" in done.stderr
    assert runctl.run("apply", "-", stdin=odd).stdout == "run odd unchanged\n"


def test_a_sweep(operator, person, runctl, tmp_path):
    for lr in ("0.1", "0.01", "0.001"):
        runctl.says("run", "-d", "--image", IMAGE, "--name", f"lr-{lr.replace('.', '-')}", "-l", "sweep=lr", "-e", f"LR={lr}", "kwok-complete")  # fmt: skip
    assert runctl.run("wait", "-q", "-l", "sweep=lr", "--timeout", 60).returncode == 0
    with Cluster.connect(kubeconfig=str(person.kubeconfig), namespace=person.namespace) as cluster:
        for name, losses in (("lr-0-1", [3, 2]), ("lr-0-01", [3, 1]), ("lr-0-001", [3, 2.5])):
            get_run(name, cluster=cluster).log_metric("loss", losses)
        runs = list_runs(selector_labels="sweep=lr", sort="loss", cluster=cluster)
        assert [run.object_name for run in runs] == ["lr-0-01", "lr-0-1", "lr-0-001"]
        found = compare_runs(*runs)
        assert found.best("loss") == "lr-0-01"
        assert found.parameters["envs.LR"] == {"lr-0-01": "0.01", "lr-0-1": "0.1", "lr-0-001": "0.001"}
    rows = [
        line.split()
        for line in runctl.says("list", "--metric", "loss", "--sort", "loss", "-l", "sweep=lr").splitlines()
    ]
    assert rows[0] == ["NAME", "STATE", "ATTEMPT", "LOSS"]
    assert [(row[0], row[3]) for row in rows[1:]] == [("lr-0-01", "1"), ("lr-0-1", "2"), ("lr-0-001", "2.5")]
    assert (
        json.loads(runctl.says("list", "--sort", "-loss", "-o", "json"))["items"][0]["metadata"]["name"]
        == "lr-0-001"
    )

    beside = runctl.says("compare", "-l", "sweep=lr")
    assert "envs.LR" in beside
    assert "loss last" in beside
    assert "A  lr-0-001 (2 values)" in beside
    one = json.loads(runctl.says("compare", "lr-0-1", "lr-0-01", "-o", "json"))
    assert one["metrics"]["loss"]["lr-0-01"] == {"last": 1, "min": 1, "max": 3, "logged": 2}

    assert "B  lr-0-01 (2 values)" in runctl.says("metrics", "lr-0-1", "lr-0-01", "loss", "--plot")
    table = runctl.says("metrics", "lr-0-1", "lr-0-01", "-o", "csv").splitlines()
    assert table[0] == "run,metric,index,value"
    assert table[1].startswith("lr-0-1,loss,0,3")
    nothing = runctl.run("metrics", "lr-0-1", "nothing")
    assert (nothing.returncode, "there is no run 'nothing'" in nothing.stderr) == (2, True)

    paths = runctl.says(
        "export", "--project", person.namespace, "-d", tmp_path / "new" / "folder"
    ).splitlines()
    assert len(paths) == 3
    assert runctl.says("delete", "--project", person.namespace).count("is deleted") == 3
    wait_for("gone", lambda: runctl.says("list") == "")


def test_from_python(operator, person, cluster, tmp_path):
    (tmp_path / "train.sh").write_text("echo hello")
    run = new_run(
        image=IMAGE, command="kwok-complete", env={"LR": "0.1"}, file=tmp_path / "train.sh",
        object_labels={"sweep": "py"}, cluster=cluster,
    )  # fmt: skip
    assert run.wait(log_info=False, timeout=60).status.state == "COMPLETED"
    assert (run.project, run.spec.task) == (person.namespace, f"container+job://{person.namespace}/{run.id}")
    other = run.rerun(env={"LR": "0.2"})
    other.wait(log_info=False, timeout=60)
    assert [
        one.object_name for one in list_runs(person.namespace, selector_labels="sweep=py", cluster=cluster)
    ] == sorted([run.object_name, other.object_name])
    assert compare_runs(run, other).parameters["envs.LR"] == {
        run.object_name: "0.1",
        other.object_name: "0.2",
    }


def interrupted(person: Person, runctl: Terminal, name: str, answer: str) -> str:
    """What a terminal shows of `runctl run` that gets Ctrl-C once the Run runs, and then this answer."""
    words = [
        *INTERRUPTIBLE,
        *RUNCTL,
        "run",
        "--image",
        IMAGE,
        "--name",
        name,
        "-n",
        person.namespace,
        "sleep",
    ]
    ours, theirs = pty.openpty()
    running = subprocess.Popen(words, env=runctl.environment(TERM="xterm", NO_COLOR="1"), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)  # fmt: skip
    os.close(theirs)
    seen = b""

    def shows(words: str) -> Callable[[], bool]:
        def question() -> bool:
            nonlocal seen
            while select.select([ours], [], [], 0.1)[0]:
                try:
                    seen += os.read(ours, 4096)
                except OSError:
                    break
            return words in seen.decode(errors="replace")

        return question

    wait_for("the Run to run", shows(f"run {name}: RUNNING"))
    running.send_signal(signal.SIGINT)
    wait_for("the question", shows("stop it, leave it running"))
    os.write(ours, f"{answer}\n".encode())
    until = time.monotonic() + 30
    while running.poll() is None and time.monotonic() < until:
        shows("-")()
    shows("-")()
    os.close(ours)
    return seen.decode(errors="replace")


def test_ctrl_c_asks_whether_to_stop_or_to_leave(operator, person, runctl):
    assert "run left continues" in interrupted(person, runctl, "left", "leave")
    assert person.status("left")["state"] == "RUNNING"
    assert "runctl resume ended continues it" in interrupted(person, runctl, "ended", "stop")
    person.becomes("ended", "STOPPED")
