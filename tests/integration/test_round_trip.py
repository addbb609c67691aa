"""A document of any line goes to the cluster by kubectl, out by an export, in by another line, and out again: whole.

kubectl and the API server's schema, and the SDK's own models, are the real ones; nothing is stored.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from run_operator.api.earlier_documents import of_today
from run_operator.api.exported import manifest, of_object
from run_operator.client.documents import read_run, write_document
from run_operator.document.entity import load, parse
from run_operator.document.merge import without_nulls
from run_operator.document.yaml_reader import Parsed
from run_operator.gateway.entity_documents import for_sdk
from tests.support.harness import REPOSITORY, Person
from tests.support.line_documents import EXPORTERS, UNKNOWN, runs, written

PARTS = ("kind", "id", "project", "spec", "metadata", "user", "extensions")
DOCUMENTS = st.lists(
    st.sampled_from(EXPORTERS).flatmap(runs),
    min_size=20,
    max_size=20,
    unique_by=lambda one: one["id"],
)
FOREIGN = {
    "coming_soon", "x-y", "comingSoon", "node_selector", "tolerations", "affinity", "runtime_class", "priority_class",
    "backoff_limit", "schedule", "local_execution",
}  # fmt: skip
"""What the models of neither line know: the SDK itself leaves it out of what it reads."""


def applied(person: Person, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The objects that `runctl manifest | kubectl apply` makes of them."""
    made = [manifest(parse(Parsed(copy.deepcopy(one), {})), namespace=person.namespace) for one in documents]
    for number, one in enumerate(made):
        one["metadata"]["name"] = f"x{number}"  # ids may be one name
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    done = person.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=text)
    found = json.loads(done.stdout)
    return sorted(found.get("items", [found]), key=lambda one: int(one["metadata"]["name"][1:]))


def exported(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What is in the file that `runctl export` writes."""
    write_document(folder / "run.yaml", of_object(raw))
    return dict(read_run(folder / "run.yaml").document)


def parts(document: dict[str, Any]) -> dict[str, Any]:
    """What says something: kubectl leaves nulls out of maps."""
    return {part: without_nulls(document.get(part)) for part in PARTS if document.get(part) not in (None, [])}


SETTINGS = settings(
    deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None
)
"""An example is a round of kubectl and the SDK: too slow to look for a smaller one."""


@settings(SETTINGS, max_examples=2)
@given(DOCUMENTS)
@pytest.mark.timeout(280)
def test_a_run_of_any_line_loses_nothing_on_its_way_through_the_cluster_and_another_line(
    person, tmp_path, line, documents
):
    objects = applied(person, documents)
    for before, raw in zip(documents, objects, strict=True):
        assert parts(exported(raw, tmp_path)) == parts(before), "kubectl, then runctl export"
    shown = [for_sdk(raw, "p", whole=True) for raw in objects]
    imported = applied(person, written(line, shown))
    for before, given_, raw in zip(documents, shown, imported, strict=True):
        after, today = exported(raw, tmp_path), of_today(before)
        assert "not shown" not in given_["status"].get("message", "")
        assert (after["kind"], after["id"], after["project"]) == (today["kind"], before["id"], "p")
        known = {key: value for key, value in today["spec"].items() if key not in FOREIGN}
        assert after["spec"].items() >= without_nulls(known).items()
        assert after["spec"].keys() <= {*known, "local_execution"}
        for key, value in before["metadata"].items():
            if value is not None and key != "updated":
                assert after["metadata"][key] == without_nulls(value), key
        assert after["extensions"] == before.get("extensions", [])


OTHERS = [
    path
    for path in sorted((REPOSITORY / "tests" / "data" / "exports").glob("*.yaml"))
    if ":run" not in path.read_text() and "+run" not in path.read_text()
]


@settings(SETTINGS, max_examples=3)
@given(UNKNOWN, UNKNOWN)
@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", OTHERS, ids=lambda one: one.stem)
def test_a_function_and_a_task_keep_what_nobody_knows(person, path, of_spec, of_metadata):
    before = copy.deepcopy(dict(load(path.read_bytes()).document))
    before["spec"] = {**before["spec"], **of_spec}
    before["metadata"] = {**before["metadata"], **of_metadata}
    (raw,) = applied(person, [before])
    assert parts(of_object(raw)) == parts(before)
    again = for_sdk(raw, before["project"], whole=True)
    assert without_nulls(again["spec"]) == without_nulls(before["spec"])
