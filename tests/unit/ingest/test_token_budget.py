"""Who sends rubbish costs the API server nothing, and who sends much uses up a budget of their own."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from run_operator.ingest.limits import IngestLimits
from run_operator.kube.errors import ForbiddenError, TransientError, UnauthorizedError
from tests.support.ingest_world import NAME, NAMESPACE, World, batch, encoded, part, public, signed

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FEW = IngestLimits(pod_rate=1e6, pod_burst=1e6, run_rate=1e6, run_burst=1e6, review_rate=3.0)


def reviews(world: World) -> int:
    return world.api.calls.count("create tokenreviews")


async def test_a_token_that_the_cluster_did_not_sign_is_not_asked_about():
    async with World() as world:
        world.api.keys = [public(KEY)]
        forged = [
            world.token(key=OTHER), world.token(),
            world.token(key=KEY)[:-4] + "AAAA",
            f"{part({'alg': 'none', 'kid': 'k1'})}.{world.token(key=KEY).split('.')[1]}.",
            f"{part({'alg': 'RS256', 'kid': 'unknown'})}.{world.token(key=KEY).split('.')[1]}.AA",
            f"{part({'alg': 'RS256', 'kid': ['k1']})}.{world.token(key=KEY).split('.')[1]}.AA",
        ]  # fmt: skip
        for token in forged:
            assert (await world.post(token, batch(1, 1)))[0] == 401
        assert reviews(world) == 0
        assert (await world.post(world.token(key=KEY), batch(1, 1)))[0] == 202
        assert reviews(world) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UnauthorizedError("create", 401, "no"), "does not accept the operator's own token"),
        (
            ForbiddenError("create", 403, "no"),
            "the operator lacks the right to ask the API server about the token",
        ),
        (TransientError("create", 500, "no"), "the API server cannot be asked about the token"),
    ],
)
async def test_a_review_that_fails_is_no_fault_of_the_caller_and_says_whose(error, words, monkeypatch):
    async def failing(*_: object) -> None:
        raise error

    async with World() as world:
        monkeypatch.setattr(world.api, "create", failing)
        code, answer, _ = await world.post(world.token(), batch(1, 1))
        assert (code, words in answer["error"]) == (503, True), answer


async def test_without_public_keys_and_with_keys_of_another_kind_the_api_server_is_asked():
    for keys in ([], [{"kty": "OKP", "kid": "k1"}], [{"kty": "RSA", "kid": "k1", "n": 7, "e": "AQAB"}]):
        async with World() as world:
            world.api.keys = keys
            assert (await world.post(world.token(key=KEY), batch(1, 1)))[0] == 202


async def test_a_token_signed_with_an_elliptic_curve_is_known():
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    async with World() as world:
        x, y = encoded(numbers.x.to_bytes(32)), encoded(numbers.y.to_bytes(32))
        world.api.keys = [{"kty": "EC", "crv": "P-256", "kid": "k1", "x": x, "y": y}]
        text = f"{part({'alg': 'ES256', 'kid': 'k1'})}.{world.token().split('.')[1]}"
        r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        good = f"{text}.{encoded(r.to_bytes(32) + s.to_bytes(32))}"
        world.api.tokens[good] = next(iter(world.api.tokens.values()))
        assert (await world.post(good[:-6] + "AAAAAA", batch(1, 1)))[0] == 401
        assert reviews(world) == 0
        assert (await world.post(good, batch(1, 1)))[0] == 202


async def test_the_keys_are_read_again_for_a_new_one_but_not_for_each_request():
    async with World() as world:
        world.api.keys = [public(KEY)]
        for _ in range(20):
            await world.post(world.token(key=OTHER, says=NAMESPACE), batch(1, 1))
        assert world.api.calls.count("get keys") == 1


@pytest.mark.parametrize("keys", [[public(KEY)], []], ids=["by namespace", "by address"])
async def test_who_asks_for_many_reviews_uses_up_its_own_budget(keys):
    async with World(FEW) as world:
        world.api.keys = keys
        codes = [(await world.post(world.token(key=KEY, says="flood"), batch(1, 1)))[0] for _ in range(10)]
        assert 503 in codes
        mine = await world.post(world.token(key=KEY, says=NAMESPACE), batch(1, 1))
        assert (mine[0] == 503) is not bool(keys)  # in this test all come from one address


async def test_a_run_that_is_not_there_and_one_that_is_not_the_senders_have_one_answer():
    async with World() as world:
        world.api.keys = [public(KEY)]
        anonymous = f"{part({})}.{part({'aud': ['x'], 'exp': 9_999_999_999})}.AA"
        answers = []
        for token in (
            anonymous,
            world.token(key=OTHER),
            world.token(key=KEY, namespace="other"),
            signed(KEY, {"aud": 1}),
        ):
            for name in (NAME, "nobody"):
                code, reply, _ = await world.post(token, batch(1, 1), name)
                answers.append((token, code, reply["error"]))
        for token in {token for token, *_ in answers}:
            assert len({(code, text) for one, code, text in answers if one == token}) == 1
        assert {code for _, code, _ in answers} == {401}
        assert "run-uid-1" not in str(answers)
