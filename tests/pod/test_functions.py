"""A Python function in its pod, from the document to the exit code."""

from __future__ import annotations

import base64
import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pod.functions import files_served
from tests.support.wheel_index import index, wheel, written


def archive(files: dict[str, str], **more: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)
        for info in more.get("entries", ()):
            made.writestr(info, "x")
    return out.getvalue()


class TestResults:
    @pytest.mark.parametrize(
        ("returned", "results"),
        [
            ("42", {"output_0": 42}),
            (
                "(1, 'two', 3.5, False)",
                {"output_0": 1, "output_1": "two", "output_2": 3.5, "output_3": False},
            ),
            ("{'accuracy': [0.5, None]}", {"output_0": {"accuracy": [0.5, None]}}),
            ("'gr\\u00fcn'", {"output_0": "gr\u00fcn"}),
        ],
    )
    def test_what_a_handler_returns_is_sent(self, pod, ingest, returned, results):
        ended = pod.run(f"def run():\n    return {returned}\n")
        assert ended == (0, "", "", "")
        assert ingest.received == [{"results": results, "outputs": {}}]

    def test_a_coroutine_is_awaited(self, pod, ingest):
        code = "import asyncio\nasync def run(x):\n    await asyncio.sleep(0)\n    return x\n"
        assert pod.run(code, parameters={"x": 3}).code == 0
        assert ingest.received[0]["results"] == {"output_0": 3}

    def test_numbers_of_numpy_are_numbers(self, pod, ingest):
        code = "import numpy as np\ndef run():\n    return np.int64(3), {'a': [np.float32(0.5), np.bool_(True)]}\n"
        ended = pod.run(code)
        if "No module named 'numpy'" in ended.words:
            pytest.skip("this Python has no numpy")
        assert ended.code == 0, ended
        assert ingest.received[0]["results"] == {"output_0": 3, "output_1": {"a": [0.5, True]}}

    @pytest.mark.parametrize("word", ["def", "async def"])
    def test_a_generator_is_no_result(self, pod, ingest, word):
        ended = pod.run(f"{word} run():\n    yield 1\n")
        assert ended.words.startswith(
            "InvalidResult: the result 'output_0' is a generator, of which nothing has run"
        )

    def test_nothing_returned_is_nothing_sent(self, pod, ingest):
        assert pod.run("def run():\n    print('done')\n") == (0, "done\n", "", "")
        assert ingest.received == []

    def test_results_are_sent_again_while_the_operator_is_away(self, pod, ingest):
        ingest.faults.extend((503, 429))
        ended = pod.run("def run():\n    return 1\n")
        assert ended.code == 0
        assert ended.out == "the results are not stored yet: the reason\n"
        assert len(ingest.received) == 1

    def test_results_that_are_refused_end_the_function(self, pod, ingest):
        ingest.faults.append(410)
        ended = pod.run("def run():\n    return 1\n")
        assert (ended.code, ended.words) == (1, "ResultsNotStored: the results were refused: the reason")

    @pytest.mark.parametrize(
        ("returned", "words"),
        [
            (
                "'x' * (1 << 28)",
                "ResultsTooLarge: the results of the handler (such as 'output_0') are larger than 64 KiB",
            ),
            (
                "[[i] for i in range(100_000)]",
                "InvalidResult: the handler returned 100000 values; at most 256",
            ),
            (
                "{'a': list(range(100_000))}",
                "ResultsTooLarge: the results of the handler (such as 'output_0')",
            ),
            ("{1, 2}", "InvalidResult: the result 'output_0' is a builtins.set, which is not JSON"),
            ("float('nan')", "InvalidResult: the result 'output_0' holds nan, which JSON does not support"),
            ("{1: 2}", "InvalidResult: the result 'output_0' holds a map whose keys are not all texts"),
        ],
    )
    def test_what_no_status_can_hold_is_refused(self, pod, ingest, returned, words):
        ended = pod.run(f"def run():\n    return {returned}\n")
        assert ended.code == 1
        assert ended.words.startswith(words)
        assert "Traceback" not in ended.errors
        assert ingest.received == []


