"""Which values of the environment are left out of what a person reads."""

from __future__ import annotations

from run_operator.runner.masking import without_secrets


def test_the_name_of_a_key_is_no_secret():
    """A store may call its user as the project is called, and that is in every address."""
    environment = {"AWS_ACCESS_KEY_ID": "demo-store", "AWS_SECRET_ACCESS_KEY": "s3cr3t-value"}
    assert without_secrets("store://demo-store/x: s3cr3t-value", environment) == "store://demo-store/x: ***"
