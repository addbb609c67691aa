"""The module that lets the DigitalHub SDK use the pod's token: real Pythons, a stand-in for `requests`, nothing else changed."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import requests

SITE = Path(__file__).parents[2] / "operator" / "run_operator" / "client" / "pod" / "sitecustomize.py"
URL = "https://operator.test:8443"
PYTHONS = [
    found
    for found in map(shutil.which, ("python2.7", *(f"python3.{minor}" for minor in range(4, 15))))
    if found and not subprocess.run([found, "-S", "-c", ""], capture_output=True, check=False).returncode
]
"""All that this machine has: an image may have any, and several."""
SHOW = """
import os, requests
for url in (os.environ.get("DHCORE_ENDPOINT", "") + "/api/v1/x", "https://elsewhere.test/x"):
    print(requests.Session().send(requests.Request(url, os.environ.get("DHCORE_ACCESS_TOKEN"))))
"""


@pytest.fixture
def pod(tmp_path):
    """Run a program as a pod would: our module last on PYTHONPATH, a `requests` that tells what it is given."""
    for folder in ("lib", "site/requests", "image"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "lib" / "sitecustomize.py").write_text(SITE.read_text())
    (tmp_path / "site" / "requests" / "__init__.py").write_text(
        "from requests.sessions import Request, Session\n"
    )
    (tmp_path / "site" / "requests" / "sessions.py").write_text(
        textwrap.dedent("""
        class Request:
            def __init__(self, url, token):
                self.url, self.headers = url, {"Authorization": f"Bearer {token}"}
        class Session:
            def send(self, request, **kwargs):
                return request.url, request.headers["Authorization"], kwargs.get("verify", True)
        """)
    )
    (tmp_path / "token").write_text("real-1\n")

    def run(program: str = SHOW, *, before: str = "", **environ: str) -> list[str]:
        paths = [tmp_path / "site", *([tmp_path / before] if before else []), tmp_path / "lib"]
        ours = {
            "PATH": os.environ["PATH"], "PYTHONPATH": ":".join(map(str, paths)), "RUN_SDK_ENDPOINT": URL,
            "DHCORE_ENDPOINT": URL, "RUN_METRICS_TOKEN_FILE": str(tmp_path / "token"), "RUN_METRICS_CA_FILE": "/ca.crt",
        }  # fmt: skip
        wanted = {key: value for key, value in (ours | environ).items() if value}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=wanted,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    run.folder = tmp_path  # type: ignore[attr-defined]
    return run


def test_only_requests_to_the_operator_get_token_and_authority(pod):
    ours, other = pod()
    assert ours == f"('{URL}/api/v1/x', 'Bearer real-1', '/ca.crt')"
    assert other == "('https://elsewhere.test/x', 'Bearer the-token-of-this-pod', True)"


def test_the_values_of_secrets_are_put_in_where_they_are_variables(pod):
    program = textwrap.dedent("""
        class Answer:
            status_code, _content = 200, b'{"TOKEN": "", "GONE": ""}'
            def json(self):
                import json
                return json.loads(self._content)
        print(__import__("sitecustomize").with_secrets(Answer(), {"TOKEN": "value"}).json())
        """)
    assert pod(program) == ["{'TOKEN': 'value', 'GONE': ''}"]


def test_a_token_that_is_renewed_is_used_and_a_child_process_has_one_too(pod):
    program = SHOW + "\nopen(os.environ['RUN_METRICS_TOKEN_FILE'], 'w').write('real-2')\n"
    program += f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SHOW!r}])\n"
    assert ["real-1" in line or "real-2" in line for line in pod(program)] == [True, False, True, False]


@pytest.mark.parametrize(
    "environ",
    [
        {"RUN_SDK_ENDPOINT": ""},
        {"DHCORE_ENDPOINT": "https://platform.test"},
        {"DHCORE_ENDPOINT": f"{URL}.evil.test"},
    ],
)
def test_where_the_address_is_not_the_operators_nothing_is_changed(pod, environ):
    lines = pod(**environ, DHCORE_ACCESS_TOKEN="mine")
    assert all(line.endswith("'Bearer mine', True)") for line in lines)


def test_an_address_that_only_begins_like_ours_gets_nothing(pod):
    program = SHOW.replace('"https://elsewhere.test/x"', f'"{URL}.evil.test/x", "{URL}@evil.test/x"')
    assert all("Bearer the-token-of-this-pod', True" in line for line in pod(program)[1:])


@pytest.mark.parametrize("name", ["DHCORE_ACCESS_TOKEN", "DHCORE_PERSONAL_ACCESS_TOKEN", "DHCORE_USER"])
def test_credentials_of_the_users_own_are_left_alone(pod, name):
    ours, _ = pod(**{name: "mine"})
    assert "real-1" not in ours
    assert ours.endswith("'/ca.crt')")


def test_an_address_that_a_secret_may_have_set_is_only_filled_in(pod):
    assert "real-1" in pod(DHCORE_ENDPOINT="")[0]


def test_the_images_own_sitecustomize_runs_and_its_variables_are_there(pod):
    image = pod.folder / "image"
    (image / "sitecustomize.py").write_text("import sys; sys.by_the_image = __name__\n")
    show = "import sys, sitecustomize; print(sys.by_the_image, sitecustomize.__file__)"
    # after ours on the path, as those of an image are
    program = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {show!r}]))"
    paths = f"{pod.folder / 'site'}:{pod.folder / 'lib'}:{image}"
    assert pod(program, PYTHONPATH=paths) == [f"sitecustomize {image / 'sitecustomize.py'}"]
    assert "real-1" in pod(PYTHONPATH=paths)[0]


def test_it_has_the_syntax_of_every_python_also_of_those_that_this_machine_has_not():
    newer = (
        ast.AnnAssign,
        ast.JoinedStr,
        ast.AsyncFunctionDef,
        ast.Nonlocal,
        ast.YieldFrom,
        ast.NamedExpr,
        ast.Starred,
    )
    for node in ast.walk(ast.parse(SITE.read_text())):
        assert not isinstance(node, newer), ast.unparse(node)
        assert not (isinstance(node, ast.ImportFrom) and node.module == "__future__"), ast.unparse(node)
        if isinstance(node, ast.FunctionDef):
            given = [
                *node.args.posonlyargs,
                *node.args.kwonlyargs,
                node.returns,
                *(a.annotation for a in node.args.args),
            ]
            assert not any(given), node.name


AGENT = """
import os, sys
print("by an agent")
path = [folder for folder in sys.path if folder != os.path.dirname(os.path.abspath(__file__))]
if sys.version_info < (3, 5):
    import imp
    try:
        found = imp.find_module("sitecustomize", path)
    except ImportError:
        pass
    else:
        imp.load_module("sitecustomize", *found)
