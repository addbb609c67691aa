"""A ClusterRuntime that makes an object of another operator brings a policy: the operator's right to it is not everybody's."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.support.runtimes import FOLDER

FILES = sorted(FOLDER.glob("*.yaml"))


def resources() -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each such ClusterRuntime, with all objects of its file."""
    found = []
    for path in FILES:
        objects = [one for one in yaml.safe_load_all(path.read_text()) if one]
        found += [
            (one["spec"], objects)
            for one in objects
            if one["kind"] == "ClusterRuntime" and "resource" in one["spec"]
        ]
    return found


@pytest.mark.parametrize(("spec", "objects"), resources(), ids=lambda one: "")
def test_each_such_clusterruntime_has_a_policy_about_all_of_its_fields_and_kinds(spec, objects):
    policy, binding = (
        next(one for one in objects if one["kind"] == kind)
        for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    )
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    named = next(one["expression"] for one in policy["spec"]["variables"] if one["name"] == "named")
    assert set(re.findall(r"'(\w+)'", named)) == set(spec["fields"])
    matched = policy["spec"]["matchConditions"][0]["expression"]
    assert set(re.findall(r"'([\w-]{2,})'", matched)) == {kind.partition("+")[0] for kind in spec["kinds"]}
    right = f"authorizer.group('{spec['resource']['apiVersion'].partition('/')[0]}').resource('{spec['resource']['plural']}')"
    assert any(right in one["expression"] for one in policy["spec"]["validations"])
