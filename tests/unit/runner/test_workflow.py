"""Building a workflow: what its function has to return, and what is said where it does not."""

from __future__ import annotations

import base64

import pytest

from run_operator.runner import workflow_build
from run_operator.runner.errors import RunnerError


class Made:
    def to_yaml(self) -> str:
        return "kind: Workflow\n"


def test_its_yaml_is_the_result():
    found = workflow_build.build(Made)
    assert base64.b64decode(found["workflow"]) == b"kind: Workflow\n"


def broken() -> None:
    raise RuntimeError("Function or workflow not found.") from LookupError(
        "there is no function train in project demo"
    )


@pytest.mark.parametrize(
    ("handler", "reason", "said"),
    [
        (lambda x: Made(), "InvalidArguments", "has no arguments, and this one needs x"),
        (lambda: {"kind": "Workflow"}, "InvalidResult", "must return a Workflow of hera, not dict"),
        (broken, "HandlerFailed", "LookupError: there is no function train in project demo"),
    ],
)
def test_what_is_no_workflow_says_why(handler, reason, said, capsys):
    with pytest.raises(RunnerError, match=said) as caught:
        workflow_build.build(handler)
    assert caught.value.reason == reason