class TestArguments:
    def test_names_of_any_language(self, pod, ingest):
        code = (
            "def gr\u00f6\u00dfe(l\u00e4nge, \u6570=2):\n    return {'\u9762\u7a4d': l\u00e4nge * \u6570}\n"
        )
        ended = pod.run(code, handler="main:gr\u00f6\u00dfe", parameters={"l\u00e4nge": 3})
        assert ended.code == 0, ended
        assert ingest.received[0]["results"] == {"output_0": {"\u9762\u7a4d": 6}}

    def test_the_command_line_is_that_of_a_program_without_arguments(self, pod, ingest):
        code = (
            "import argparse, sys\ndef run():\n    parser = argparse.ArgumentParser()\n"
            "    parser.add_argument('--rate', default=0.5)\n    return parser.parse_args().rate, sys.argv[0][-8:]\n"
        )
        assert pod.run(code).code == 0
        assert list(ingest.received[0]["results"].values()) == [0.5, "/main.py"]

    def test_a_method_that_is_named_by_its_class(self, pod, ingest):
        ended = pod.run(
            "class Model:\n    def fit(self, x):\n        return x\n",
            handler="Model.fit",
            parameters={"x": 1},
        )
        assert "missing a required argument: 'self'; it is a method: create an object" in ended.words

    def test_an_init_function_that_is_a_coroutine(self, pod, ingest):
        code = "async def init(context):\n    context.seed = 7\ndef run(context):\n    return context.seed\n"
        assert pod.run(code, init_function="init").code == 0
        assert ingest.received[0]["results"] == {"output_0": 7}

    def test_parameters_defaults_context_and_event(self, pod, ingest):
        code = (
            "def init(context, seed):\n    context.seed = seed\n"
            "def run(context, event, x, y=2):\n"
            "    context.logger.info('working')\n"
            "    return context.seed, x, y, event.body['id'], context.Response(body='b').status_code\n"
        )
        ended = pod.run(code, init_function="init", parameters={"x": 1}, init_parameters={"seed": 7})
        assert ended.code == 0, ended
        assert "working" in ended.out
        assert list(ingest.received[0]["results"].values()) == [7, 1, 2, "one", 200]

    @pytest.mark.parametrize(
        ("code", "spec", "words"),
        [
            ("def run(x):\n    pass\n", {}, "InvalidArguments: run(x) cannot be called with nothing: missing a required argument: 'x'"),
            ("def run():\n    pass\n", {"parameters": {"y": 1}}, "InvalidArguments: run() cannot be called with y: got an unexpected"),
            ("def init():\n    pass\ndef run():\n    pass\n", {"init_function": "init"}, "InitFailed: init() has no parameter context"),
            (
                "def init(context, a):\n    pass\ndef run():\n    pass\n",
                {"init_function": "init"},
                "InitFailed: init(context, a) cannot be called with context: missing a required argument: 'a'",
            ),
            ("def run(d):\n    pass\n", {"inputs": {"d": "store://demo/dataitem/table/d:1"}}, "InputsFailed: the function needs the DigitalHub SDK"),
            ("def run(project):\n    pass\n", {}, "InputsFailed: the function needs the DigitalHub SDK"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_named(self, pod, code, spec, words):
        ended = pod.run(code, **spec)
        assert ended.code == 1
        assert ended.words.startswith(words)


class TestFailures:
    @pytest.mark.parametrize(
        ("code", "exit_code", "words", "traced"),
        [
            ("def run(:\n", 1, "ImportFailed: main.py cannot be imported: SyntaxError", True),
            ("import nothing_like_this\n", 1, "ImportFailed: main.py cannot be imported: ModuleNotFoundError: No module named 'nothing_like_this': add its package to requirements", True),
            ("import os\nos.environ['DB_HOST']\n", 1, "ImportFailed: main.py cannot be imported: KeyError: 'DB_HOST': this environment variable is not set; set it", True),
            ("def run():\n    {}['x']\n", 1, "HandlerFailed: KeyError: 'x'", True),
            ("import sys\nsys.exit(3)\n", 1, "ImportFailed: main.py calls sys.exit(3) during its import", False),
            ("def other():\n    pass\n", 1, "HandlerNotFound: there is no function 'run' in main.py; its functions are: other", False),
            ("run = 3\n", 1, "HandlerNotFound: run of main.py is not a function but int", False),
            ("def run():\n    raise ValueError('first\\nsecond')\n", 1, "HandlerFailed: ValueError: first second", True),
            ("import sys\ndef run():\n    sys.exit(3)\n", 3, "HandlerFailed: the function called sys.exit(3) while running the handler", False),
            ("import sys\ndef run():\n    sys.exit('no')\n", 1, "HandlerFailed: the function called sys.exit('no')", False),
            ("import sys\ndef run():\n    sys.exit(0)\n", 0, "", False),
            ("def run():\n    raise MemoryError\n", 1, "HandlerFailed: MemoryError", True),
        ],
    )  # fmt: skip
    def test_the_end_has_a_reason_and_a_line(self, pod, code, exit_code, words, traced):
        ended = pod.run(code)
        assert ended.code == exit_code
        assert ended.words.startswith(words)
        assert ended.words.endswith("KeyError: 'x'") == ("'x'" in words)
        assert ("Traceback" in ended.errors or "SyntaxError" in ended.errors) == traced
        assert "run_runner" not in ended.errors
        assert "runner.pyz" not in ended.errors

    def test_the_traceback_begins_with_the_users_code(self, pod):
        ended = pod.run("def inner():\n    return 1 / 0\ndef run():\n    return inner()\n")
        first = ended.errors.splitlines()[1]
        assert first.endswith('main.py", line 4, in run'), ended.errors

    @pytest.mark.parametrize(
        ("code", "stage"),
        [
            ("import time\nprint('here', flush=True)\ntime.sleep(60)\n", "importing the handler"),
            (
                "import time\ndef run():\n    print('here', flush=True)\n    time.sleep(60)\n",
                "running the handler",
            ),
        ],
    )
    def test_a_stop_ends_it_and_says_what_it_did(self, pod, ingest, code, stage):
        process = pod.start(code)
        assert (process.stdout or sys.stdin).readline() == "here\n"
        process.send_signal(signal.SIGTERM)
        ended = pod.ended(process)
        assert (ended.code, ended.words) == (143, f"stopped while {stage}")
        assert ingest.received == []

    def test_a_stop_lets_the_function_clean_up(self, pod):
        code = "import time\ndef run():\n    try:\n        print('here', flush=True)\n        time.sleep(60)\n    finally:\n        print('clean')\n"
        process = pod.start(code)
        assert (process.stdout or sys.stdin).readline() == "here\n"
        process.send_signal(signal.SIGTERM)
        assert pod.ended(process).out == "clean\n"


class TestSource:
    def test_base64_has_the_name_the_document_gives_it(self, pod, ingest):
        encoded = base64.encodebytes(b"def run():\n    return __file__\n").decode()
        ended = pod.run({"base64": encoded, "source": "steps/train.py", "handler": "run", "lang": "python"})
        assert ended.code == 0
        assert ingest.received[0]["results"]["output_0"] == str(pod.shared / "steps" / "train.py")

    @pytest.mark.parametrize("name", ["json.py", "my-train.py", "t\u00fcr.py", "main.txt"])
    def test_any_file_name_can_be_imported(self, pod, ingest, name):
        source = {
            "code": "import json\ndef run():\n    return json.dumps(1)\n",
            "source": name,
            "handler": "run",
        }
        if name == "json.py":
            source["code"] = "def run():\n    return '1'\n"
        assert pod.run(source).code == 0
        assert ingest.received[0]["results"] == {"output_0": "1"}

    def test_code_of_a_document_is_main_whatever_its_file_is_called(self, pod):
        assert (
            pod.run({"code": "def run():\n    pass\n", "source": "train.py", "handler": "main:run"}).code == 0
        )

    @pytest.mark.parametrize("name", ["../main.py", "/etc/main.py", "a/../../main.py"])
    def test_a_file_outside_of_the_folder_is_refused(self, pod, name):
        ended = pod.run({"code": "def run():\n    pass\n", "source": name, "handler": "run"})
        assert ended.words == f"InvalidSource: the file name {name!r} leaves the folder of the source"
        assert not (pod.folder / "main.py").exists()

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ({"handler": "run"}, "InvalidSource: the document has no source"),
            ({"source": "train.py", "handler": "run"}, "InvalidSource: the document names the file train.py but has no content for it"),
            ({"source": "ftp://x/y.py", "handler": "run"}, "InvalidSource: ftp://x/y.py has a scheme that cannot be fetched"),
            ({"base64": "%%%", "handler": "run"}, "InvalidSource: spec.source.base64 is not base64"),
            ({"source": "http://127.0.0.1:9/a.py", "handler": "run"}, "InvalidSource: http://127.0.0.1:9/a.py cannot be fetched: "),
            ({"source": "s3://b/k.py", "handler": "run"}, "InvalidSource: s3://b/k.py needs AWS_ACCESS_KEY_ID"),
            ({"code": "x = 1\n", "handler": ""}, "HandlerNotFound: the document has no handler"),
            ({"code": "x = 1\n", "handler": "other:run"}, "HandlerNotFound: there is no module other in the source; its modules are: main.py"),
            ({"code": "x = 1\n", "handler": "../x:run"}, "HandlerNotFound: '../x' is not the name of a module"),
        ],
    )  # fmt: skip
    def test_a_source_that_is_not_there_is_named(self, pod, source, words):
        ended = pod.run(source)
        assert ended.code == 1
        assert ended.words.startswith(words)

    def test_an_archive_with_a_package(self, pod, ingest, tmp_path):
        files = {"steps/__init__.py": "", "steps/train.py": "from .model import NAME\ndef run():\n    return NAME\n", "steps/model.py": "NAME = 'm'\n"}  # fmt: skip
        (tmp_path / "www").mkdir()
        (tmp_path / "www" / "a.zip").write_bytes(archive(files))
        with files_served(tmp_path / "www") as url:
            ended = pod.run({"source": f"zip+{url}/a.zip", "handler": "steps.train:run"})
        assert ended.code == 0, ended
        assert ingest.received[0]["results"] == {"output_0": "m"}

    def test_a_folder_with_a_name_that_no_program_could_write(self, pod, ingest, tmp_path):
        """As a tutorial of the platform has it: a repository of folders, one of which looks for its own modules."""
        wrapper = "import sys\nsys.path.append('./some-tutorial/')\nfrom main import main\ndef train(x):\n    return main(x)\n"
        files = {
            "some-tutorial/wrapper.py": wrapper,
            "some-tutorial/main.py": "def main(x):\n    return x + 1\n",
        }
        (tmp_path / "www").mkdir()
        (tmp_path / "www" / "code.zip").write_bytes(archive(files))
        with files_served(tmp_path / "www") as url:
            source = {"source": f"zip+{url}/code.zip", "handler": "some-tutorial.wrapper:train"}
            ended = pod.run(source, parameters={"x": 1})
        assert ended.code == 0, ended
        assert ingest.received[0]["results"] == {"output_0": 2}

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (archive({"../x.py": "x"}), "the file name '../x.py' leaves the folder"),
            (archive({"a": "0" * (64 << 20)}) * 1, ""),
            (b"no zip", "it is not a zip file that can be read"),
        ],
        ids=["traversal", "large", "broken"],
    )
    def test_an_archive_that_is_not_well_is_refused(self, pod, tmp_path, data, said):
        (tmp_path / "www").mkdir()
        (tmp_path / "www" / "a.zip").write_bytes(data)
        with files_served(tmp_path / "www") as url:
            ended = pod.run({"source": f"zip+{url}/a.zip", "handler": "run"})
        assert ended.code == 1
        assert said in ended.words
        assert not (pod.folder / "x.py").exists()

    def test_a_file_that_the_server_does_not_have(self, pod, tmp_path):
        (tmp_path / "www").mkdir()
        with files_served(tmp_path / "www") as url:
            ended = pod.run({"source": f"{url}/a.py?token=secret", "handler": "run"})
        assert ended.words == f"InvalidSource: {url}/a.py answers 404 File not found"

    @pytest.mark.parametrize(
        ("ref", "result"), [("", "new"), ("#old", "old"), ("#v1", "old"), ("#COMMIT", "old")]
    )
    def test_a_repository(self, pod, ingest, tmp_path, ref, result):
        commit = repository(tmp_path / "www")
        with files_served(tmp_path / "www") as url:
            ended = pod.run(
                {"source": f"git+{url}/code.git{ref.replace('COMMIT', commit)}", "handler": "work:run"}
            )
        assert ended.code == 0, ended
        assert ingest.received[0]["results"] == {"output_0": result}

    @pytest.mark.parametrize("address", ["nothing.git", "code.git#nothing", "code.git#--upload-pack=x"])
    def test_a_repository_that_is_not_there(self, pod, tmp_path, address):
        repository(tmp_path / "www")
        with files_served(tmp_path / "www") as url:
            ended = pod.run(
                {"source": f"git+{url}/{address}", "handler": "work:run"}, environment={"GIT_TOKEN": "secret"}
            )
        assert ended.code == 1
        assert ended.words.startswith("InvalidSource: ")
        assert "secret" not in "".join(ended[1:])


