"""Authentication: verifies bearer tokens (JWT), each key with algorithms of its own family only.

Nothing in a token chooses how it is verified: the algorithms follow from the key, and headers that
point to keys (`jku`, `x5u`, `jwk`) are never followed. Verified tokens are cached until they
expire, because a verification costs more than the rest of a request before its query.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, TypeAlias

import jwt
from aiohttp import hdrs
from cryptography.exceptions import UnsupportedAlgorithm
from multidict import MultiMapping

from api.http.access import Caller
from api.http.identifiers import is_identifier
from api.http.keys import KeySource, VerificationKey, verification_key
from api.http.problems import Problem, unauthorized
from api.http.roles import Role
from schemas.api_keys import KEY_PATTERN

LEEWAY_SECONDS_MAX: Final = 30
CACHED_TOKENS_MAX: Final = 10_000
LIFETIME_SECONDS_MAX: Final = 400 * 86_400

VerificationSlot: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""Opens the block in which a signature is checked; may wait for its turn."""

_JWT: Final = r"[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+"
_BEARER: Final = re.compile(rf"(?i:Bearer) +({_JWT}|{KEY_PATTERN})")
_JWK_READERS: Final[Mapping[str, Callable[[dict[str, Any]], object]]] = {
    "RSA": jwt.algorithms.RSAAlgorithm.from_jwk,
    "EC": jwt.algorithms.ECAlgorithm.from_jwk,
    "OKP": jwt.algorithms.OKPAlgorithm.from_jwk,
}
_ROLES: Final[Mapping[object, Role]] = {"admin": "admin", "service": "service"}


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Required claims of a token; `user_claim` names the user.

    A token is valid for at most `lifetime_seconds_max`, from `iat` to `exp`.
    """

    issuer: str | None = None
    audience: str | None = None
    user_claim: str = "sub"
    leeway_seconds: int = 10
    lifetime_seconds_max: int = LIFETIME_SECONDS_MAX

    def __post_init__(self) -> None:
        if not 0 <= self.leeway_seconds <= LEEWAY_SECONDS_MAX:
            raise ValueError(f"the leeway must be 0 to {LEEWAY_SECONDS_MAX} s")


def key_from_jwk(entry: Mapping[str, Any]) -> VerificationKey | None:
    """Return the key of a JWKS entry, or None for one that may not verify tokens here.

    A key that names its algorithm is used with that one only. Symmetric keys are refused.
    """
    read = _JWK_READERS.get(str(entry.get("kty")))
    if read is None or not _is_for_verifying(entry):
        return None
    try:
        key = verification_key(read(dict(entry)))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        return None
    if "alg" not in entry:
        return key
    algorithms = tuple(name for name in key.algorithms if name == entry["alg"])
    return VerificationKey(key.material, algorithms) if algorithms else None


def _is_for_verifying(entry: Mapping[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return False
    return "d" not in entry and entry.get("use", "sig") == "sig"


def unix_now() -> int:
    """Return the current time in seconds since 1970."""
    return time.time_ns() // 1_000_000_000


def bearer_token(headers: MultiMapping[str], authorization: str | None = None) -> str:
    """Return the token or the key of a request that carries exactly one; raises the 401 Problem.

    `Bearer` is case-insensitive and may be followed by several spaces (RFC 9110, section 11).
    `authorization` replaces the header for tokens that arrived in another way.
    """
    values = headers.getall(hdrs.AUTHORIZATION, []) if authorization is None else [authorization]
    if not values:
        raise unauthorized(
            "Send a token in the header `Authorization: Bearer …`.", sent_token=False
        )
    match = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        raise unauthorized("The Authorization header is not one bearer token.")
    return match[1]


class Authenticator:
    """Turns bearer tokens into callers."""

    def __init__(
        self,
        keys: KeySource,
        rules: TokenRules,
        *,
        cached_max: int = CACHED_TOKENS_MAX,
        now: Callable[[], int] = unix_now,
    ) -> None:
        self._keys = keys
        self._rules = rules
        self._cached_max = cached_max
        self._now = now
        self._cached: OrderedDict[bytes, tuple[Caller, int]] = OrderedDict()
        self._decoder = jwt.PyJWT(
            options={
                "require": ["exp", "iat", rules.user_claim],
                "enforce_minimum_key_length": True,
            }
        )

    async def close(self) -> None:
        await self._keys.close()

    def recall(self, token: str) -> Caller | None:
        """Return the caller of a verified token that is cached and has not expired."""
        digest = _digest(token)
        cached = self._cached.get(digest)
        if cached is None:
            return None
        caller, until = cached
        if self._now() >= until:
            del self._cached[digest]
            return None
        return caller

    async def verify(self, token: str, slot: VerificationSlot = nullcontext) -> Caller:
        """Verify a token and cache it; raises the Problem 401, or 503 without any keys.

        The signature is checked inside `slot`, which may wait.
        """
        key = await self._keys.key_for(_key_id(token))
        async with slot():
            if key is None:
                raise unauthorized("The token is signed with a key that is not known here.")
            caller = self.recall(token) or self._caller(self._claims(token, key))
        self._remember(token, caller)
        return caller

    def _claims(self, token: str, key: VerificationKey) -> dict[str, Any]:
        try:
            return self._decoder.decode(
                token,
                key.material,
                algorithms=key.algorithms,
                issuer=self._rules.issuer,
                audience=self._rules.audience,
                leeway=self._rules.leeway_seconds,
            )
        except (jwt.PyJWTError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise _refusal(error) from None

    def _caller(self, claims: dict[str, Any]) -> Caller:
        # PyJWT accepts numbers written as text; RFC 7519 does not.
        if any(isinstance(claims.get(name), str | bool) for name in ("exp", "iat", "nbf")):
            raise unauthorized("The token's times are not numbers.")
        expires_at = int(claims["exp"])
        if expires_at - int(claims["iat"]) > self._rules.lifetime_seconds_max:
            raise unauthorized(
                "The token is valid for too long: at most "
                f"{self._rules.lifetime_seconds_max} s are allowed from `iat` to `exp`."
            )
        user_id = claims[self._rules.user_claim]
        if not isinstance(user_id, str) or not is_identifier(user_id):
            raise unauthorized(f"The token's `{self._rules.user_claim}` names no user.")
        role = claims.get("role")
        return Caller(
            user_id,
            _ROLES.get(role, "user") if isinstance(role, str) else "user",
            expires_at,
        )

    def _remember(self, token: str, caller: Caller) -> None:
        now, until = self._now(), caller.expires_at
        if self._keys.remember_seconds is not None:
            until = min(until, now + self._keys.remember_seconds)
        if until <= now:
            return
        self._cached[_digest(token)] = (caller, until)
        if len(self._cached) > self._cached_max:
            self._cached.popitem(last=False)


def _digest(token: str) -> bytes:
    """Return the cache key of a token: of fixed size, and no credential itself."""
    return sha256(token.encode()).digest()


def _key_id(token: str) -> str | None:
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise _refusal(error) from None
    return key_id if isinstance(key_id, str) else None


def _refusal(error: Exception) -> Problem:
    """Return the 401 Problem, in words that quote nothing of the token."""
    if isinstance(error, jwt.ExpiredSignatureError):
        return unauthorized("The token has expired.")
    if isinstance(error, jwt.ImmatureSignatureError):
        return unauthorized("The token isn't valid yet.")
    if isinstance(error, jwt.InvalidIssuerError):
        return unauthorized("The token comes from another issuer.")
    if isinstance(error, jwt.InvalidAudienceError):
        return unauthorized("The token is meant for another audience.")
    if isinstance(error, jwt.MissingRequiredClaimError):
        return unauthorized(f"The token lacks the claim {error.claim}.")
    return unauthorized("The token isn't valid.")
