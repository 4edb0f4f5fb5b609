"""Keys of an identity provider: rotation, outages and invalid key sets."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from api.http.auth import Authenticator, TokenRules, key_from_jwk
from api.http.jwks import BYTES_MAX, GRACE_SECONDS, KEYS_MAX, JwksKeys
from api.http.problems import Problem
from tests.support.api import claims
from tests.support.attacks import AttackRecorder
from tests.support.keys import ED, OTHER_RSA, P256, RSA, PrivateKey, small_rsa_key

TTL, REFRESH_SECONDS_MIN = 300, 10


def jwk(key: PrivateKey, kid: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return the public half of a key as a provider would publish it."""
    if isinstance(key, rsa.RSAPrivateKey):
        text = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        text = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())
    else:
        text = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())
    named = {} if kid is None else {"kid": kid}
    return {**json.loads(text), **named, **changes}


def signed(key: Any, algorithm: str = "RS256", kid: str | None = None, user: str = "alice") -> str:
    return jwt.encode(claims(user), key, algorithm, headers={} if kid is None else {"kid": kid})


class KeyProvider:
    """A provider that answers with `answer` and counts the requests."""

    def __init__(self) -> None:
        self.requests = 0
        self.port = 0
        self.answer: web.Response | None = None
        self.keys: list[dict[str, Any]] = [jwk(RSA, "first")]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self.answer is not None:
            return self.answer
        return web.Response(body=json.dumps({"keys": self.keys}).encode())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys"


