"""The Containerfile of a document with the action build, as the platform writes it. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from run_operator.workloads import fields
from run_operator.workloads.environment import document_variables
from run_operator.workloads.fields import InvalidSpecError
from run_operator.workloads.source import PATH, content

ALLOWED: Final = (
    "FROM", "RUN", "CMD", "EXPOSE", "ENV", "ADD", "COPY", "ENTRYPOINT", "USER", "WORKDIR", "ARG", "HEALTHCHECK", "LABEL", "SHELL",
    "VOLUME",
)  # fmt: skip
"""Instructions, as on the platform: its list for `instructions` and, for a whole Dockerfile, three more."""
CONTEXT: Final = "/shared"
"""Where the platform puts the context of a container's image."""
FUNCTION: Final = "/opt/function"
"""Where a function's files are in an image: /shared is an empty volume when it runs."""
REQUIREMENTS: Final = "requirements.run-operator.txt"
"""In the context; a name that no repository has."""
INSTALL: Final = (
    f"RUN --mount=type=secret,id=installer,target=/run/installer . /run/installer && "
    f"if command -v uv >/dev/null; then uv pip install --system --no-cache -r {{0}}/{REQUIREMENTS}; "
    f"else python3 -m pip install --no-cache-dir -r {{0}}/{REQUIREMENTS}; fi"
)
"""The addresses and passwords of package indexes are in a file that is there for this instruction alone."""
BACKSLASH: Final = "\\"
MAX_BYTES: Final = 256 * 1024
_DIRECTIVE: Final = re.compile(r"#\s*(syntax|escape|check)\s*=", re.IGNORECASE)
_FROM: Final = re.compile(r"(?:^FROM\s+(?:--\S+\s+)*|\s--from=|\bfrom=)([^\s,]+)", re.IGNORECASE)
"""In `FROM image`, `COPY --from=image` and `RUN --mount=type=bind,from=image`."""
_FROM_LINE: Final = re.compile(r"FROM\s+(?:--\S+\s+)*([^\s,]+)(?:\s+AS\s+\S+)?", re.IGNORECASE)
"""The whole of an instruction; `from x import y` is none."""
_STAGE: Final = re.compile(r"FROM\s.*\sAS\s+(\S+)\s*$", re.IGNORECASE)
_HEREDOC: Final = re.compile(r"<<-?[\"']?([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Recipe:
    """The input of the builder."""

    containerfile: str
    files: Mapping[str, str] = field(default_factory=dict)
    """Texts that come into the context beside the source."""


def of_container(spec: Mapping[str, Any]) -> Recipe:
    """container+build: the document's own Dockerfile, or its base image with the context, then its instructions."""
    given = fields.mapping(spec, "source")
    if is_dockerfile(spec):
        held = content(given) or b""
        try:
            lines = [held.decode("utf-8")]
        except UnicodeDecodeError as error:
            raise InvalidSpecError(PATH, "is not a Dockerfile: it is not UTF-8") from error
    else:
        lines = [f"FROM {_base(spec)}"]
        lines += [f"COPY . {CONTEXT}", f"WORKDIR {CONTEXT}"] if given.get("source") or content(given) else []
    for i, line in enumerate(fields.texts(spec, "instructions")):
        _check_one(line, f"{fields.ROOT}.instructions[{i}]")
        lines.append(line.strip())
    return Recipe(_checked(lines, PATH if is_dockerfile(spec) else f"{fields.ROOT}.instructions"))


def of_python(spec: Mapping[str, Any], images: Mapping[str, str], user: int) -> Recipe:
    """python+build and its relatives: the base image with the function's files and requirements; instructions are commands."""
    base = fields.text(spec, "base_image") or images.get(fields.text(spec, "python_version") or "")
    if not base:
        known = ", ".join(sorted(images)) or "none"
        raise InvalidSpecError(
            f"{fields.ROOT}.base_image",
            f"is missing, and python_version has no image; known versions are {known}",
        )
    requirements = [line.strip() for line in fields.texts(spec, "requirements") if line.strip()]
    variables = document_variables(spec)
    lines = [f"FROM {_image(base)}", "USER root"]
    lines += [f"ENV {name}={_quoted(value)}" for name, value in variables.items()]
    lines += [f"WORKDIR {FUNCTION}", f"COPY . {FUNCTION}"]
    lines += _commands(spec)
    if requirements:
        lines.append(INSTALL.format(FUNCTION))
    lines.append(f"USER {user}")
    files = {REQUIREMENTS: "".join(f"{line}\n" for line in requirements)} if requirements else {}
    return Recipe(_checked(lines, f"{fields.ROOT}.instructions"), files)


def is_dockerfile(spec: Mapping[str, Any]) -> bool:
    """Whether the document's source is the Dockerfile itself. Raises InvalidSpecError."""
    given = fields.mapping(spec, "source")
    return fields.text(given, "lang", PATH) == "dockerfile" and bool(content(given))


def _base(spec: Mapping[str, Any]) -> str:
    name = fields.text(spec, "base_image")
    if not name:
        raise InvalidSpecError(
            f"{fields.ROOT}.base_image",
            "is missing; name it, or put a Dockerfile into source with lang: dockerfile",
        )
    return _image(name)


def _image(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*", name):
        raise InvalidSpecError(f"{fields.ROOT}.base_image", f"{name[:80]!r} is not the name of an image")
    return name


def _commands(spec: Mapping[str, Any]) -> list[str]:
    """`instructions` of a function: commands, on the platform. One that says RUN itself means the same."""
    found = []
    for i, line in enumerate(fields.texts(spec, "instructions")):
        command = re.sub(r"^RUN(\s+|$)", "", line.strip(), flags=re.IGNORECASE)
        if not command:
            raise InvalidSpecError(f"{fields.ROOT}.instructions[{i}]", "is empty")
        found.append(f"RUN {command}")
    return found


def _check_one(line: str, path: str) -> None:
    word = line.split(maxsplit=1)[0].upper() if line.split() else ""
    if word not in ALLOWED:
        raise InvalidSpecError(
            path, f"{word[:40] or 'nothing'!r} is not allowed; use one of {', '.join(ALLOWED)}"
        )


def _checked(lines: Sequence[str], path: str) -> str:
    """The whole text, each of whose instructions is in the list. Raises InvalidSpecError."""
    text = "".join(f"{line.rstrip()}\n" for line in lines)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise InvalidSpecError(path, f"makes a Containerfile of more than {MAX_BYTES} bytes")
    first = ""
    for word, line in instructions(text, path):
        if word not in ALLOWED:
            raise InvalidSpecError(
                path, f"{line[:60]!r} has no instruction that is allowed; use one of {', '.join(ALLOWED)}"
            )
        first = word if first in ("", "ARG") else first
    if first != "FROM":
        raise InvalidSpecError(
            path, f"begins with {first or 'nothing'}; the first instruction is FROM (or ARG before it)"
        )
    return text


def instructions(text: str, path: str = PATH) -> list[tuple[str, str]]:
    """Each instruction of a Containerfile, its word and its line with those that continue it. Here-documents are left out.

    Raises InvalidSpecError for a parser directive, which would let lines mean something else, and for a here-document without an end.
    """
    found: list[list[str]] = []
    ends: deque[str] = deque()
    continued = False
    for line in _lines(text):
        if ends:
            if line == ends[0]:
                ends.popleft()
            continue
        if line.startswith("#"):
            if _DIRECTIVE.match(line):
                raise InvalidSpecError(path, f"{line[:60]!r}: parser directives are not allowed")
            continue
        if not line:
            continue
        if continued:
            found[-1].append(line)
        else:
            found.append([line])
        continued = line.endswith(BACKSLASH)
        if _word(found[-1][0]) in ("RUN", "COPY", "ADD"):
            ends += _HEREDOC.findall(line)
    if ends:
        raise InvalidSpecError(path, f"the here-document {ends[0][:60]} has no end")
    return [(_word(parts[0]), _joined(parts)) for parts in found]


def bases(text: str) -> list[str]:
    """The images that a Containerfile takes files from. Stages of its own and `scratch` are none.

    Builders differ in what is a here-document: older ones know none. So a line counts that is an instruction to any of them, and a
    stage counts that is one to all of them.
    """
    read, plain = instructions(text), _without_heredocs(text)
    stages = {"scratch"} | ({_stage(line) for _, line in read} & {_stage(line) for line in plain} - {""})
    found = [name for _, line in read for name in _FROM.findall(line)]
    found += [name for line in plain for name in _images(line)]
    return [name for name in dict.fromkeys(found) if name.lower() not in stages and not name.isdigit()]


def _without_heredocs(text: str) -> list[str]:
    """The lines, each alone and with those that continue it, to a builder that knows no here-documents."""
    found: list[list[str]] = [[]]
    for line in _lines(text):
        if line and not line.startswith("#"):
            found[-1].append(line)
            if not line.endswith(BACKSLASH):
                found.append([])
    alone = [line for parts in found if len(parts) > 1 for line in parts]
    return [_joined(parts) for parts in found if parts] + alone


def _images(line: str) -> list[str]:
    """The images of a line that may be an instruction, or a line of some program."""
    if match := _FROM_LINE.fullmatch(line):
        return [match[1]]
    return _FROM.findall(line) if _word(line) in ("RUN", "COPY", "ADD") or line.startswith("--") else []


def _stage(line: str) -> str:
    match = _STAGE.match(line)
    return match[1].lower() if match else ""


def _lines(text: str) -> list[str]:
    """As builders split it: at line feeds alone, unlike `splitlines`."""
    return [line.strip() for line in text.split("\n")]


def _word(line: str) -> str:
    return line.split(maxsplit=1)[0].upper()


def _joined(parts: Sequence[str]) -> str:
    return "".join(part.removesuffix(BACKSLASH) for part in parts[:-1]) + parts[-1]


def _quoted(value: str) -> str:
    escaped = re.sub(r"([\\\"$])", r"\\\1", value)
    return f'"{escaped}"'
