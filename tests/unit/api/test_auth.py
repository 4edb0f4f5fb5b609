"""Token verification: which tokens are accepted, and for how long."""

import base64
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from api.http.auth import Authenticator, TokenRules, bearer_token
from api.http.jwks import key_source
from api.http.problems import Problem
from tests.support.api import SECRET, authenticator, token
from tests.support.keys import ED, ED_PEM, P256, P256_PEM, RSA, RSA_PEM, public_pem, small_rsa_pem
from tests.support.tokens import AUDIENCE, ISSUER, MEANT_FOR_US, forged, segment


async def assert_refused(authenticator: Authenticator, bad: str) -> Problem:
    with pytest.raises(Problem) as refused:
        await authenticator.verify(bad)
    assert refused.value.status == 401
    assert refused.value.headers["WWW-Authenticate"].startswith("Bearer ")
    assert bad not in refused.value.message
    return refused.value


TRUSTED: dict[str, tuple[dict[str, str], Any, str]] = {
    "secret": ({"secret": SECRET}, SECRET, "HS256"),
    "RSA": ({"public_key_pem": RSA_PEM}, RSA, "RS256"),
    "elliptic": ({"public_key_pem": P256_PEM}, P256, "ES256"),
    "Edwards": ({"public_key_pem": ED_PEM}, ED, "EdDSA"),
}
"""Key settings by name, with the key and algorithm that sign valid tokens for them."""

ALSO_GOOD = {"elliptic": "another family, elliptic", "Edwards": "another family, Edwards"}
"""Names of forgeries that are valid tokens for their own key family."""


@pytest.mark.parametrize("trusted", TRUSTED)
async def test_forged_tokens_are_refused_and_never_cached(trusted: str) -> None:
    settings, key, algorithm = TRUSTED[trusted]
    verifier = Authenticator(key_source(**settings), TokenRules(issuer=ISSUER, audience=AUDIENCE))
    good = token(key=key, algorithm=algorithm, **MEANT_FOR_US)
    assert (await verifier.verify(good)).user_id == "alice"
    for name, bad in forged(key, algorithm, **MEANT_FOR_US).items():
        if name == ALSO_GOOD.get(trusted):
            continue
        for _ in range(2):
            await assert_refused(verifier, bad)
            assert verifier.recall(bad) is None, name


async def test_token_with_an_unconfigured_audience_is_refused() -> None:
    await assert_refused(authenticator(), token(aud="somebody"))
    assert (await authenticator().verify(token(iss="anybody"))).user_id == "alice"


async def test_user_claim_can_be_configured() -> None:
    verifier = authenticator(user_claim="userId")
    assert (await verifier.verify(token("ignored", userId="bob"))).user_id == "bob"
    await assert_refused(verifier, token("alice"))


@pytest.mark.parametrize(
    ("claim", "role"),
    [("admin", "admin"), ("service", "service"), ("user", "user"), (None, "user"),
     ("Admin", "user"), (["admin"], "user"), (True, "user"), ({"admin": 1}, "user")],
)  # fmt: skip
async def test_only_two_roles_give_more_rights(claim: Any, role: str) -> None:
    assert (await authenticator().verify(token(role=claim))).role == role


async def test_verified_token_is_cached_until_it_expires() -> None:
    began = now = int(time.time())
    verifier = Authenticator(key_source(secret=SECRET), TokenRules(), now=lambda: now)
    good = token(exp=began + 600)
    assert verifier.recall(good) is None
    caller = await verifier.verify(good)
    now = began + 599
    assert verifier.recall(good) == caller
    now = began + 600
    assert verifier.recall(good) is None


@pytest.mark.parametrize("exp", [10**30, 1e300])
async def test_absurd_expiry_is_refused(exp: float) -> None:
    await assert_refused(authenticator(), token(exp=exp))