else:
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is not None:
        spec.loader.exec_module(module_from_spec(spec))
"""
"""Runs the next one, as that of New Relic does."""


@pytest.mark.parametrize("python", PYTHONS, ids=os.path.basename)
def test_any_python_starts_as_if_the_module_were_not_there(tmp_path: Path, python: str):
    """With the image's own module, with one that fails, with none; and in a process that it starts itself."""
    ours, good, bad, agent = (tmp_path / name for name in ("ours", "good", "bad", "agent"))
    for folder in (ours, good, bad, agent):
        folder.mkdir()
    (agent / "sitecustomize.py").write_text(AGENT)
    (ours / "sitecustomize.py").write_text(SITE.read_text())
    (good / "sitecustomize.py").write_text("import sys; sys.stdout.write('by the image %s\\n' % __name__)\n")
    (bad / "sitecustomize.py").write_text("raise ImportError('a mistake of the image')\n")
    program = (
        "import os, subprocess, sys; print(sorted(set(sys.modules) & set(['typing', 'json', 'requests'])))"
    )
    program += "; subprocess.call([sys.executable, '-c', 'print(1)'])"

    def seen(*folders: Path) -> tuple[int, str, str]:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": ":".join(map(str, folders)),
            "RUN_SDK_ENDPOINT": URL,
        }
        command = [python, "-u", "-W", "error", "-c", program]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr

    assert seen(ours) == seen(tmp_path / "nowhere")
    for before, after in ([agent], []), ([agent], [good]), ([], [agent]), ([], [agent, good]):
        assert seen(*before, ours, *after) == seen(*before, *after), (before, after)
    assert seen(ours, good) == seen(good)
    assert "by the image sitecustomize" in seen(ours, good)[1]
    assert bool(seen(ours, bad)[2]) == bool(seen(bad)[2])
    assert seen(ours, bad)[:2] == seen(bad)[:2]


PROXIES = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:9")


@pytest.mark.parametrize("given", [{}, *({name: value} for name, value in PROXIES.items()), PROXIES])
def test_proxies_of_the_environment_are_not_asked_for_the_operator(pod, given):
    """The real library: it asks nobody but the address of the request."""
    show = """
    import os, requests, requests.sessions
    class Adapter(requests.adapters.BaseAdapter):
        def send(self, request, **kwargs):
            print(request.url, sorted(kwargs["proxies"].values()))
            answer = requests.Response()
            answer.status_code, answer.request, answer.url = 200, request, request.url
            answer._content = b""
            return answer
        def close(self):
            pass
    for session in (requests.Session(), requests.sessions.Session()):
        session.mount("https://", Adapter())
        session.proxies.update({"https": "http://127.0.0.1:9"} if "ALL_PROXY" in os.environ else {})
        for url in (os.environ["DHCORE_ENDPOINT"] + "/api", "https://elsewhere.test/"):
            session.get(url)
    """
    paths = f"{Path(requests.__file__).parents[1]}:{pod.folder / 'lib'}"
    lines = pod(textwrap.dedent(show), PYTHONPATH=paths, **given)
    assert [line for line in lines if line.startswith(URL)] == [f"{URL}/api []"] * 2
    assert any("127.0.0.1:9" in line for line in lines) == bool(given)


@pytest.mark.parametrize("spoiled", ["RUN_METRICS_TOKEN_FILE", "RUN_METRICS_CA_FILE"])
def test_what_is_missing_changes_nothing(pod, spoiled):
    assert "Bearer the-token-of-this-pod', True" in pod(**{spoiled: ""})[0]


def test_a_program_that_does_not_use_it_imports_next_to_nothing(pod):
    program = "import sys; print([n for n in ('typing', 'requests', 'contextlib', 'json', 'ssl') if n in sys.modules])"
    without = pod(program, PYTHONPATH="/nowhere")
    assert pod(program) == without
