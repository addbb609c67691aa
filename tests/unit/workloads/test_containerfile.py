"""From a document to its Containerfile. The expected files: tests/data/golden/containerfiles (`GOLDEN=write` writes them)."""

from __future__ import annotations

import base64
import os
from typing import Any

import pytest

from run_operator.workloads.containerfile import bases, instructions, of_container, of_python
from run_operator.workloads.fields import InvalidSpecError
from tests.support.harness import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "data" / "golden" / "containerfiles"
IMAGES = {"PYTHON3_12": "registry.example.org/python:3.12"}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DOCKERFILE = """\
# what it is made of
ARG VERSION=3.12
FROM docker.io/library/python:${VERSION} AS base

FROM base
COPY --from=docker.io/library/busybox:1.36 /bin/busybox /bin/busybox
RUN echo one \\
    # between
    && echo two
RUN <<EOT
MAINTAINER is no instruction here
EOT
"""
CONTAINER: dict[str, dict[str, Any]] = {
    "git-context": {
        "base_image": "docker.io/library/python:3.12-slim",
        "source": {"source": "git+https://example.org/team/repo", "lang": "dockerfile"},
        "instructions": ["RUN pip install requests", "ENV MODE=prod"],
    },
    "base-alone": {"base_image": "python:3.12", "instructions": ["  RUN echo a \\\n  && echo b"]},
    "dockerfile": {
        "source": {"lang": "dockerfile", "base64": encoded(DOCKERFILE)},
        "instructions": ['CMD ["python3"]'],
    },
}
PYTHON: dict[str, dict[str, Any]] = {
    "python-requirements": {
        "python_version": "PYTHON3_12",
        "requirements": ["numpy", "  pandas<3  ", ""],
        "instructions": ["apt-get install -y git", "RUN echo b"],
        "envs": [{"name": "QUOTED", "value": 'a "b" $c \\d'}],
    },
    "python-base-image": {"base_image": "python:3.12", "python_version": "PYTHON3_12"},
}


def expect(case: str, text: str) -> None:
    path = GOLDEN / f"{case}.Containerfile"
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("case", CONTAINER)
def test_of_a_container(case):
    recipe = of_container(CONTAINER[case])
    expect(case, recipe.containerfile)
    assert recipe.files == {}


@pytest.mark.parametrize("case", PYTHON)
def test_of_a_function(case):
    expect(case, of_python(PYTHON[case], IMAGES, 1000).containerfile)


def test_requirements_come_into_the_context_and_nothing_where_there_are_none():
    assert of_python(PYTHON["python-requirements"], IMAGES, 1000).files == {
        "requirements.run-operator.txt": "numpy\npandas<3\n"
    }
    assert of_python(PYTHON["python-base-image"], IMAGES, 1000).files == {}


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        ({}, "spec.spec.base_image", "is missing"),
        ({"base_image": "a b"}, "spec.spec.base_image", "is not the name of an image"),
        ({"base_image": "a\nRUN id"}, "spec.spec.base_image", "is not the name of an image"),
        ({"base_image": "a", "instructions": ["ONBUILD RUN id"]}, "spec.spec.instructions[0]", "'ONBUILD'"),
        ({"base_image": "a", "instructions": [" "]}, "spec.spec.instructions[0]", "'nothing'"),
        ({"base_image": "a", "instructions": ["RUN a\nONBUILD b"]}, "spec.spec.instructions", "ONBUILD b"),
        ({"base_image": "a", "instructions": ["# syntax=x"]}, "spec.spec.instructions[0]", "'#'"),
        ({"base_image": "a", "instructions": "RUN a"}, "spec.spec.instructions", "must be a list"),
        ({"base_image": "a", "instructions": ["RUN " + "a" * 100_000] * 3}, "spec.spec.instructions", "bytes"),
        ({"source": {"lang": "dockerfile", "base64": encoded("RUN id\n")}}, "spec.spec.source", "begins with RUN"),
        ({"source": {"lang": "dockerfile", "base64": encoded("# escape=`\nFROM a\n")}}, "spec.spec.source", "directives"),
        ({"source": {"lang": "dockerfile", "base64": "/w=="}}, "spec.spec.source", "not UTF-8"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_names_the_field(spec, field, words):
    with pytest.raises(InvalidSpecError) as caught:
        of_container(spec)
    assert caught.value.field == field
    assert words in str(caught.value)


@pytest.mark.parametrize("spec", [{}, {"python_version": "PYTHON3_1"}])
def test_a_function_without_an_image_is_told_what_there_is(spec):
    with pytest.raises(InvalidSpecError, match="PYTHON3_12"):
        of_python(spec, IMAGES, 1000)


def test_an_empty_command_is_refused():
    with pytest.raises(InvalidSpecError, match=r"instructions\[0\]: is empty"):
        of_python(PYTHON["python-base-image"] | {"instructions": ["RUN "]}, IMAGES, 1000)


def test_instructions_are_told_from_what_continues_them():
    assert [word for word, _ in instructions(DOCKERFILE)] == ["ARG", "FROM", "FROM", "COPY", "RUN", "RUN"]
    assert instructions("RUN a \\\n\n  b\n") == [("RUN", "RUN a b")]


HIDDEN = [
    'RUN echo "<<EOF"\nFROM evil/x\nEOF\n',
    "RUN cat <<<EOF\nFROM evil/x\nEOF\n",
    "RUN cat <<EOF\nFROM evil/x\nEOF\n",
    "RUN cat <<EOF\nfrom --platform=a evil/x as y\nEOF\n",
    "LABEL a=b\x0cRUN cat <<EOF\nFROM evil/x\nLABEL z=1\x0cEOF\n",
    "LABEL a=b\u2028RUN cat <<EOF\nFROM evil/x\nLABEL z=1\u2028EOF\n",
    "RUN : <<EOF <<'a\\'\nEOF\na\\\nFROM evil/x\nEOF\n",
    "RUN cat <<EOF\nCOPY --from=evil/x /a /b\nEOF\n",
    "RUN cat <<EOF\nRUN --mount=type=bind,from=evil/x id\nEOF\n",
    "RUN cat <<EOF\nCOPY \\\n--from=evil/x /a /b\nEOF\n",
    "RUN cat <<EOF\nFROM scratch AS evil/x\nEOF\nFROM evil/x\n",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_no_here_document_hides_an_image(text):
    """Builders differ in what begins one, and some know none."""
    try:
        assert "evil/x" in bases(f"FROM a\n{text}")
    except InvalidSpecError as error:
        assert "has no end" in str(error)  # noqa: PT017 - either is good


def test_programs_in_here_documents_are_no_images():
    assert bases("FROM a\nRUN python3 <<EOF\nfrom os import path\nx = f(a, --from=b)\nFROM x y\nEOF\n") == [
        "a"
    ]


def test_a_here_document_without_an_end_is_refused():
    with pytest.raises(InvalidSpecError, match="the here-document EOF has no end"):
        instructions("FROM a\nRUN cat <<EOF\nx\n")


def test_the_images_that_files_are_taken_from():
    assert bases(DOCKERFILE) == ["docker.io/library/python:${VERSION}", "docker.io/library/busybox:1.36"]
    assert bases("FROM scratch\nFROM --platform=linux/amd64 a:1 as One\nFROM one\nCOPY --from=0 /a /b\n") == [
        "a:1"
    ]
    assert bases("FROM scratch\nRUN --mount=type=bind,\\\nfrom=b:2 id\n") == ["b:2"]
