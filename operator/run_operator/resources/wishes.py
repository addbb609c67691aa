"""Whether a wish makes sense: what is over can neither be stopped nor resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from run_operator.resources.raw import mapping, text
from run_operator.resources.states import FINAL, state_of


def refusal(raw: Mapping[str, Any], verb: str) -> str:
    """Why the Run cannot be stopped or resumed (`verb`), as a sentence; empty if it can be."""
    status = mapping(raw.get("status"))
    state = state_of(status.get("state"))
    if state not in FINAL:
        return ""
    name = text(mapping(raw.get("metadata")).get("name"))
    advice = "there is nothing to stop" if verb == "stop" else "save it under a new id to run it again"
    said = f" ({status['message']})" if status.get("message") else ""
    return f"run {name} is {state.value} already{said}: {advice}"
