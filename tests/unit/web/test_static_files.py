"""The files of the page: those of its folder and nothing else, with the caches that their names allow."""

from __future__ import annotations

import gzip

import pytest

from run_operator.web.headers import content_policy
from run_operator.web.static_files import ASK, FOREVER, load


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "static"
    (folder / "inner").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("no")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "index.html").write_text("<!doctype html>" + " " * 500)
    (folder / "app-1a2b3c4d.js").write_text("1;" * 300)
    (folder / "tiny.css").write_text("a{}")
    (folder / "script.py").write_text("1")
    (folder / "inner" / "deep.js").write_text("1")
    return load(folder)


def test_only_known_types_of_this_folder_are_there(files):
    assert sorted(files) == ["app-1a2b3c4d.js", "index.html", "tiny.css"]


def test_what_has_a_hash_in_its_name_is_kept_and_the_rest_is_asked_for(files):
    assert files["app-1a2b3c4d.js"].cache == FOREVER
    assert (files["index.html"].cache, files["tiny.css"].cache) == (ASK, ASK)
    assert (files["app-1a2b3c4d.js"].content_type, files["tiny.css"].content_type) == (
        "text/javascript",
        "text/css",
    )


def test_files_are_packed_where_that_is_smaller(files):
    assert gzip.decompress(files["index.html"].packed) == files["index.html"].body
    assert files["tiny.css"].packed == b""
    assert len({file.tag for file in files.values()}) == len(files)


def test_the_page_that_is_shipped_loads_nothing_from_elsewhere():
    index = load()["index.html"].body.decode()
    assert "http://" not in index
    assert "https://" not in index
    assert "<style" not in index
    assert " style=" not in index


def test_the_policy_allows_requests_to_the_page_and_to_the_provider_alone():
    assert "connect-src 'self';" in content_policy()
    assert "connect-src 'self' https://issuer.example;" in content_policy(["https://issuer.example"])
    assert "unsafe" not in content_policy()
