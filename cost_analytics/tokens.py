"""Signs tokens for the API: for the demo user, for services, for curl and for tests.

Only the shared key (HS256) can sign; with a public key or a JWKS address, the issuer signs them.
"""

from __future__ import annotations

import time

import jwt

from api.http.identifiers import identifier_error
from api.http.roles import Role
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.failures import CommandError


def mint(
    settings: TokenSection,
    user: str,
    *,
    role: Role = "user",
    ttl_seconds: int,
    now: int | None = None,
) -> str:
    """Return a token for `user` that expires `ttl_seconds` after `now` (seconds since 1970).

    Raises CommandError if there is no key to sign with, or if the API would refuse the token.
    """
    if not settings.secret:
        raise CommandError(
            "Only JWT_SECRET can sign tokens; with JWT_PUBLIC_KEY or JWT_JWKS_URL the issuer "
            "signs them."
        )
    if not user.strip():
        raise CommandError("A token needs a user: --user NAME.")
    if (flaw := identifier_error(user)) is not None:
        raise CommandError(f"The user of a token (--user) {flaw}.")
    if ttl_seconds > settings.lifetime_seconds_max:
        raise CommandError(
            f"A token can be valid for at most {settings.lifetime_seconds_max} s "
            "(JWT_LIFETIME_MAX_SECONDS); give a smaller --ttl."
        )
    issued_at = int(time.time()) if now is None else now
    claims: dict[str, str | int] = {
        settings.user_claim: user,
        "role": role,
        "iat": issued_at,
        "exp": issued_at + ttl_seconds,
    }
    if settings.issuer:
        claims["iss"] = settings.issuer
    if settings.audience:
        claims["aud"] = settings.audience
    return jwt.encode(claims, settings.secret.reveal(), algorithm="HS256")
