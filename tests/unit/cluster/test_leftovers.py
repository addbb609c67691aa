"""A launcher that is interrupted, killed or run twice leaves nothing that `down` does not find, and harms no other cluster."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from click.testing import CliRunner

from cluster import cli, processes
from cluster.full import cgroups, links, sysctls
from cluster.full.spawning import NAMESPACES
from cluster.locks import alone
from cluster.paths import Home
from cluster.processes import Process, wait_until, with_arguments
from cluster.state import State
from cluster.supervise import MODULE, Component, Plan

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    """The home of a cluster that was never started."""
    monkeypatch.setenv("RUN_OPERATOR_CACHE", str(tmp_path))
    monkeypatch.delenv("CLUSTER", raising=False)
    one = Home("one")
    one.logs.mkdir(parents=True)
    return one


@pytest.fixture
def supervisor(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """The state of a cluster whose only component sleeps."""
    Plan(
        "http://127.0.0.1:1", _authority(home), str(home.logs), [Component("sleep", ["sleep", "600"])]
    ).write(home.plan)
    child = subprocess.Popen([sys.executable, "-m", MODULE, str(home.plan)], cwd=REPOSITORY)
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children")

    def sleeps() -> bool:
        """Between fork and exec it would have the supervisor's arguments, and a signal would be lost."""
        return any(Path(f"/proc/{pid}/comm").read_text() == "sleep\n" for pid in children.read_text().split())

    assert wait_until(sleeps, 10)
    yield child
    with suppress(ProcessLookupError):
        child.kill()
    child.wait()


def _authority(home: Home) -> str:
    from cluster import pki  # noqa: PLC0415 - keys take a while to import and make

    pki.create(home.pki, ["127.0.0.1"], [])
    return str(home.pki / "ca.crt")


def launch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of the launcher, in this process: its start is the same for all, and takes half a second."""
    with mock.patch.object(sys, "argv", ["cluster", *arguments]), CliRunner().isolation() as (out, err, _):
        with pytest.raises(SystemExit) as end:
            cli.main()
        written = (out.getvalue().decode(), err.getvalue().decode())
    code = end.value.code or 0
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, *written)


@pytest.mark.parametrize("written", [None, "", "{", "[]", '{"name": "one"}'])
def test_down_finds_a_supervisor_whose_state_was_not_written(home, supervisor, written):
    if written is not None:
        home.state.write_text(written)
    done = launch("down", "--name", "one")
    assert (done.returncode, done.stdout) == (0, "one is gone\n")
    assert supervisor.wait(5) is not None
    assert not home.folder.exists()
    assert launch("down", "--name", "one").stdout == "one: nothing to do\n"


def test_a_cluster_that_is_not_up_completely_is_not_running_already(home, supervisor):
    State("one", "control-plane", "https://x", Process.of(supervisor.pid), time.time(), {}, ready=False).save(
        home
    )
    assert "unfinished" in launch("status").stdout
    done = launch("kubeconfig", "--name", "one")
    assert (done.returncode, done.stdout) == (1, "")
    State.load(home).finished(home)
    assert launch("kubeconfig", "--name", "one").stdout == f"{home.kubeconfig}\n"
    assert "running already" in launch("up", "--name", "one", "--shape", "control-plane").stdout


def test_a_process_of_an_earlier_boot_is_not_alive_although_number_and_start_are_the_same():
    me = Process.of(os.getpid())
    assert me.alive
    assert not dataclasses.replace(me, boot="another").alive
    assert Process.from_json(json.loads(json.dumps(me.to_json()))) == me


def test_a_stale_state_stops_nobody(home):
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        reused = Process(bystander.pid, Process.of(bystander.pid).started - 1)
        for stale in (reused, dataclasses.replace(Process.of(bystander.pid), boot="another")):
            home.logs.mkdir(parents=True, exist_ok=True)
            State("one", "control-plane", "https://x", stale, 0.0, {}).save(home)
            assert "dead" in launch("status").stdout
            assert launch("down", "--name", "one").stdout == "one is gone\n"
            assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_state_of_another_version_is_understood(home):
    State("one", "full", "https://x", Process.of(os.getpid()), 0.0, {}).save(home)
    raw = json.loads(home.state.read_text())
    del raw["ready"], raw["supervisor"]["boot"]
    home.state.write_text(json.dumps(raw | {"new": 1}))
    assert State.load(home).running


def test_processes_are_found_by_whole_arguments_only(home):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", MODULE, str(home.plan)])
    try:
        assert wait_until(lambda: [p.pid for p in with_arguments(MODULE, str(home.plan))] == [child.pid], 5)
        assert with_arguments(MODULE, str(home.plan)[:-1]) == with_arguments(str(home.plan), MODULE) == []
    finally:
        child.kill()
        child.wait()


def test_two_commands_about_one_cluster_wait_for_each_other(home):
    with alone(home.lock):
        waits = subprocess.Popen(
            [sys.executable, "-m", "cluster", "down", "--name", "one"],
            cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert "another command is at work on one" in waits.stderr.readline()
        assert waits.poll() is None
        assert launch("down", "--name", "two").returncode == 0
    assert waits.communicate(timeout=30)[0] == "one is gone\n"


def test_links_belong_to_their_cluster(monkeypatch, tmp_path):
    """A cluster that died and one that took its network since: `down` of the first leaves the second's link alone."""
    names = {links.name_of(name) for name in ("one", "two", "a" * 20)}
    assert len(names) == 3
    assert max(map(len, names)) <= 15
    removed: list[Any] = []
    monkeypatch.setattr(links, "NETWORKS", tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: removed.append(command[-1]))
    (tmp_path / links.name_of("two")).mkdir()
    links.remove("one")
    assert removed == []
    links.remove("two")
    assert removed == [links.name_of("two")]


def test_what_was_changed_on_the_host_before_there_was_a_state_is_put_back(monkeypatch, home):
    done: list[str] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(cgroups, "remove", lambda name: not done.append(name))
    monkeypatch.setattr(sysctls, "restore", done.append)
    monkeypatch.setattr(links, "remove", done.append)
    assert cli._clean(home)
    assert done == ["one", "run-operator-one", "one"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_what_is_mounted_in_a_cluster_does_not_come_to_a_host_that_shares_its_mounts():
    """As systemd does: without this a tmpfs would lie over the host's /run."""
    inner = "mount --make-rshared / && mount -t tmpfs marked /mnt && echo mounted"
    script = f"mount --make-rshared / && {' '.join(NAMESPACES)} sh -c '{inner}'; cat /proc/self/mountinfo"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("no namespaces here")
    assert "mounted" in done.stdout
    assert "marked" not in done.stdout


def test_what_the_machine_refuses_is_one_line(home, monkeypatch):
    monkeypatch.setenv("RUN_OPERATOR_CACHE", "/proc/nowhere")
    done = launch("down", "--name", "one")
    assert done.returncode == 1
    assert done.stderr.startswith("cluster: /proc/nowhere")
    assert len(done.stderr.splitlines()) == 1
    assert processes.with_arguments("no such argument") == []
