"""Tokens of the command line: their claims, and when none is created."""

import jwt
import pytest

from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.failures import CommandError
from cost_analytics.tokens import mint

KEY = "a-key-of-more-than-thirty-two-bytes"


def claims(token: str) -> dict[str, object]:
    decoded: dict[str, object] = jwt.decode(
        token, KEY, algorithms=["HS256"], options={"verify_aud": False, "verify_exp": False}
    )
    return decoded


def test_token_has_default_claims() -> None:
    token = mint(TokenSection(secret=Secret(KEY)), "alice", ttl_seconds=60, now=1_000)
    assert claims(token) == {"sub": "alice", "role": "user", "iat": 1_000, "exp": 1_060}


def test_token_follows_the_settings() -> None:
    settings = TokenSection(secret=Secret(KEY), issuer="us", audience="costs", user_claim="userId")
    token = mint(settings, "alice", role="admin", ttl_seconds=60, now=1_000)
    assert claims(token) == {
        "userId": "alice",
        "role": "admin",
        "iat": 1_000,
        "exp": 1_060,
        "iss": "us",
        "aud": "costs",
    }


def test_only_a_shared_key_can_sign() -> None:
    with pytest.raises(CommandError, match="JWT_SECRET"):
        mint(TokenSection(public_key="pem"), "alice", ttl_seconds=60)


@pytest.mark.parametrize(
    ("user", "flaw"),
    [("u" * 256, "must have 1 to 255 characters"), ("a\0", "NUL"), ("a\udcff", "not UTF-8")],
)
def test_token_that_would_be_refused_is_not_created(user: str, flaw: str) -> None:
    with pytest.raises(CommandError, match=flaw):
        mint(TokenSection(secret=Secret(KEY)), user, ttl_seconds=60)
    assert mint(TokenSection(secret=Secret(KEY)), "u" * 255, ttl_seconds=60)


def test_token_needs_a_user() -> None:
    with pytest.raises(CommandError, match="--user"):
        mint(TokenSection(secret=Secret(KEY)), " ", ttl_seconds=60)


def test_token_lifetime_is_limited() -> None:
    section = TokenSection(secret=Secret(KEY), lifetime_seconds_max=60)
    assert mint(section, "alice", ttl_seconds=60)
    with pytest.raises(CommandError, match=r"at most 60 s \(JWT_LIFETIME_MAX_SECONDS\)"):
        mint(section, "alice", ttl_seconds=61)
