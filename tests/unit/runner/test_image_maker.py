"""What the runner makes of the builder's words; a script stands in for buildah and skopeo."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from run_operator.runner import image_maker
from run_operator.runner.errors import RunnerError
from run_operator.runner.image_maker import Order, build, push

ORDER = Order("FROM scratch\n", {"requirements.txt": "numpy\n"}, "registry:5000/a/b:1", "", in_place=False)


@pytest.fixture
def pod(tmp_path, monkeypatch) -> Path:
    """A folder for the build, a context, and a PATH with nothing but the programs that a test puts there."""
    for name in ("bin", "context", "build"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("RUN_BUILD_FOLDER", str(tmp_path / "build"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    # In the place of the runner that makes the namespace: the command itself.
    stand_in = tmp_path / "stand_in.py"
    stand_in.write_text("import os, sys\nos.execvp(sys.argv[2], sys.argv[2:])\n")
    monkeypatch.setattr(sys, "argv", [str(stand_in)])
    return tmp_path


def program(pod: Path, name: str, script: str) -> None:
    path = pod / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def failure(call: Any) -> tuple[str, str]:
    with pytest.raises(RunnerError) as caught:
        call()
    return caught.value.reason, caught.value.message


def test_the_context_gets_its_files_and_the_containerfile_is_no_part_of_it(pod):
    program(pod, "buildah", "true")
    build(ORDER, str(pod / "context"), lambda _: None)
    assert [path.name for path in (pod / "context").iterdir()] == ["requirements.txt"]
    assert (pod / "build" / "Containerfile").read_text() == "FROM scratch\n"


def test_variables_of_installers_are_in_a_file_and_others_reach_no_program(pod, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:it's@example.org/")
    monkeypatch.setenv("TOKEN", "secret")
    monkeypatch.setenv("https_proxy", "http://proxy")
    program(pod, "buildah", f"env > {pod}/seen")
    build(ORDER, str(pod / "context"), lambda _: None)
    names = {line.partition("=")[0] for line in (pod / "seen").read_text().splitlines()}
    assert "https_proxy" in names
    assert not {"TOKEN", "PIP_INDEX_URL"} & names
    assert (
        "export PIP_INDEX_URL='https://user:it'\"'\"'s@example.org/'\n"
        in (pod / "build" / "installer").read_text()
    )


@pytest.mark.parametrize(
    ("said", "reason", "message"),
    [
        (
            ["STEP 1/2: FROM a", "STEP 2/2: RUN make", "no rule", "subprocess exited with status 2",
             'Error: building at STEP "RUN make": exit status 2'],
            "BuildFailed", "STEP 2/2: RUN make: exit status 2: no rule",
        ),
        (["[1/2] STEP 1/2: FROM a", "Error: manifest unknown"], "BuildFailed", "STEP 1/2: FROM a: Error: manifest unknown"),
        (["STEP 1/2: FROM a", "Error: unauthorized: no"], "RegistryUnauthorized", "STEP 1/2: FROM a: Error: unauthorized: no"),
        (["STEP 2/2: RUN curl", "HTTP 401 unauthorized"], "BuildFailed", "STEP 2/2: RUN curl: HTTP 401 unauthorized"),
        ([], "BuildFailed", "the builder exited with code 3"),
    ],
)  # fmt: skip
def test_a_build_that_fails_names_its_instruction(pod, said, reason, message):
    (pod / "said").write_text("".join(f"{line}\n" for line in said))
    program(pod, "buildah", f"cat {pod}/said; exit 3")
    assert failure(lambda: build(ORDER, str(pod / "context"), lambda _: None)) == (reason, message)


@pytest.mark.parametrize(
    ("said", "reason", "message"),
    [
        ("unauthorized: authentication required", "RegistryUnauthorized", "unauthorized: authentication required"),
        ("denied: requested access to the resource is denied", "RegistryUnauthorized", "denied: requested access to the resource is denied"),
        ("dial tcp: connection refused", "PushFailed", "dial tcp: connection refused"),
    ],
)  # fmt: skip
def test_a_push_that_fails_says_whether_the_login_was_refused(pod, said, reason, message):
    program(
        pod, "skopeo", f"""echo 'Copying blob sha256:1'; echo 'time="x" level=fatal msg="{said}"'; exit 1"""
    )
    assert failure(lambda: push(ORDER, lambda _: None)) == (reason, message)


def test_the_login_is_a_file_of_the_container_and_the_answer_the_digest(pod, monkeypatch):
    monkeypatch.setenv("RUN_BUILD_LOGINS", json.dumps({"auths": {}}))
    monkeypatch.setenv("RUN_BUILD_AUTHORITY", "PEM")
    script = f"""
env > {pod}/seen; echo "$@" > {pod}/arguments
while [ "$1" != --digestfile ]; do shift; done
printf sha256:abc > "$2"
"""
    program(pod, "skopeo", script)
    assert push(ORDER, lambda _: None) == "registry:5000/a/b@sha256:abc"
    (login,) = [
        line for line in (pod / "seen").read_text().splitlines() if line.startswith("REGISTRY_AUTH_FILE=")
    ]
    path = Path(login.partition("=")[2])
    assert path.read_text() == '{"auths": {}}'
    assert (pod / "build") not in path.parents
    assert "RUN_BUILD_LOGINS" not in (pod / "seen").read_text()
    assert "--dest-cert-dir" in (pod / "arguments").read_text()
    assert "docker://registry:5000/a/b:1" in (pod / "arguments").read_text()


def test_nothing_that_a_build_left_in_the_volume_configures_the_push(pod):
    """The login is in the environment of the push: a certificate or a registry of the build's choice would be sent it."""
    program(
        pod,
        "buildah",
        'mkdir -p "$HOME/.config/containers"; echo evil > "$HOME/.config/containers/registries.conf"; mkdir -p "$TMPDIR"',
    )
    build(ORDER, str(pod / "context"), lambda _: None)
    program(
        pod, "skopeo", f"env > {pod}/seen; find $HOME $TMPDIR $XDG_RUNTIME_DIR -type f > {pod}/files; exit 1"
    )
    failure(lambda: push(ORDER, lambda _: None))
    assert (pod / "files").read_text() == ""
    seen = dict(line.partition("=")[::2] for line in (pod / "seen").read_text().splitlines())
    for name in ("HOME", "XDG_RUNTIME_DIR", "TMPDIR", "CONTAINERS_REGISTRIES_CONF"):
        assert (pod / "build") not in Path(seen[name]).parents, name


def test_a_registry_without_tls_is_named_to_both(pod):
    order = ORDER._replace(plain_http="registry:5000")
    program(pod, "buildah", f"cat $CONTAINERS_REGISTRIES_CONF > {pod}/seen")
    build(order, str(pod / "context"), lambda _: None)
    assert 'location = "registry:5000"\ninsecure = true' in (pod / "seen").read_text()
    program(pod, "skopeo", f"echo $@ > {pod}/arguments; exit 1")
    failure(lambda: push(order, lambda _: None))
    assert "--dest-tls-verify=false" in (pod / "arguments").read_text()


def test_a_line_without_an_end_is_no_reason_to_hold_all_of_it(pod, capsys):
    program(pod, "buildah", "head -c 300000 /dev/zero | tr '\\0' x; exit 1")
    _, message = failure(lambda: build(ORDER, str(pod / "context"), lambda _: None))
    assert len(message) <= image_maker.KEPT_WORDS
    assert capsys.readouterr().out.count("x") > 300_000 - 1