@pytest.mark.parametrize("more_seconds", [0, 1])
async def test_token_lifetime_is_limited(more_seconds: int) -> None:
    now = int(time.time())
    verifier = authenticator(lifetime_seconds_max=3_600)
    # The whole lifetime counts, not the remaining one.
    for issued_at in (now, now - 1_800):
        bearer = token(iat=issued_at, exp=issued_at + 3_600 + more_seconds)
        if more_seconds:
            assert "at most 3600 s" in (await assert_refused(verifier, bearer)).message
        else:
            assert (await verifier.verify(bearer)).expires_at == issued_at + 3_600


async def test_token_is_valid_for_at_most_400_days() -> None:
    now = int(time.time())
    await authenticator().verify(token(iat=now, exp=now + 400 * 86_400))
    await assert_refused(authenticator(), token(iat=now, exp=now + 400 * 86_400 + 1))


async def test_leeway_is_not_cached() -> None:
    verifier = authenticator(leeway_seconds=30)
    late = token(exp=int(time.time()) - 5)
    assert (await verifier.verify(late)).user_id == "alice"
    assert verifier.recall(late) is None


async def test_token_cache_is_bounded_and_drops_the_oldest() -> None:
    verifier = Authenticator(key_source(secret=SECRET), TokenRules(), cached_max=2)
    tokens = [token(f"user{number}") for number in range(3)]
    for bearer in tokens:
        await verifier.verify(bearer)
    assert [verifier.recall(each) is not None for each in tokens] == [False, True, True]


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_authorization_header_is_parsed_or_refused(text: str) -> None:
    for value in (text, f"Bearer {text}", f"Bearer {text}.{text}.{text}"):
        try:
            found = bearer_token(CIMultiDict({"Authorization": value}))
        except Problem as problem:
            assert problem.status == 401
        else:
            assert found in value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
)


@given(
    header=st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64"]), json_values),
    content=json_values,
)
async def test_any_malformed_token_is_refused(header: dict[str, Any], content: Any) -> None:
    await assert_refused(authenticator(), f"{segment(header)}.{segment(content)}.AAAA")


@pytest.mark.parametrize(
    "values",
    [[], [""], ["Bearer"], ["Bearer "], ["Bearera.b.c"], ["Bearer\ta.b.c"], [" Bearer a.b.c"], ["Bearer a.b.c "],
     ["Basic a.b.c"], ["a.b.c"], ["Bearer a.b"], ["Bearer a.b.c.d"], ["Bearer a.b.c, Bearer d.e.f"],
     ["Bearer a.b.c", "Bearer a.b.c"]],
)  # fmt: skip
def test_exactly_one_bearer_token_is_required(values: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        bearer_token(CIMultiDict([("Authorization", value) for value in values]))
    assert refused.value.status == 401


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR   "])
def test_scheme_is_case_insensitive(scheme: str) -> None:
    assert bearer_token(CIMultiDict({"Authorization": f"{scheme}a.B.c"})) == "a.B.c"


@pytest.mark.parametrize(
    "given_keys",
    [
        {},
        {"secret": "short"},
        {"secret": "é" * 15},
        {"secret": RSA_PEM},
        {"secret": SECRET, "public_key_pem": RSA_PEM},
        {"public_key_pem": "nonsense"},
        {"public_key_pem": public_pem("secp256k1")},
        {"public_key_pem": small_rsa_pem()},
        {"jwks_url": "http://id.example/keys"},
        {"jwks_url": "ftp://127.0.0.1/keys"},
        {"jwks_url": "nonsense"},
    ],
    ids=[
        "none", "short", "few characters", "public key as secret", "two kinds", "nonsense",
        "curve", "small", "open URL", "FTP", "no URL",
    ],
)  # fmt: skip
def test_unsafe_keys_are_refused_at_start(given_keys: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        key_source(**given_keys)


@pytest.mark.parametrize("leeway", [-1, 31])
def test_leeway_is_bounded(leeway: int) -> None:
    with pytest.raises(ValueError, match="leeway"):
        TokenRules(leeway_seconds=leeway)
