"""Which file stores the policy of the component warns of: the expression looks at base64."""

from __future__ import annotations

import base64
import re

import pytest
import yaml

from tests.support.harness import REPOSITORY

POLICY = REPOSITORY / "manifests" / "components" / "file-store" / "policy.yaml"


@pytest.fixture(scope="module")
def pattern() -> re.Pattern[str]:
    policy, _ = yaml.safe_load_all(POLICY.read_text())
    (one,) = policy["spec"]["validations"]
    found = re.search(r"matches\('(.*)'\)", one["expression"])
    assert found
    return re.compile(found[1])


@pytest.mark.parametrize("bucket", ["b", "bu", "buc", "churn-1", "vvvvvv", "LLLL", "my.bucket.of-many", "0"])
@pytest.mark.parametrize(
    ("rest", "warned"), [("", False), ("/", False), ("/a", True), ("/churn", True), ("/churn/x/", True)]
)
def test_a_folder_of_a_bucket_is_seen_and_a_bucket_is_not(pattern, bucket, rest, warned):
    value = base64.b64encode(f"s3://{bucket}{rest}".encode()).decode()
    assert bool(pattern.search(value)) == warned
