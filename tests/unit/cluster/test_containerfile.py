"""The Containerfile and the launcher's own builder make the same image: what runs in tests is what people build."""

from __future__ import annotations

import re

from cluster.images import OPERATOR, catalogue, operator
from cluster.paths import REPOSITORY

TEXT = (REPOSITORY / "Containerfile").read_text()
LINES = re.sub(r"\\\n\s*", "", TEXT).splitlines()


def instruction(name: str) -> str:
    """The last one of that name: of the final stage."""
    return next(line.removeprefix(f"{name} ") for line in reversed(LINES) if line.startswith(f"{name} "))


def test_both_start_the_same_program_with_the_same_environment():
    (image,) = (one for one in catalogue() if OPERATOR in one.references)
    assert tuple(instruction("ENV").split()) == image.config.env
    assert instruction("ENTRYPOINT") == str(list(image.config.entrypoint)).replace("'", '"')


def test_nobody_in_it_is_root():
    assert instruction("USER") == "65532:65532"


def test_only_what_is_locked_by_digest_is_installed():
    (install,) = (line for line in LINES if "pip install" in line)
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(install.split())
    assert f"--target=/{operator.WHEELS_AT}" in install
    assert str(operator.LOCK.relative_to(REPOSITORY)) in TEXT


def test_only_the_code_and_the_lock_are_copied():
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    files = [REPOSITORY / "Containerfile", *(REPOSITORY / "images").rglob("Containerfile")]
    lines = [line for path in files for line in path.read_text().splitlines()]
    copied = {line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line}
    assert kept == {path.replace("${LOCK}", "runtime*.lock") for path in copied}
    assert "*" in ignored
