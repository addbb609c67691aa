"""Filters of a list: the platform's meaning, met together, and not to be broken out of."""

from __future__ import annotations

import pytest

from run_operator.api.exported import selector
from run_operator.api.filters import changed_at, check, matches, name_of

TASK = "container+job://p/t"
DOCUMENT = {
    "id": "abc",
    "name": "opal-lynx",
    "kind": "container+job:run",
    "user": "u",
    "spec": {"task": TASK, "function": "container://p/train:1f"},
    "status": {"state": "STOPPED"},
    "metadata": {"created": "2026-11-29T10:00:00.5+00:00", "updated": "2026-11-29T12:00:00Z"},
}


@pytest.mark.parametrize(
    "wanted",
    [
        {"user": "u", "action": "job", "task": TASK, "name": None, "state": "STOPPED"},
        {"name": "opal-lynx"},
        {"q": "TRAIN"},
        {"q": "lynx"},
        {"q": "bc"},
        {"created": "2026-11-29T10:00:00Z"},
        {"created": "2026-11-29T10:00:00Z,2026-11-29T11:00:01+01:00"},
        {"created": "2026-11-29T10:00:00Z,"},
        {"updated": "2026-11-29T11:59:59Z,2026-11-29T12:00:01Z"},
    ],
)
def test_a_document_matches(wanted):
    check(wanted)
    assert matches(DOCUMENT, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        {"user": "v"},
        {"q": "job"},
        {"q": "STOPPED"},
        {"action": "serve"},
        {"task": "x"},
        {"function": "f"},
        {"state": "RUNNING"},
        {"created": "2026-11-29T10:00:01Z"},
        {"created": "2026-11-29T10:00:00Z,2026-11-29T10:00:00Z"},
        {"updated": "2026-11-29T12:00:00Z"},
        {"user": "u", "q": "zzz"},
    ],
)
def test_a_document_does_not_match(wanted):
    check(wanted)
    assert not matches(DOCUMENT, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        {"created": "2026-11-29"},
        {"created": "2026"},
        {"created": "2026-11-29T10:00:00"},
        {"updated": "2026-11-29T10:00:00Z,soon"},
        {"updated": ",2026-11-29T10:00:00Z"},
        {"created": "2026-11-29T10:00:00Z,2026-11-29T10:00:00Z,2026-11-29T10:00:00Z"},
        {"state": "running"},
    ],
)
def test_a_value_that_is_no_time_and_no_state_is_an_error(wanted):
    with pytest.raises(ValueError, match=r"2026-11-29T08:00:00Z|use one of"):
        check(wanted)


def test_a_selector_cannot_be_broken_out_of():
    assert selector(project="a,b=c\\d", state="RUNNING") == "spec.project=a\\,b\\=c\\\\d,status.state=RUNNING"


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"id": "1f", "name": "opal-lynx", "metadata": {"name": "opal-lynx"}}, "opal-lynx"),
        ({"id": "1f", "name": "1f", "metadata": {"name": "opal-lynx"}}, "opal-lynx"),
        ({"id": "1f", "name": "train", "metadata": {"name": "other"}}, "train"),
        ({"id": "1f", "metadata": {"name": 3}}, "1f"),
        ({"id": "1f"}, "1f"),
    ],
)
def test_the_name_of_an_entity_is_the_same_whichever_sdk_wrote_it(document, name):
    assert name_of(document) == name


def test_an_object_changes_with_every_write_of_its_spec_or_its_status():
    metadata = {
        "creationTimestamp": "2026-11-29T10:00:00Z",
        "managedFields": [{"time": "2026-11-29T10:00:07Z"}, {"time": "2026-11-29T10:00:05Z"}, {}, "odd"],
    }
    created = changed_at({"metadata": {**metadata, "managedFields": None}})
    assert changed_at({"metadata": metadata}) == created + 7
    assert changed_at({}) == 0
