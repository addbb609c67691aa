"""Whose a token is, as far as can be known without asking anybody."""

from __future__ import annotations

import base64
import json

import pytest

from run_operator.gateway.api_client import identity


def owner(token: str) -> str:
    return identity({"Authorization": f"Bearer {token}"}, "192.0.2.1").owner


def jwt(claims: object) -> str:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return f"head.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.signature"


def test_a_token_that_was_renewed_is_its_owners_and_nobody_elses():
    ann = [jwt({"iss": "https://i", "sub": "ann", "exp": number}) for number in (1, 2)]
    assert owner(ann[0]) == owner(ann[1])
    assert owner(ann[0]) not in {
        owner(jwt({"iss": "https://i", "sub": "bob"})),
        owner(jwt({"iss": "j", "sub": "ann"})),
    }
    digests = {identity({"Authorization": f"Bearer {one}"}, "").digest for one in ann}
    assert len(digests) == 2


@pytest.mark.parametrize(
    "claims", [b"{", b"\xff", b"[" * 9000, [], "x", {"sub": "ann"}, {"iss": "i"}, None], ids=range(8)
)
def test_whatever_is_no_such_token_is_somebody_of_its_own(claims):
    token = jwt(claims)
    assert owner(token) == identity({"Authorization": f"Bearer {token}"}, "").digest
    assert owner("static-token") != owner("another")


def test_all_accounts_of_a_namespace_have_one_share():
    """Who has a namespace makes as many of them as it takes to fill every place."""

    def tenant(subject: str) -> str:
        token = jwt({"iss": "https://kubernetes", "sub": subject})
        return identity({"Authorization": f"Bearer {token}"}, "").tenant

    assert tenant("system:serviceaccount:ml:a") == tenant("system:serviceaccount:ml:b")
    assert tenant("system:serviceaccount:ml:a") != tenant("system:serviceaccount:other:a")
    assert tenant("ann") != tenant("bob")
