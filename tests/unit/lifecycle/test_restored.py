"""A finished Run that comes back is finished: from a backup, by `kubectl replace --force`, by a GitOps tool."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from run_operator.api.end_mark import EndMark
from run_operator.api.raw import stamp
from run_operator.api.run import Run
from run_operator.lifecycle.model import CreateWorkload, DeleteRun, MarkFinished
from tests.support.builders import NOW, run
from tests.support.planning import condition, kinds, status_of, step


def finished(state: str = "COMPLETED") -> Run:
    ended = {"completionTime": stamp(NOW - 60)}
    reason = {"type": "Finished", "status": "True", "reason": "CompletionsReached"}
    return run(status=status_of(state, 2, conditions=[reason], **ended))


def marked(one: Run) -> EndMark:
    (action,) = step(one).actions
    assert isinstance(action, MarkFinished)
    found = EndMark.of({"annotations": {"run-operator.io/finished": action.value}})
    assert found is not None
    return found


def test_the_end_is_marked_once_and_a_moment_after_it():
    assert kinds(step(replace(finished(), end_mark=marked(finished())))) == []
    early = step(finished(), now=NOW - 58)
    assert (kinds(early), early.wake_at) == ([], NOW - 53)


@pytest.mark.parametrize("state", ["COMPLETED", "ERROR"])
def test_a_restored_run_is_what_it_was_and_says_from_where_it_comes(state):
    mark = marked(finished(state))
    made = step(replace(run(), uid="another", end_mark=mark))
    assert made.status["state"] == state
    assert made.status["attempt"] == 2
    assert condition(made, "Finished")["reason"] == "Restored"
    assert "11111111-2222-3333-4444-555555555555" in made.status["message"]
    assert made.actions == ()
    assert step(replace(run(status=made.status), end_mark=mark)).status is None


def test_a_run_whose_status_was_wiped_is_what_it_was():
    assert step(replace(run(), end_mark=marked(finished()))).status["state"] == "COMPLETED"


def test_that_its_metrics_were_not_restored_is_said():
    mark = marked(finished())._replace(metrics=True)
    assert "metrics were not restored" in step(replace(run(), end_mark=mark)).status["message"]


def test_a_copy_under_another_name_or_id_is_another_run():
    mark = marked(finished())
    for other in (mark._replace(name="other"), mark._replace(id="other")):
        assert CreateWorkload in kinds(step(replace(run(), end_mark=other)))


def test_a_run_that_has_begun_pays_no_attention_to_the_annotation():
    one = replace(run(status=status_of("PENDING")), end_mark=marked(finished()))
    assert kinds(step(one)) == [CreateWorkload]


@pytest.mark.parametrize(
    "value",
    ["", "{}", "[]", "no", '{"state":"RUNNING"}', "x" * 2000,
     json.dumps(marked(finished())._asdict() | {"uid": "<script>"}),
     json.dumps(marked(finished())._asdict() | {"reason": "two words"}),
     json.dumps(marked(finished())._asdict() | {"time": "yesterday"})],
)  # fmt: skip
def test_an_annotation_that_is_none_of_ours_says_nothing(value):
    assert EndMark.of({"annotations": {"run-operator.io/finished": value}}) is None


@pytest.mark.parametrize("mark", ["argocd.argoproj.io/tracking-id", "kustomize.toolkit.fluxcd.io/name"])
def test_a_run_that_a_tool_would_apply_again_is_kept_after_its_time_to_live(mark):
    status = status_of("COMPLETED", completionTime=stamp(NOW - 60))
    policy = {"ttlSecondsAfterFinished": 10}
    kept = step(run(status=status, policy=policy, labels={mark: "x"}))
    assert DeleteRun not in kinds(kept)
    assert [event.reason for event in kept.events] == ["KeptFinished"]
    assert DeleteRun in kinds(step(run(status=status, policy=policy)))
