"""The pure parts of the runner."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import io
import types
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from run_operator.api import results as stored
from run_operator.children.termination import reason_of_runner
from run_operator.runner import download, returned, s3, sdk
from run_operator.runner.archive import unpack
from run_operator.runner.bundle import bundle
from run_operator.runner.document import requirements
from run_operator.runner.errors import RunnerError
from run_operator.runner.main import is_decorated
from run_operator.runner.requirements import summary

NOW = dt.datetime(2013, 5, 24, tzinfo=dt.UTC)


def made(path: Path, files: dict[str, bytes], *, link: bool = False) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o120777 if link else 0o100755) << 16
            archive.writestr(info, data)
    return str(path)


class TestArchive:
    def test_a_program_stays_one(self, tmp_path):
        (tmp_path / "out").mkdir()
        unpack(made(tmp_path / "a.zip", {"bin/run.sh": b"x"}), str(tmp_path / "out"))
        assert (tmp_path / "out" / "bin" / "run.sh").stat().st_mode & 0o777 == 0o755

    @pytest.mark.parametrize(
        ("files", "link", "said"),
        [
            ({"a": b"0" * 1001}, False, "more than 1000 bytes unpacked"),
            ({"a": b"0" * 600, "b": b"0" * 600}, False, "more than 1000 bytes unpacked"),
            ({str(i): b"" for i in range(11)}, False, "it holds 11 files"),
            ({"a": b"/etc/passwd"}, True, "symbolic link 'a'"),
            ({"../a": b""}, False, "leaves the folder"),
            ({"/a": b""}, False, "leaves the folder"),
            ({"a/../../b": b""}, False, "leaves the folder"),
            ({"..\\a": b""}, False, "leaves the folder"),
        ],
    )
    def test_what_is_too_large_or_leaves_the_folder_is_refused(self, tmp_path, files, link, said):
        (tmp_path / "out").mkdir()
        with pytest.raises(RunnerError, match=said) as caught:
            unpack(made(tmp_path / "a.zip", files, link=link), str(tmp_path / "out"), 1000, 10)
        assert caught.value.reason == "InvalidSource"
        assert [path.name for path in tmp_path.iterdir() if path.suffix != ".zip"] == ["out"]

    def test_nothing_is_written_through_a_link_that_is_there(self, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "away").symlink_to(tmp_path)
        with pytest.raises(RunnerError, match="leaves the folder"):
            unpack(made(tmp_path / "a.zip", {"away/x": b""}), str(tmp_path / "out"))


class TestDownload:
    def test_credentials_are_in_no_address_that_is_shown(self):
        assert download.shown("https://me:secret@host/a.zip?X-Amz-Signature=1#v1") == "https://host/a.zip#v1"

    @pytest.mark.parametrize(
        ("address", "environ", "user"),
        [
            ("https://me:p%40ss@host/r.git", {}, "me:p@ss"),
            ("https://host/r.git", {"GIT_USERNAME": "me", "GIT_PASSWORD": "x"}, "me:x"),
            ("https://host/r.git", {"GIT_TOKEN": "ghp_1"}, "oauth2:ghp_1"),
            ("https://host/r.git", {"GIT_TOKEN": "other"}, "other:x-oauth-basic"),
        ],
    )
    def test_git_gets_credentials_for_the_host_alone(self, address, environ, user):
        clean, found = download.credentials(address, environ)
        assert clean == "https://host/r.git"
        assert found["GIT_CONFIG_KEY_0"] == "http.https://host/.extraHeader"
        assert base64.b64decode(found["GIT_CONFIG_VALUE_0"].rpartition(" ")[2]).decode() == user

    def test_credentials_of_an_address_go_into_a_header_that_no_redirection_takes_along(self):
        request = download.http_request("https://me:p%40ss@host:8443/a.py?x=1")
        assert request.full_url == "https://host:8443/a.py?x=1"
        assert request.headers == {}
        assert base64.b64decode(request.unredirected_hdrs["Authorization"].partition(" ")[2]) == b"me:p@ss"

    def test_without_credentials_git_gets_none(self):
        assert download.credentials("https://host/r.git", {}) == ("https://host/r.git", {})


def test_an_s3_request_is_signed_as_the_service_documents_it():
    """Beside botocore's own signature of the same request, see tests of the file store for a real server."""
    environ = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "t",
               "AWS_ENDPOINT_URL": "http://s3:7070/", "AWS_REGION": "eu"}  # fmt: skip
    request = s3.request("s3://files/demo/a b.zip", environ, NOW)
    assert request.full_url == "http://s3:7070/files/demo/a%20b.zip"
    assert request.unredirected_hdrs["X-amz-date"] == "20130524T000000Z"
    signed = request.unredirected_hdrs["Authorization"]
    assert "Credential=AKIDEXAMPLE/20130524/eu/s3/aws4_request" in signed
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token" in signed


def test_a_text_of_requirements_is_a_list_of_lines():
    assert requirements("numpy<2\n\n pandas \n") == ["numpy<2", "pandas"]
    assert requirements(["numpy", 3, ""]) == ["numpy"]
    assert requirements(None) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", "..", "x" * 129, "a\nb", "a\\b"])
def test_a_name_that_no_output_can_have_is_refused_in_the_pod_and_by_the_operator(name):
    with pytest.raises(RunnerError, match="cannot name an output"):
        returned.check({name: 1}, {})
    with pytest.raises(stored.InvalidResultsError, match="cannot name"):
        stored.Results.read({"results": {name: 1}})


