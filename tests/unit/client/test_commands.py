"""runctl without a cluster: usage, completion, pictures, and the package as it is installed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from unittest.mock import ANY

import pytest
import urllib3.exceptions as broken
import yaml

from run_operator.api.conditions import State
from run_operator.client.cli.durations import seconds
from run_operator.client.cli.plugin import answer
from run_operator.client.cli.png import MAX_CHARTS, png
from run_operator.client.errors import UnsupportedError
from run_operator.client.no_answer import unavailable
from tests.support.command_line import EndedText, call_runctl

ROOT = Path(__file__).parents[3]
EXPORT = ROOT / "tests" / "data" / "exports" / "container-job-minimal.yaml"
RUNCTL = [sys.executable, "-m", "run_operator.client.cli"]
PNG = b"\x89PNG\r\n\x1a\n"


def runctl(*arguments: str, **environment: str) -> EndedText:
    return call_runctl(*arguments, variables={"KUBECONFIG": "/nowhere"} | environment).text


@pytest.mark.parametrize(
    "wrong",
    [
        "frobnicate", "wait x --timeout 1x", "run --image i --deadline 0.5s -- x", "wait x --timeout", "list --nonsense", "list -o nonsense", "apply", "wait", "wait x --timeout nan", "wait x --timeout -1",
        "get", "stop", "list", "list -n a/b", "list --context x", "manifest /nowhere", "metrics x --plot -o json",
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_and_exit_code_2(wrong):
    done = runctl(*wrong.split())
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert done.stderr.startswith("runctl: ")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("lsit", "runctl: there is no verb 'lsit'; did you mean list? see runctl --help"),
        ("kill x", "runctl: there is no verb 'kill'; did you mean stop? see runctl --help"),
        ("create -f x", "runctl: there is no verb 'create'; did you mean apply? see runctl --help"),
        ("frobnicate", "runctl: there is no verb 'frobnicate'; see runctl --help"),
        ("run --image", "runctl: Option '--image' requires an argument; see runctl run --help"),
        ("logs x --attempt zz", "runctl: Invalid value for '--attempt': 'zz' is not a valid whole number; see runctl logs --help"),
    ],
)  # fmt: skip
def test_a_mistake_is_answered_with_what_may_be_meant(typed, answer):
    said = runctl(*typed.split()).stderr.strip()
    assert said.replace("python -m run_operator.client.cli", "runctl") == answer


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90", 90.0), ("1.5", 1.5), ("90s", 90.0), ("10m", 600.0), ("1h30m", 5400.0), ("2d", 172800.0), ("250ms", 0.25),
        ("1e3", 1000.0), ("", None), ("h", None), ("1 h", None), ("1h30", None), ("nan", None), ("inf", None), ("10M", None),
        ("-1s", None), ("\u0661s", None),
    ],
)  # fmt: skip
def test_times_are_typed_as_for_kubectl(text, found):
    assert seconds(text) == found


@pytest.mark.parametrize("verb", ["list", "top", "logs x", "describe x"])
def test_a_cluster_that_is_not_there_is_named_with_what_to_look_at(tmp_path, verb):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        there = f"127.0.0.1:{taken.getsockname()[1]}"
        done = runctl(*verb.split(), "--kubeconfig", str(kubeconfig(tmp_path, f"http://{there}")))
    assert done.returncode == 1
    assert f"runctl: the cluster at {there} does not answer: Connection refused (GET /" in done.stderr
    assert "check that it runs, and that this is the right context of the kubeconfig" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (broken.NameResolutionError("h", ANY, ANY), "its name cannot be resolved (GET /x); check the server's name"),
        (broken.ConnectTimeoutError(None, "x"), "no connection in time (GET /x); check the server's name"),
        (broken.ReadTimeoutError(ANY, "u", "x"), "the answer took too long (GET /x); try again"),
        (broken.ProtocolError("Connection aborted.", OSError()), "the connection broke off (GET /x); try again"),
        (broken.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:997)"),
         "certificate verify failed (GET /x); check certificate-authority-data"),
        (broken.ProxyError("Unable", OSError(111, "Connection refused")),
         "the proxy fails: Connection refused (GET /x); check HTTPS_PROXY"),
        (OSError(101, "Network is unreachable"), "Network is unreachable (GET /x); try again"),
    ],
)  # fmt: skip
def test_each_way_of_not_answering_has_its_words(error: Exception, said: str):
    assert str(unavailable("GET /x", "https://h:6443", error)).startswith(
        f"the cluster at h:6443 does not answer: {said}"
    )


def kubeconfig(folder, server):
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "ml"}}],
                "clusters": [{"name": "c", "cluster": {"server": server}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    return path


@pytest.mark.parametrize(
    ("verb", "line"),
    [
        ("manifest", "    runctl manifest exports/ -n ml --suspend > runs.yaml"),
        ("completion", "  fish:  runctl completion fish > ~/.config/fish/completions/runctl.fish"),
    ],
)
def test_examples_of_the_help_stand_on_lines_of_their_own(verb, line):
    assert line in runctl(verb, "--help").stdout.splitlines()


@pytest.mark.parametrize("arguments", [["manifest", str(EXPORT)], ["completion", "bash"], ["--version"]])
def test_an_output_nobody_reads_ends_it_in_silence(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    command = [*RUNCTL, *arguments]
    paths = os.environ | {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run(command, env=paths, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_an_option_of_a_verb_that_stands_before_it_is_refused_with_its_place():
    said = runctl("-o", "wide", "list").stderr
    assert said.startswith(
        "runctl: No such option '-o': this option follows the verb, as in runctl list -o wide; see "
    )
    assert "follow" not in runctl("list", "--nonsense").stderr


def test_a_state_that_no_run_can_have_is_a_mistake_that_names_those_there_are():
    """It selected nothing, and looked like an answer."""
    done = runctl("list", "--state", "BOGUS")
    assert (done.returncode, done.stdout) == (2, "")
    assert all(f"'{state}'" in done.stderr for state in State), done.stderr
    assert "KUBECONFIG" in runctl("list", "--state", "stopped").stderr  # understood: there is no cluster


# -- completion for kubectl


def test_kubectl_gets_verbs_options_and_whether_the_shell_may_offer_files():
    verbs = list(answer([], "re"))
    assert [line.partition("\t")[0] for line in verbs] == ["rerun", "resume", ":4"]
    assert list(answer(["apply"], "x")) == [":0"]
    assert "--selector\tOnly Runs with these labels, e.g. team=a." in list(answer(["list"], "--"))
    assert list(
        answer(
            ["stop"],
            "x",
        )
    ) == [":4"]


def test_kubectls_program_answers_on_standard_output():
    program = "import sys; from run_operator.client.cli.plugin import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "describe", "--kube"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "operator")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "--kubeconfig\tThe kubeconfig file. Default: the variable KUBECONFIG, else ~/.kube/config.",
        ":4",
    ]


# -- pictures


def test_a_picture_is_drawn_of_whatever_there_is():
    metrics = {
        "loss": [1, None, 0.5],
        "$x$ \N{SNOWMAN}\x1b": [1e300],
        "empty": [],
        "none": [None],
        "acc": 0.5,
    }
    made = png("run x", {"x": (metrics, {"loss": 4})})
    assert made.startswith(PNG)
    height = int.from_bytes(made[20:24])
    assert height == 240 * 4
    assert int.from_bytes(png("run x", {})[20:24]) == 240


@pytest.mark.parametrize(
    "values",
    [
        [1e308, -1e308],
        [1.7e308],
        [2**62, 2**62 + 1],
        [5e-324, 0.0],
        [-(2**63), 2**63 - 1],
        [10**400, 1.0, None],
    ],
    ids=lambda values: str(values)[:12],
)
def test_a_picture_is_drawn_of_any_finite_numbers(values):
    made = png("x", {"x": ({"a": values}, {}), "y": ({"a": [1, None]}, {})})
    assert made.startswith(PNG)


def test_too_many_charts_are_refused():
    with pytest.raises(UnsupportedError, match=f"name {MAX_CHARTS} metrics at most"):
        png("x", {"x": ({f"m{number}": [1] for number in range(MAX_CHARTS + 1)}, {})})


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'run-operator\[plot\]'"):
        png("x", {"x": ({"loss": [1]}, {})})


# -- as it is installed

EMPTY = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {"kopf", "aiohttp", "prometheus_client", "cryptography", "matplotlib"}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
sys.path.insert(0, sys.argv.pop(1))
from run_operator.client.cli.main import main
main()
"""
"""runctl from a folder, where nothing but the client's own dependencies is installed."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip makes of this checkout, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def test_the_wheel_asks_for_the_clients_dependencies_only(installed):
    (metadata,) = installed.glob("*.dist-info/METADATA")
    needed = [line for line in metadata.read_text().splitlines() if line.startswith("Requires-Dist: ")]
    always = {
        line.split()[1].partition("<")[0].partition(">")[0].lower()
        for line in needed
        if "extra ==" not in line
    }
    assert always == {"kubernetes", "pyyaml", "click"}
    (scripts,) = installed.glob("*.dist-info/entry_points.txt")
    assert {line.partition(" =")[0] for line in scripts.read_text().splitlines()[1:] if line} == {
        "run-operator", "run-operator-gateway", "runctl", "kubectl-runs", "kubectl_complete-runs",
    }  # fmt: skip
    assert {path.name for path in installed.iterdir() if "dist-info" not in path.name} == {"run_operator"}


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        (["--help"], 0),
        (["list"], 2),
        (["logs", "x"], 2),
        (["metrics", "x", "--png", "y"], 2),
        (["manifest"], 0),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, list) else None,
)
def test_runctl_of_the_wheel_works_where_the_operators_dependencies_are_missing(
    installed, tmp_path, verb, code
):
    export = [str(EXPORT)] if verb == ["manifest"] else []
    done = subprocess.run(
        [sys.executable, "-S", "-X", "importtime", "-c", EMPTY, str(installed), *verb, *export],
        env=_without_checkout() | {"KUBECONFIG": "/nowhere"}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr[-2000:]
    imported = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "run_operator.client.cli.main" in imported
    assert not {name.partition(".")[0] for name in imported} & {
        "kopf",
        "aiohttp",
        "prometheus_client",
        "matplotlib",
    }


def _without_checkout() -> dict[str, str]:
    """-S leaves out the editable install; what is installed beside it is named instead."""
    import kubernetes  # noqa: PLC0415

    found = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return found | {"PYTHONPATH": str(Path(kubernetes.__file__).parents[1])}
