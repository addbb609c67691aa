"""What is printed: charts, quantities, and nothing that moves the cursor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from run_operator.client.cli import output
from run_operator.client.cli.list import GIVING_WAY
from run_operator.client.cli.plot import chart, overlay
from run_operator.client.cli.top import quantity
from run_operator.client.terminal_text import visible


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), max_size=300))
def test_a_chart_of_anything_fits_and_says_its_bounds(values):
    lines = list(chart(values, width=60))
    assert all(len(line) <= 60 for line in lines)
    numbers = [value for value in values if value is not None]
    assert len(lines) == (8 if numbers else 1)
    if numbers:
        assert f"{max(numbers):.4g}" in lines[0]


@pytest.mark.parametrize("scale", [2**53, 2**60, 2**62, -(2**63), 10**400, 5e-324, 1.7e308])
@pytest.mark.parametrize("step", [1, 0])
def test_numbers_that_hardly_differ_are_drawn(scale, step):
    values = [scale, scale + step if isinstance(scale, int) else scale * (1 - step)]
    for lines in (list(chart(values, width=40)), list(overlay("m", {"a": values}, width=40))):
        assert all(len(line) <= 40 for line in lines)
        assert any(dot in line for line in lines for dot in "A*⠁⡀⢀⠈⠄⠠⠂⠐")
    drawn = [at for at, line in enumerate(chart(values, width=40)) if line.partition("┤")[2].strip("\u2800 ")]
    assert len(drawn) == 1 + (values[0] != values[1])


def test_a_falling_curve_falls():
    lines = [line.partition("┤")[2] for line in chart([8, 7, 6, 5, 4, 3, 2, 1], width=40)]
    first = [next(at for at, dot in enumerate(line) if dot != "\u2800") for line in lines]
    assert first == sorted(first)


@pytest.mark.parametrize(
    ("text", "value"), [("250m", 0.25), ("2", 2), ("64Mi", 2**26), ("3n", 3e-9), ("x", 0), ("", 0)]
)
def test_quantities(text, value):
    assert quantity(text) == pytest.approx(value)


HEADER = ["NAME", "STATE", "REASON", "ATTEMPT", "AGE", "SUMMARY"]
LOGGED = "accuracy 0.93125  epoch 12  learning_rate 0.0125  loss 0.126543"
ROWS = [
    ["train-churn-3f2a1", "RUNNING", "", "1", "5m", LOGGED],
    ["waiting-5d11c", "PENDING", "CreateContainerConfigError", "1", "5m", ""],
]
"""A name as the client makes it, and the longest reason."""


@pytest.mark.parametrize(
    ("columns", "last"),
    [(60, "5m"), (80, "5m"), (96, "accuracy 0.93125  ..."), (130, "learning_rate 0.0125  lo..."), (200, LOGGED)],
)  # fmt: skip
def test_where_a_terminal_is_narrow_the_summary_gives_way_and_no_other_column(
    monkeypatch, capsys, columns, last
):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(output, "clever", lambda _: True)
    output.table(HEADER, ROWS, ("MESSAGE", ["", ""]), ["SUMMARY"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith(f" {last}")
    assert all(cell in lines[2] for cell in ROWS[1])
    assert max(map(len, lines)) <= max(columns, 72), "the other five need 72"


UUID = "3f2a1c9e-5d11-4c5d-9a55-0f3b2a7c8d90"
"""The name of a Run that the SDK made."""


@pytest.mark.parametrize(
    ("name", "own_name", "shown"),
    [
        ("train-churn-3f2a1", "", "NAME STATE REASON ATTEMPT AGE"),
        (UUID, "", "NAME STATE REASON"),
        (UUID, "train-churn", "NAME RUN-NAME STATE REASON"),
        (UUID, "train-churn-with-a-long-name", "NAME RUN-NAME STATE"),
    ],
)
def test_on_80_columns_every_run_has_one_line_with_its_names_and_its_state(
    monkeypatch, capsys, name, own_name, shown
):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(output, "clever", lambda _: True)
    own = [["RUN-NAME"], [own_name]] if own_name else [[], []]
    header = ["NAME", *own[0], *HEADER[1:]]
    row = [name, *own[1], "COMPLETED", "CreateContainerConfigError", "1", "5m", LOGGED]
    output.table(header, [row], ("MESSAGE", [""]), GIVING_WAY)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == shown.split()
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith(name)
    assert "COMPLETED" in lines[1]
    assert own_name in lines[1]


def test_a_pipe_gets_the_whole_summary(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    output.table(HEADER, ROWS, ("MESSAGE", ["", ""]), ["SUMMARY"])
    assert LOGGED in capsys.readouterr().out


@given(st.text())
def test_what_is_made_visible_is_one_line(text):
    assert visible(text).isprintable()