@pytest.fixture
async def provider() -> AsyncIterator[KeyProvider]:
    provider = KeyProvider()
    app = web.Application()
    app.router.add_get("/keys", provider.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.port = site.port
    yield provider
    await runner.cleanup()


class SecondsClock:
    """A clock in seconds that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> SecondsClock:
    return SecondsClock()


@pytest.fixture
async def keys(provider: KeyProvider, clock: SecondsClock) -> AsyncIterator[JwksKeys]:
    keys = JwksKeys(
        provider.url, ttl_seconds=TTL, refresh_seconds_min=REFRESH_SECONDS_MIN, now=clock
    )
    yield keys
    await keys.close()


@pytest.fixture
def verifier(keys: JwksKeys) -> Authenticator:
    return Authenticator(keys, TokenRules())


async def assert_refused(verifier: Authenticator, token: str, status: int = 401) -> None:
    with pytest.raises(Problem) as problem:
        await verifier.verify(token)
    assert problem.value.status == status


async def test_token_is_verified_with_the_key_it_names(
    provider: KeyProvider, verifier: Authenticator
) -> None:
    provider.keys = [jwk(RSA, "r"), jwk(P256, "p"), jwk(ED, "e")]
    for key, algorithm, kid in ((RSA, "RS256", "r"), (P256, "ES256", "p"), (ED, "EdDSA", "e")):
        assert (await verifier.verify(signed(key, algorithm, kid))).user_id == "alice"
    await assert_refused(verifier, signed(RSA, "RS256", "p"))
    await assert_refused(verifier, signed(OTHER_RSA, "RS256", "r"))
    await assert_refused(verifier, signed("x" * 32, "HS256", "r"))
    assert provider.requests == 1


async def test_token_without_a_key_id_uses_the_only_key(
    provider: KeyProvider, verifier: Authenticator, clock: SecondsClock
) -> None:
    assert (await verifier.verify(signed(RSA))).user_id == "alice"
    provider.keys = [jwk(RSA, "a"), jwk(OTHER_RSA, "b")]
    clock.now += TTL
    await assert_refused(verifier, signed(RSA))


async def test_rotation_is_detected_and_fetches_are_limited(
    provider: KeyProvider, verifier: Authenticator, clock: SecondsClock
) -> None:
    await verifier.verify(signed(RSA, kid="first"))
    provider.keys = [jwk(OTHER_RSA, "second")]
    clock.now += REFRESH_SECONDS_MIN
    assert (await verifier.verify(signed(OTHER_RSA, kid="second"))).user_id == "alice"
    assert provider.requests == 2
    for number in range(REFRESH_SECONDS_MIN - 1):
        clock.now += 1
        await assert_refused(verifier, signed(RSA, kid=f"made up {number}"))
    assert provider.requests == 2
    clock.now += 1
    await assert_refused(verifier, signed(RSA, kid="made up"))
    assert provider.requests == 3


async def test_keys_are_fetched_once_for_parallel_requests(
    provider: KeyProvider, keys: JwksKeys
) -> None:
    found = await asyncio.gather(*(keys.key_for("first") for _ in range(50)))
    assert all(found)
    assert provider.requests == 1


async def test_parallel_requests_during_a_rotation_are_accepted(
    provider: KeyProvider, keys: JwksKeys, clock: SecondsClock
) -> None:
    await keys.key_for("first")
    provider.keys = [jwk(OTHER_RSA, "second")]
    clock.now += REFRESH_SECONDS_MIN
    found = await asyncio.gather(*(keys.key_for("second") for _ in range(50)))
    assert all(found)
    assert provider.requests == 2


async def test_withdrawn_key_is_dropped(
    provider: KeyProvider,
    verifier: Authenticator,
    clock: SecondsClock,
    keys: JwksKeys,
    record_attack: AttackRecorder,
) -> None:
    token = signed(RSA, kid="first")
    await verifier.verify(token)
    provider.keys = [jwk(OTHER_RSA, "second")]
    clock.now += TTL
    await assert_refused(verifier, token)
    record_attack("token: of a key that was revoked", attempts=1, refused=1)
    assert keys.remember_seconds == TTL


async def test_cached_keys_are_used_during_a_short_outage(
    provider: KeyProvider, verifier: Authenticator, clock: SecondsClock
) -> None:
    await verifier.verify(signed(RSA, kid="first"))
    provider.answer = web.Response(status=500)
    clock.now += TTL + GRACE_SECONDS - 1
    assert (await verifier.verify(signed(RSA, kid="first"))).user_id == "alice"
    clock.now += 1
    await assert_refused(verifier, signed(RSA, kid="first"), status=503)


@pytest.mark.parametrize(
    "response",
    [
        web.Response(status=404),
        web.Response(status=302, headers={"Location": "/keys"}),
        web.Response(body=b"nonsense"),
        web.Response(body=b"{}"),
        web.Response(body=b'{"keys": []}'),
        web.Response(body=b'{"keys": "all"}'),
        web.Response(body=b'{"keys": [' + b" " * BYTES_MAX + b"]}"),
        web.Response(body=json.dumps({"keys": [jwk(RSA)] * (KEYS_MAX + 1)}).encode()),
        web.Response(body=json.dumps({"keys": [{"kty": "oct", "k": "AAAA"}]}).encode()),
    ],
    ids=[
        "missing",
        "moved",
        "nonsense",
        "empty",
        "no keys",
        "text",
        "too long",
        "too many",
        "secret",
    ],
)
async def test_invalid_key_set_gives_no_keys(
    provider: KeyProvider, verifier: Authenticator, response: web.Response
) -> None:
    provider.answer = response
    await assert_refused(verifier, signed(RSA, kid="first"), status=503)
    assert provider.requests == 1


async def test_unreachable_provider_answers_503(provider: KeyProvider, clock: SecondsClock) -> None:
    keys = JwksKeys("http://127.0.0.1:1/keys", refresh_seconds_min=REFRESH_SECONDS_MIN, now=clock)
    verifier = Authenticator(keys, TokenRules())
    await assert_refused(verifier, signed(RSA), status=503)
    await verifier.close()


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["RSA"]},
        {"kty": "RSA", "n": "AQAB"},
        {"kty": "RSA", "n": 5, "e": 5},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        jwk(small_rsa_key()),
        jwk(RSA, use="enc"),
        jwk(RSA, key_ops=["sign"]),
        jwk(RSA, key_ops=5),
        jwk(RSA, alg="HS256"),
        jwk(RSA, alg="PS256"),
        jwk(RSA, alg="none"),
        jwk(RSA, alg=["RS256"]),
        jwk(RSA, d="AAAA"),
    ],
)
def test_unusable_keys_are_ignored(entry: dict[str, Any]) -> None:
    assert key_from_jwk(entry) is None


def test_key_is_restricted_to_its_algorithm() -> None:
    key = key_from_jwk(jwk(RSA, alg="RS512"))
    assert key is not None
    assert key.algorithms == ("RS512",)


@pytest.mark.parametrize(
    "url", ["https://id.example/keys", "http://localhost/k", "http://127.8.8.8/k", "http://[::1]/k"]
)
async def test_safe_addresses_are_accepted(url: str) -> None:
    keys = JwksKeys(url)
    assert isinstance(keys, JwksKeys)
    await keys.close()


@pytest.mark.parametrize(
    "url",
    ["http://id.example/k", "http://10.0.0.1/k", "file:///k", "https://", "//id.example/k", ""],
)
async def test_unsafe_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        JwksKeys(url)