def repository(folder: Path) -> str:
    """A repository for plain file servers; the answer is its first commit, which a branch and a tag name."""
    work = folder / "work"
    work.mkdir(parents=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    for name in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{name}_NAME": "a", f"GIT_{name}_EMAIL": "a@example.org"}

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=work, env=env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "--quiet", "--initial-branch=main", ".")
    for number, text in enumerate(("old", "new")):
        (work / "work.py").write_text(f"def run():\n    return {text!r}\n")
        git("add", ".")
        git("commit", "--quiet", "-m", text)
        if not number:
            git("branch", "old")
            git("tag", "v1")
    git("clone", "--quiet", "--bare", ".", str(folder / "code.git"))
    subprocess.run(["git", "update-server-info"], cwd=folder / "code.git", env=env, check=True)
    return git("rev-parse", "old")


class TestRequirements:
    @pytest.fixture
    def address(self, tmp_path: Path) -> Iterator[str]:
        """An index with one wheel, and credentials in its address."""
        code = "import os\nVALUE = 'from the index'\ndef say():\n    print('said', flush=True)\n"
        one = wheel("tinywheel", "1.0", code, {"tiny-say": "tinywheel:say"})
        with files_served(written(index({"tinywheel-1.0-py3-none-any.whl": one}), tmp_path / "www")) as url:
            yield url.replace("//", "//user:secret@") + "/simple/"

    @pytest.fixture
    def variables(self, address: str) -> dict[str, str]:
        return {"PIP_INDEX_URL": address, "UV_INDEX_URL": address, "PIP_CONFIG_FILE": os.devnull}

    def test_module_and_command_are_there_for_the_function_and_its_children(self, pod, ingest, variables):
        code = (
            "import subprocess, tinywheel\n"
            "def run():\n    return tinywheel.VALUE, subprocess.check_output(['tiny-say'], text=True)\n"
        )
        ended = pod.run(code, requirements=["tinywheel"], environment=variables)
        assert ended.code == 0, ended
        assert ingest.received[0]["results"] == {"output_0": "from the index", "output_1": "said\n"}

    def test_credentials_are_neither_in_the_log_nor_in_the_reason(self, pod, variables, address):
        wanted = f"nothing-like-this @ {address}nothing-like-this-1.0-py3-none-any.whl"
        ended = pod.run("def run():\n    pass\n", requirements=[wanted], environment=variables)
        assert ended.words.startswith("RequirementsFailed: ")
        assert "secret" not in "".join(ended[1:])


class TestFolder:
    def test_the_function_runs_in_the_folder_of_its_source(self, pod, ingest):
        pod.run(
            "import os\ndef run():\n    return os.getcwd(), sorted(n for n in os.listdir('.') if n[0] != '_')\n"
        )
        results = ingest.received[0]["results"]
        assert results["output_0"] == str(pod.shared)

    def test_what_an_earlier_attempt_left_on_a_claim_is_not_seen(self, pod, ingest):
        (pod.shared / "helper.py").write_text("VALUE = 'old'\n")
        ended = pod.run("def run():\n    import helper\n")
        assert ended.words.startswith(
            "HandlerFailed: ModuleNotFoundError: No module named 'helper': add its package"
        )
