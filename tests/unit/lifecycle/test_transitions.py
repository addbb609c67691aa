"""The states as docs/lifecycle.md draws them: each arrow is a test of its letter, and begins at each of its states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from run_operator.api.conditions import State
from run_operator.api.end_mark import EndMark
from run_operator.api.run import Run
from run_operator.lifecycle.model import Observed, Refusal
from tests.support.builders import job, pod, run, serve
from tests.support.lifecycle_page import transitions
from tests.support.planning import seen, status_of, step

Scene = tuple[Run, Observed]
NOTHING = Observed(fresh=True)
UNDER_WAY = Observed(job(active=1), (pod("Running"),))
SUSPENDED = Observed(job(suspend=True))
DONE = Observed(job(complete=True), (pod("Succeeded", exit_code=0),))
FAILED = Observed(job(failed_reason="BackoffLimitExceeded"), (pod("Failed", exit_code=3),))
KEPT = Observed(job(active=1), (pod("Running", exit_code=0, beside={"mesh": None}),))
NAMING = {"task": "container+job://demo/t", "function": "container://demo/hello:v1"}


def at(state: str, **top: Any) -> Run:
    return run(status=status_of(state), **top)


def restored(state: State) -> Run:
    mark = EndMark(state=state, reason="Finished", time="2026-01-01T00:00:00Z", uid="u", namespace="ml",
                   name="hello", id="hello", attempt=1, metrics=False)  # fmt: skip
    return replace(run(), end_mark=mark)


def edited(state: str) -> Run:
    return run(status={"state": state, "observedGeneration": 1}, generation=2)


ARROWS: dict[str, dict[str, Scene]] = {
    "a": {"CREATED": (serve(), Observed())},
    "b": {
        "CREATED": (serve(), seen(pod("Running", ready=True))),
        "PENDING": (at("PENDING"), UNDER_WAY),
        "STOPPED": (at("STOPPED"), UNDER_WAY),
    },
    "c": {
        "CREATED": (run(), Observed(job(suspend=True), (pod("Running"),))),
        "PENDING": (at("PENDING", suspend=True), UNDER_WAY),
        "RUNNING": (at("RUNNING", suspend=True), UNDER_WAY),
        "STOPPED": (at("STOPPED", suspend=True), UNDER_WAY),
    },
    "d": {"CREATED": (run(suspend=True), Observed())},
    "e": {
        "PENDING": (at("PENDING", suspend=True), NOTHING),
        "RUNNING": (at("RUNNING", suspend=True), NOTHING),
        "STOP": (at("STOP", suspend=True), SUSPENDED),
    },
    "f": {"STOP": (at("STOP"), SUSPENDED), "STOPPED": (at("STOPPED"), SUSPENDED)},
    "g": {"RUNNING": (at("RUNNING"), NOTHING)},
    "h": {
        "CREATED": (restored(State.COMPLETED), Observed()),
        "PENDING": (at("PENDING"), Observed(job(complete=True), fresh=True)),
        "RUNNING": (at("RUNNING"), DONE),
        "STOP": (at("STOP", suspend=True), DONE),
        "STOPPED": (at("STOPPED", suspend=True), DONE),
    },
    "i": {
        "CREATED": (run({"task": "container+job://demo/t", "image": "x y"}), Observed()),
        "PENDING": (at("PENDING"), Observed(refusal=Refusal("InvalidSpec", "no", final=True))),
        "RUNNING": (at("RUNNING"), FAILED),
        "STOP": (at("STOP", suspend=True), FAILED),
        "STOPPED": (at("STOPPED", suspend=True), FAILED),
    },
    "j": {"STOP": (at("STOP", suspend=True), KEPT)},
    "k": {"STOPPED": (run(NAMING, status={"state": "STOPPED"}), Observed())},
    "l": {"COMPLETED": (edited("COMPLETED"), Observed()), "ERROR": (edited("ERROR"), Observed())},
}


def way(one: Run, observed: Observed) -> list[str]:
    """The states that one step leads through, from that before it."""
    before = one.status.get("state", "CREATED")
    status = step(one, observed).status
    assert status is not None
    return [before, *(entry["status"] for entry in reversed(status["transitions"]))]


def arrow(letter: str) -> Any:
    scenes = [pytest.param(before, *scene, id=before) for before, scene in ARROWS[letter].items()]
    return pytest.mark.parametrize(("before", "one", "observed"), scenes)


def first_step(letter: str) -> Callable[..., None]:
    @arrow(letter)
    def test(before: str, one: Run, observed: Observed) -> None:
        begun, entered, *_ = way(one, observed)
        assert (begun, transitions()[begun, entered]) == (before, letter)

    return test


def drawn() -> Iterator[tuple[str, str]]:
    return ((letter, before) for (before, _), letter in transitions().items())


test_a = first_step("a")
test_b = first_step("b")
test_c = first_step("c")
test_d = first_step("d")
test_e = first_step("e")
test_f = first_step("f")
test_g = first_step("g")
test_h = first_step("h")
test_i = first_step("i")
test_j = first_step("j")
test_k = first_step("k")
test_l = first_step("l")


def test_every_arrow_of_the_drawing_has_a_test_from_each_of_its_states():
    tested = {(letter, before) for letter, scenes in ARROWS.items() for before in scenes}
    assert tested == set(drawn())
    assert all(f"test_{letter}" in globals() for letter, _ in drawn())
