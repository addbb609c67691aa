"""A row is bounded and says what a person sees, whatever is in the object."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from run_operator.gateway.encoding import encoded
from run_operator.web.view.detail import beside, newest, of_document, of_now, shown_event, without_document
from run_operator.web.view.rows import row

RUN: dict[str, Any] = {
    "metadata": {"name": "x", "namespace": "ml", "uid": "u", "creationTimestamp": "2026-11-29T08:00:00Z", "generation": 2},
    "spec": {
        "kind": "python+job:run",
        "project": "churn",
        "name": "brave-fox",
        "id": "x",
        "user": "ann",
        "suspend": True,
        "spec": {"function": "python://churn/train:1", "parameters": {"lr": 0.1}},
    },
    "status": {"state": "RUNNING", "attempt": 1, "observedGeneration": 1, "service": {"url": "x.ml:80"}},
}  # fmt: skip

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just("x" * 5000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("state", "message", "reason", "attempts", "transitions", "conditions", "metrics", "metricsInfo", "metricsIngest",
          "resolved", "service", "pods", "results", "startTime", "attempt")  # fmt: skip


def test_what_a_row_says():
    found = row(RUN)
    assert (found["title"], found["function"], found["user"]) == (
        "brave-fox",
        "python://churn/train:1",
        "ann",
    )
    assert (found["state"], found["suspended"]) == ("STOP", True), "an accepted stop is shown at once"
    assert found["url"] == "http://x.ml:80"


@given(
    st.dictionaries(st.sampled_from(FIELDS), ODD),
    st.dictionaries(st.text(max_size=8), ODD, max_size=3),
    st.dictionaries(st.text(max_size=8), ODD, max_size=4),
)
def test_odd_objects_are_shown_all_the_same(status, inner, labels):
    raw = {**RUN, "status": status, "spec": {**RUN["spec"], "spec": inner}}
    raw["metadata"] = RUN["metadata"] | {"labels": labels}
    assert len(encoded(row(raw))) < 64_000
    events = newest([shown_event({"message": 1, "lastTimestamp": 3})])
    encoded(of_document(raw) | beside(events, {"stop": None}, ()))
    assert encoded(of_now(without_document(raw))) == encoded(of_now(raw)), "what is held is enough"


def test_what_an_author_chooses_the_size_of_is_not_held():
    large = {"parameters": {"x": ["y" * 1000] * 1000}, "function": "f" * 100}
    raw = {**RUN, "spec": {**RUN["spec"], "spec": large}}
    raw["status"] = RUN["status"] | {"resolved": {"spec": large}, "results": {"x": "y" * 100_000}}
    assert len(encoded(without_document(raw))) < 2000
    event = {
        "message": "m" * 1_000_000,
        "type": "t" * 1_000_000,
        "reason": "r" * 1_000_000,
        "note": "n" * 1_000_000,
    }
    assert len(encoded(shown_event(event))) < 6000
    assert len(newest([shown_event(event)] * 1000)) == 100
