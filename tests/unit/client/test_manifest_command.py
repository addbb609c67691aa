"""`runctl manifest` as a person meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from run_operator.client.cli.inputs import InputError, inputs
from tests.support.command_line import Ended, call_runctl

EXPORTS = Path(__file__).parents[2] / "data" / "exports"
GOOD = EXPORTS / "container-job-selfcontained.yaml"


def runctl(*arguments: object, stdin: bytes = b"") -> Ended:
    return call_runctl(*arguments, stdin=stdin)


def test_one_file():
    done = runctl("manifest", GOOD, "-n", "ml", "--suspend", "--name", "other")
    made = yaml.safe_load(done.stdout)
    assert done.returncode == 0
    assert made["metadata"] == {
        "name": "other",
        "namespace": "ml",
        "labels": {"run-operator.io/project": "demo"},
    }
    assert made["spec"]["suspend"] is True


def test_standard_input_and_json():
    done = runctl("manifest", "-", "-o", "json", stdin=GOOD.read_bytes())
    assert json.loads(done.stdout)["metadata"]["name"] == "job-selfcontained"


def test_a_folder_converts_every_export_in_it():
    done = runctl("manifest", EXPORTS)
    assert done.returncode == 0, done.stderr.decode()
    assert len(list(yaml.safe_load_all(done.stdout))) == len(list(EXPORTS.glob("*.yaml")))


def test_bad_files_are_named_and_the_good_ones_still_printed(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: 1\nb: c: d\n")
    done = runctl("manifest", bad, GOOD)
    assert done.returncode == 2
    assert yaml.safe_load(done.stdout)["metadata"]["name"] == "job-selfcontained"
    first, last = done.stderr.decode().splitlines()
    assert first.startswith(f"runctl: {bad}:2: this is not YAML")
    assert last == "runctl: 1 of 2 files could not be converted"


def test_a_document_too_large_for_kubectls_annotation_is_converted_and_reported(tmp_path):
    large = tmp_path / "large.yaml"
    for size, is_warned in ((255 * 1024, False), (256 * 1024, True)):
        large.write_bytes(GOOD.read_bytes() + f"user: {'x' * size}\n".encode())
        done = runctl("manifest", large)
        assert done.returncode == 0
        assert yaml.safe_load(done.stdout)["spec"]["user"] == "x" * size
        assert ("use kubectl apply --server-side, or runctl apply" in done.stderr.decode()) is is_warned


@pytest.mark.parametrize("make", ["missing", "junk", "fifo", "empty_folder", "bytes"])
def test_whatever_is_named_ends_in_one_line_and_no_traceback(tmp_path, make):
    path = tmp_path / "x"
    if make == "junk":
        path.write_bytes(os.urandom(1024) * 10240)
    elif make == "fifo":
        os.mkfifo(path)
    elif make == "empty_folder":
        path.mkdir()
    elif make == "bytes":
        path.write_bytes(b"\xff\xfe\x00")
    done = runctl("manifest", path)
    assert done.returncode == 2
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.decode().startswith(f"runctl: {path}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x" * 300, "File name too long"),
        ("/etc/passwd/x", "Not a directory"),
        ("", "the file name is empty"),
        ("/dev/zero", "not a regular file"),
    ],
)
def test_odd_names_spoil_only_themselves(name, said):
    done = runctl("manifest", name, GOOD)
    assert (done.returncode, b"job-selfcontained" in done.stdout) == (2, True)
    assert said in done.stderr.decode().splitlines()[0]


def test_a_file_in_a_folder_that_may_not_be_entered(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", refuse)
        patched.setattr(os, "open", refuse)
        (found,) = inputs(("locked/a.yaml",))
        with pytest.raises(InputError, match="Permission denied"):
            found.read()


def test_standard_input_is_read_once():
    done = runctl("manifest", "-", "-", stdin=GOOD.read_bytes())
    assert b"runctl: standard input: it can be named only once" in done.stderr
    assert yaml.safe_load(done.stdout)["kind"] == "Run"


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_the_output_is_utf_8_whatever_the_locale(tmp_path, monkeypatch, output):
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    (tmp_path / "a.yaml").write_text(GOOD.read_text() + "user: 'é日'\n", encoding="utf-8")
    done = runctl("manifest", tmp_path / "a.yaml", "-o", output)
    assert yaml.safe_load(done.stdout.decode("utf-8"))["spec"]["user"] == "é日"


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (f"{GOOD} > /dev/full", 1, "could not be written: No space left on device"),
        (f"{GOOD} >&-", 1, "standard output is closed"),
        ("- <&-", 2, "standard input: it is closed"),
    ],
)
def test_what_cannot_be_read_or_written_is_said(redirection, code, said):
    command = f"{sys.executable} -m run_operator.client.cli manifest {redirection}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, timeout=30, text=True)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_control_characters_never_reach_the_terminal(tmp_path):
    path = tmp_path / "evil\x1b[31m.yaml"
    path.write_text('kind: "\\e[31mred"\nproject: p\nid: a\nspec: {task: x+y}\n')
    done = runctl("manifest", path)
    assert b"\x1b" not in done.stderr
    assert done.returncode == 2


def test_two_runs_that_would_overwrite_each_other_are_refused(tmp_path):
    text = GOOD.read_text()
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text(text.replace("\nproject: demo", "\nproject: other"))
    done = runctl("manifest", tmp_path)
    assert done.returncode == 2
    assert b"convert them in separate runs of this command" in done.stderr


def test_versions_of_a_function_get_names_of_their_own_and_two_functions_never_share_one(tmp_path):
    text = (EXPORTS / "function-container.yaml").read_text()
    old, new = "cad9f044d9dc44d69390fadfb4ff02d3", "dad9f044d9dc44d69390fadfb4ff02d3"
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text(text.replace(old, new))
    done = runctl("manifest", tmp_path)
    assert [made["metadata"]["name"] for made in yaml.safe_load_all(done.stdout)] == [old, new]
    assert done.stderr == b""
    (tmp_path / "b.yaml").write_text(text.replace("\nname: hello", "\nname: bye"))
    done = runctl("manifest", tmp_path)
    assert done.returncode == 2
    assert (
        b"would be container bye of project demo here and container hello of project demo in" in done.stderr
    )


def test_a_function_without_a_name_is_refused(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text((EXPORTS / "function-container.yaml").read_text().replace("\nname: hello", ""))
    assert b"the field 'name' is missing: a Function is found by its name" in runctl("manifest", path).stderr


def test_usage_errors():
    assert runctl("manifest").returncode == 2
    assert runctl("manifest", GOOD, "--name", "Not_A_Name").returncode == 2
    assert runctl("manifest", EXPORTS, "--name", "one").returncode == 2
    assert b"Example" in runctl("manifest", "--help").stdout


def test_a_closed_pipe_is_quiet():
    command = f"{sys.executable} -m run_operator.client.cli manifest {EXPORTS} | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, timeout=30)
    assert b"Traceback" not in done.stderr
