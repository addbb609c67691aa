"""Attempts over time, and when values were logged."""

from __future__ import annotations

from run_operator.api.raw import parse
from run_operator.web.view.series_answer import series_answer
from run_operator.web.view.timeline import attempts, phases

CREATED = parse("2026-11-29T10:00:00Z") or 0.0


def at(seconds: float) -> str:
    return f"2026-11-29T10:{int(seconds) // 60:02}:{seconds % 60:09.6f}Z"


def moved(*moves: tuple[str, float]) -> list[dict[str, str]]:
    return [{"status": state, "time": at(when)} for state, when in reversed(moves)]


STATUS = {
    "state": "RUNNING",
    "attempts": [
        {"attempt": 1, "startTime": "2026-11-29T10:00:01Z", "endTime": "2026-11-29T10:00:32Z", "reason": "Suspended", "exitCode": 143},
        {"attempt": 2, "startTime": "2026-11-29T10:01:00Z"},
    ],
    "transitions": moved(("PENDING", 1.2), ("RUNNING", 2.0), ("STOP", 30), ("STOPPED", 32), ("PENDING", 60.1), ("RUNNING", 62)),
    "metrics": {"loss": [5.0, 4.0, 3.0, 2.0]},
    "metricsInfo": {"loss": {"count": 4, "stride": 1}},
    "metricsIngest": {"lastCommitTime": "2026-11-29T10:01:30Z"},
}  # fmt: skip


def test_each_attempt_has_its_phases_and_its_end():
    first, second = attempts(STATUS, CREATED)
    assert [one["phase"] for one in first["phases"]] == ["pending", "running", "stopping", "stopped"]
    assert (first["state"], first["reason"], first["exitCode"]) == ("stopped", "Suspended", 143)
    assert first["phases"][0]["from"] == "2026-11-29T10:00:00.000000Z"
    assert [one["phase"] for one in second["phases"]] == ["pending", "running"]
    assert (second["state"], second["phases"][-1]["to"]) == ("running", None)


def test_the_stop_before_a_quick_resume_belongs_to_the_attempt_that_it_ended():
    """The start of an attempt is a whole second: here it is before the STOP of the attempt before."""
    moves = moved(("PENDING", 1.2), ("RUNNING", 2.0), ("STOP", 60.2), ("STOPPED", 60.4), ("PENDING", 60.7))
    first, second = attempts(STATUS | {"transitions": moves}, CREATED)
    assert [one["phase"] for one in first["phases"]] == ["pending", "running", "stopping", "stopped"]
    assert [one["phase"] for one in second["phases"]] == ["pending"]


def test_a_wait_in_a_queue_is_reported_apart():
    queued = {"type": "Queued", "status": "True", "lastTransitionTime": "2026-11-29T10:00:05Z"}
    waiting = {"state": "PENDING", "transitions": moved(("PENDING", 1.0)), "conditions": [queued]}
    assert [one.name for one in phases(waiting, CREATED)] == ["pending", "queued"]
    let_in = {
        "state": "RUNNING",
        "transitions": moved(("PENDING", 1.0), ("RUNNING", 20.0)),
        "conditions": [queued | {"status": "False", "lastTransitionTime": "2026-11-29T10:00:15Z"}],
    }
    assert [(one.name, one.until and one.until - CREATED) for one in phases(let_in, CREATED)] == [
        ("queued", 15.0),
        ("pending", 20.0),
        ("running", None),
    ]


def test_active_time_skips_the_pause_between_attempts():
    raw = {"metadata": {"creationTimestamp": at(0)}, "status": STATUS}
    answer = series_answer(raw, ["loss", "not there"], now=CREATED + 95)
    (series,) = answer["series"]
    points = series["points"]
    # It ran from 2 to 30 and from 62 to 90: 56 s, four values.
    assert points["active"] == [14.0, 28.0, 42.0, 56.0]
    assert [one - CREATED for one in points["wall"]] == [16.0, 30.0, 76.0, 90.0]
    spans = [(one["number"], one["fromStep"], one["toStep"]) for one in series["attempts"]]
    assert spans == [(1, 0, 1), (2, 2, 3)]
    assert series["attempts"][1]["fromActive"] == 28.0


def test_times_at_which_values_came_in_are_those_of_the_curve():
    arrivals = {"since": "2026-11-29T10:00:00Z", "counts": [0, 2, 2, 3], "seconds": [6, 8, 63, 65]}
    info = {"count": 4, "stride": 1, "arrivals": arrivals | {"counts": [1, 3, 3, 4]}}
    raw = {"metadata": {"creationTimestamp": at(0)}, "status": STATUS | {"metricsInfo": {"loss": info}}}
    (series,) = series_answer(raw, ["loss"], now=CREATED + 95)["series"]
    # The first value came in before the first sample: it ran for 4 s until then.
    assert series["estimated"] == 1
    assert [one - CREATED for one in series["points"]["wall"]] == [6.0, 7.0, 8.0, 65.0]
    assert series["points"]["active"] == [4.0, 5.0, 6.0, 31.0]
    spans = [(one["number"], one["fromStep"], one["toStep"]) for one in series["attempts"]]
    assert spans == [(1, 0, 2), (2, 3, 3)]
    none = STATUS | {"metrics": {"loss": [1.0]}, "metricsInfo": {"loss": {"count": 1, "arrivals": arrivals}}}
    (first,) = series_answer(raw | {"status": none}, ["loss"], now=CREATED + 95)["series"]
    assert [(one["number"], one["fromStep"]) for one in first["attempts"]] == [(1, 0), (2, None)]


def test_a_run_of_which_nothing_is_known():
    assert attempts({}, None) == []
    raw = {"metadata": {}, "status": {"metrics": {"a": [1]}}}
    (series,) = series_answer(raw, [], now=0.0)["series"]
    assert (series["points"]["wall"], series["points"]["value"]) == ([None], [1])
