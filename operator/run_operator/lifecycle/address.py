"""The address of a service in line with a document that may have been edited while the Run was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from run_operator.lifecycle.actions import Action, CreateService, DeleteChild, PatchService
from run_operator.lifecycle.situation import Situation
from run_operator.workloads import service
from run_operator.workloads.views import ServiceView


def brought_up(here: Situation, wanted: Mapping[str, Any] | None) -> list[Action]:
    """What makes the address the one that is wanted, before an attempt's pods; None: no address."""
    name = wanted["metadata"]["name"] if wanted else ""
    actions: list[Action] = [
        DeleteChild(old.name, old.uid, "Service") for old in here.observed.services if old.name != name
    ]
    found = named(here, name)
    if wanted is None:
        here.draft.service(None)
    elif found is None:
        actions.append(CreateService(wanted))
    elif service.differs(found, wanted):
        actions.append(PatchService(found.uid, wanted))
    return actions


def named(here: Situation, name: str) -> ServiceView | None:
    """The Service of that name, unless it is about to go."""
    return next((s for s in here.observed.services if s.name == name and not s.facts.deleting), None)
