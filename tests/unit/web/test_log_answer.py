"""The note above a log says what is missing in it."""

from __future__ import annotations

import pytest

from run_operator.gateway.run_logs import Written
from run_operator.web.log_answer import MAX_NOTE, note


def written(*, is_cut: bool, pod: str = "x-1") -> Written:
    return Written(1, "0", pod, "main", b"line\n", "Running", is_cut)


@pytest.mark.parametrize(
    ("found", "running", "left", "said"),
    [
        ([], [], 0, "the program wrote nothing, or its log was not stored"),
        ([written(is_cut=False)], [], 0, ""),
        ([], ["main"], 0, ""),
        ([written(is_cut=True)], [], 0, "only the end is shown of x-1 main"),
        ([], ["main"], 3, "3 other running containers are not followed; choose a container"),
        (
            [written(is_cut=True, pod="\u00fc")],
            ["main"],
            1,
            "1 other running containers are not followed; choose a container; only the end is shown of ? main",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_line_of_ascii(found, running, left, said):
    assert note(found, running, left) == said


def test_it_has_a_bound():
    assert len(note([written(is_cut=True, pod="x" * 10 * MAX_NOTE)], [], 0)) == MAX_NOTE