def test_what_the_pod_lets_through_the_operator_takes():
    results = {f"r{i}": "x" * 200 for i in range(256)}
    returned.check(results, {})
    assert stored.Results.read({"results": results, "outputs": {}}).results == results
    assert returned.MAX_BYTES == stored.MAX_BYTES


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"results": []},
        {"state": "COMPLETED"},
        {"outputs": {"m": "s3://bucket/m"}},
        {"outputs": {"m": 3}},
        {"results": {str(i): i for i in range(257)}},
        {"results": {"a": "x" * (64 * 1024)}},
    ],
)
def test_the_operator_takes_nothing_else(value):
    with pytest.raises(stored.InvalidResultsError):
        stored.Results.read(value)


def test_the_runner_is_packed_the_same_way_each_time_and_small():
    assert bundle() == bundle()
    assert len(bundle()) < 100 * 1024


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("HandlerFailed: ValueError: no such colour", ("HandlerFailed", "ValueError: no such colour")),
        ("OOMKilled: not so", ("", "")),
        ("Evicted: not so", ("", "")),
        ("HandlerFailed", ("", "")),
        ("", ("", "")),
    ],
)
def test_the_operator_believes_the_reasons_of_the_runner_and_no_others(words, reason):
    assert reason_of_runner(words) == reason


def test_a_file_that_arrives_too_slowly_is_given_up(tmp_path, monkeypatch):
    class Slow(io.BytesIO):
        headers: Mapping[str, str] = {}

    moments = iter((0.0, 1.0, 700.0))
    monkeypatch.setattr("run_operator.runner.download.time.monotonic", lambda: next(moments))
    monkeypatch.setattr(download, "CHUNK", 1)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Slow(b"many bytes"))
    with pytest.raises(RunnerError, match="did not arrive within 600 seconds"):
        download.fetch("https://host/a.py", str(tmp_path / "a"), {})


def test_the_sdks_decorator_is_seen_below_others():
    def wraps(function: Any, file: str) -> Any:
        def outer() -> None:
            pass

        code = outer.__code__.replace(co_filename=file)
        return functools.wraps(function)(types.FunctionType(code, {}))

    def plain() -> None:
        pass

    theirs = wraps(plain, "/site-packages/digitalhub_runtime_python/utils/outputs.py")
    assert is_decorated(theirs)
    assert is_decorated(wraps(theirs, "main.py"))
    assert not is_decorated(wraps(plain, "main.py"))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["installing x", "error: Request failed after 3 retries in 7.4s", "cause: Failed to fetch: http://index/simple/x/", "cause: client error (Connect)", "cause: dns error"],
            ("no index was reached; name one in UV_INDEX_URL and PIP_INDEX_URL (docs/python.md): Request failed after 3 retries in 7.4s: "
            "Failed to fetch: http://index/simple/x/: client error (Connect): dns error"),
        ),
        (
            ["error: No solution found when resolving dependencies", "cause: Because x was not found in the package registry and you require x, we can conclude that your requirements are unsatisfiable."],
            ("No solution found when resolving dependencies: Because x was not found in the package registry and you require x, we can "
            "conclude that your requirements are unsatisfiable."),
        ),
        (
            ["WARNING: Retrying after connection broken by 'NewConnectionError(...)'", "ERROR: Could not find a version (from versions: none)", "ERROR: No matching distribution found for x"],
            "no index was reached; name one in UV_INDEX_URL and PIP_INDEX_URL (docs/python.md): No matching distribution found for x",
        ),
        (["killed", "by somebody"], "killed by somebody"),
        ([], ""),
    ],
)  # fmt: skip
def test_what_an_installer_says_is_read_as_one_sentence(lines, said):
    assert summary(lines) == said


def test_a_host_of_a_repository_that_does_not_answer_is_named_without_the_library():
    wrapped = (
        "HTTPSConnectionPool(host='git.example.org', port=443): Max retries exceeded with url: /x.git/info/refs (Caused by "
        "NameResolutionError(\"HTTPSConnection(host='git.example.org', port=443): Failed to resolve 'git.example.org' ([Errno -3] ...)\"))"
    )
    assert download._said(OSError(wrapped)) == "Failed to resolve 'git.example.org' ([Errno -3] ...)"
    assert download._said(ValueError("no such branch")) == "ValueError: no such branch"


class AnsweredError(Exception):
    """An error of the SDK's HTTP library."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} for url: https://there")
        self.response = types.SimpleNamespace(status_code=status)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("store://demo/dataitem/table/raw:1c2d", ""),
        ("store://demo/dataitem/table/raw", ""),
        ("store://other/dataitem/table/raw:1c2d", "it is of the project other, and a function reads entities of its own project (demo) alone"),
        ("data.csv", "it is not a key such as store://project/dataitem/table/name:id"),
    ],
)  # fmt: skip
def test_an_input_that_no_function_can_read_is_known_before_it_is_asked_for(key, said):
    assert sdk.not_to_be_read("demo", key) == said


def test_an_input_that_is_not_there_is_named():
    wrapped = ValueError("the SDK's own words")
    wrapped.__cause__ = AnsweredError(404)
    said = "the project demo has no dataitem raw:1c2d: apply it to this namespace, or run what makes it"
    assert sdk.absent("store://demo/dataitem/table/raw:1c2d", wrapped) == said
    assert sdk.absent("store://demo/dataitem/table/raw:1c2d", AnsweredError(403)) == ""
    assert sdk.absent("store://demo/dataitem/table/raw:1c2d", IndexError()) == ""
    assert "has no dataitem raw:" in sdk.absent("store://demo/dataitem/table/raw", IndexError())
