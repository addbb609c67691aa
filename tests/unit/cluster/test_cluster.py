"""The launcher's own parts: archives, certificates, plans, progress, names."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from cluster import cli, current, images, pki, prerequisites
from cluster.errors import ClusterError
from cluster.full import spawning
from cluster.images import catalogue
from cluster.images.archive import Config, Layer, write
from cluster.paths import REPOSITORY, Home, cache
from cluster.processes import Process, wait_until
from cluster.progress import step
from cluster.supervise import Component, Plan


def contents(tar: tarfile.TarFile, name: str) -> bytes:
    found = tar.extractfile(name)
    assert found
    return found.read()


def test_archives_are_deterministic_and_complete(tmp_path):
    def make(path: Path) -> bytes:
        layer = Layer()
        layer.link("bin/sh", "/bin/busybox")
        layer.file("bin/busybox", b"x", 0o755)
        write(path, ["docker.io/library/a:1"], Config(command=("sh",), user="1"), [layer.tar()])
        return path.read_bytes()

    first, second = make(tmp_path / "a.tar"), make(tmp_path / "b.tar")
    assert first == second
    with tarfile.open(tmp_path / "a.tar") as tar:
        manifest = json.loads(contents(tar, "manifest.json"))[0]
        config = json.loads(contents(tar, manifest["Config"]))
        layer = tarfile.open(fileobj=io.BytesIO(contents(tar, manifest["Layers"][0])))
    assert config["config"]["Cmd"] == ["sh"]
    assert config["config"]["User"] == "1"
    assert layer.getnames() == ["bin", "bin/busybox", "bin/sh"]


def test_the_images_that_exports_name_are_there():
    references = {reference for image in catalogue() for reference in image.references}
    assert {
        "docker.io/library/busybox:1.36",
        "docker.io/library/busybox:latest",
        "docker.io/library/python:3.12-slim",
        "docker.io/hashicorp/http-echo:1.0",
    } <= references


def test_an_archive_that_another_checkout_uses_stays_for_an_hour(tmp_path):
    ours, used, unused, other = (tmp_path / name for name in ("a-1.tar", "a-2.tar", "a-3.tar", "b-4.tar"))
    for path in (ours, used, unused, other):
        path.touch()
    for path in (unused, other):
        os.utime(path, (0, 0))
    images.forget_unused("a", ours)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-1.tar", "a-2.tar", "b-4.tar"]


def test_an_image_is_known_by_its_content_and_not_by_where_the_checkout_is(tmp_path):
    for part in ("cluster", "operator", "requirements"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / part, tmp_path / part, ignore=ignored)
    program = "from cluster import images; print([images._digest(image) for image in images.catalogue()])"
    here, there = (
        subprocess.run([sys.executable, "-c", program], cwd=place, capture_output=True, check=True).stdout
        for place in (REPOSITORY, tmp_path)
    )
    assert here == there


def test_archives_of_the_operator_are_for_a_cluster_of_ones_own_too(monkeypatch):
    monkeypatch.setenv("CLUSTER", "current")
    monkeypatch.setattr(images, "ensure", lambda names: [Path(f"/cache/{name}.tar") for name in names])
    done = CliRunner().invoke(cli.cli, ["images", "--load"])
    assert done.stdout == "/cache/run-operator.tar\n"
    assert "kind load image-archive FILE" in done.stderr


def test_certificates(tmp_path):
    pki.create(tmp_path, ["127.0.0.1", "kubernetes"], ["node-1"])
    serving = x509.load_pem_x509_certificate((tmp_path / "apiserver.crt").read_bytes())
    names = serving.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kubernetes"]
    node = x509.load_pem_x509_certificate((tmp_path / "node-node-1.crt").read_bytes())
    assert "O=system:nodes" in node.subject.rfc4514_string()
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0


def test_a_plan_survives_its_file(tmp_path):
    plan = Plan(
        "https://x", "ca", "logs", [Component("a", ["b"], after_api=True, env={"K": "v"})], [["true"]]
    )
    plan.write(tmp_path / "plan")
    assert Plan.read(tmp_path / "plan") == plan


def test_a_process_is_known_by_its_start_and_not_by_its_number_alone():
    child = subprocess.Popen(["sleep", "60"])
    process = Process.of(child.pid)
    assert process.alive
    assert not Process(child.pid, process.started + 1).alive
    process.stop(5)
    child.wait()
    assert not process.alive


def test_progress_says_how_it_ended():
    out = io.StringIO()
    with step("working", out):
        pass
    with pytest.raises(ValueError, match="x"), step("breaking", out):
        raise ValueError("x")
    assert "working: done in" in out.getvalue()
    assert "breaking: failed after" in out.getvalue()


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


def test_the_live_line_fits_a_narrow_terminal_and_is_cleared(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    with step("building kubernetes", out) as current:
        current.update("a long tale of 1234 packages", 0.5)
    shown = out.getvalue().split("\r\x1b[2K")
    assert [len(line) for line in shown if "####" in line] == [39]
    assert shown[-1].endswith(" s\n")
    assert "\n" not in "".join(shown[:-1])


def test_the_live_line_moves_while_the_work_is_silent(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with step("linking", out, every=0.01):
        assert wait_until(lambda: out.getvalue().count("linking ...  0 s") > 2, 10)


def test_a_terminal_that_cannot_clear_a_line_gets_plain_ones(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    with step("building", out) as current:
        current.update("1 package", 0.5)
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().startswith("  building ...\n")


def test_a_cluster_of_ones_own_needs_nothing_of_the_throw_away_one(monkeypatch):
    monkeypatch.setenv("CLUSTER", "current")
    monkeypatch.setattr(sys, "argv", ["prerequisites", "--install", "--shape", "full"])
    monkeypatch.setattr(prerequisites, "install", lambda _: pytest.fail("it installs packages"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    prerequisites.main()


def test_several_kubeconfigs_are_merged_by_kubectl_into_a_file_nobody_else_reads(tmp_path, monkeypatch):
    kubectl, first, second = tmp_path / "kubectl", tmp_path / "first", tmp_path / "second"
    kubectl.write_text('#!/bin/sh\necho "$KUBECONFIG $@"\n')
    kubectl.chmod(0o755)
    first.touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("RUN_OPERATOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}:")
    assert current.kubeconfig() == first
    second.touch()
    for _ in range(2):
        merged = current.kubeconfig()
    assert merged.read_text() == f"{first}:{second} config view --raw --flatten\n"
    assert merged.stat().st_mode & 0o777 == 0o600
    kubectl.write_text("#!/bin/sh\necho broken >&2; exit 1\n")
    with pytest.raises(ClusterError, match="cannot be merged: broken"):
        current.kubeconfig()
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    with pytest.raises(ClusterError, match="/nowhere does not exist; set KUBECONFIG"):
        current.kubeconfig()


def test_what_is_missing_is_named_in_one_line(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    lines = [problem.line for problem in prerequisites.check("full")]
    assert any("needs root" in line for line in lines)
    assert any("apt-get install runc iptables" in line for line in lines)
    assert all("\n" not in line for line in lines)


def test_a_root_whose_path_has_no_sbin_finds_what_is_there(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert prerequisites.search_path() == "/usr/bin:/bin:/usr/sbin:/sbin"
    started = {}
    monkeypatch.setenv("RUN_OPERATOR_CACHE", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", lambda *_, env, **__: started.update(env))
    Home("one").logs.mkdir(parents=True)
    spawning.spawn(Home("one"))
    assert started["PATH"] == "/usr/bin:/bin:/usr/sbin:/sbin"


def test_the_cache_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv("RUN_OPERATOR_CACHE", str(tmp_path))
    assert cache() == tmp_path
    done = subprocess.run(
        [sys.executable, "-m", "cluster", "kubeconfig", "--name", "none"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("cluster: no cluster none is running")


def test_what_tests_start_is_built_before_them(monkeypatch):
    """A build of minutes within a test would end by that test's deadline."""
    made: list[str] = []
    monkeypatch.setattr(cli, "build", made.append)
    monkeypatch.setattr(images, "ensure", lambda names: made.extend(f"image {name}" for name in names))
    assert CliRunner().invoke(cli.cli, ["build", "helm", "etcd"]).exit_code == 0
    assert made == ["helm", "etcd"]
    made.clear()
    assert CliRunner().invoke(cli.cli, ["build", "--images"]).exit_code == 0
    assert {"kubernetes", "containerd", "s3", "image run-operator", "image python-runtime"} <= set(made)
    assert not {"helm", "jobset", "oidc"} & set(made)
    assert CliRunner().invoke(cli.cli, ["build", "nothing"]).exit_code == 2
