"""Forged tokens cost little and lock out no valid client, not even at their own address."""

import asyncio
import secrets
from ipaddress import ip_network
from typing import Any

import pytest

from api.http.auth import Authenticator, TokenRules
from api.http.jwks import key_source
from api.http.options import ApiOptions, RequestLimits
from tests.support.api import ApiClient, served, token
from tests.support.attacks import AttackRecorder
from tests.support.keys import P256, P256_PEM, RSA, RSA_PEM

PATH = "/api/costs/user/nobody/budget"
FORGED = 1_500
VALID = 20
AT_ONCE = 40
ALGORITHMS: dict[str, tuple[dict[str, str], Any]] = {
    "HS256": ({"secret": "a secret of the tests, and long enough"}, None),
    "RS256": ({"public_key_pem": RSA_PEM}, RSA),
    "ES256": ({"public_key_pem": P256_PEM}, P256),
}


def forgeries(good: str) -> list[str]:
    """Return tokens with the claims of a valid one and a random signature."""
    head, body, signature = good.split(".")
    size = len(signature) * 3 // 4
    return [f"{head}.{body}.{secrets.token_urlsafe(size)}" for _ in range(FORGED)]


async def flood(api: ApiClient, tokens: list[str]) -> list[int]:
    """Send each token, in parallel; returns the statuses."""
    statuses = []
    room = asyncio.Semaphore(AT_ONCE)

    async def send(bearer: str) -> None:
        async with room:
            statuses.append((await api.ask("GET", PATH, bearer=bearer)).status)

    await asyncio.gather(*map(send, tokens))
    return statuses


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_forged_tokens_lock_out_no_valid_token_of_their_address(
    algorithm: str, record_attack: AttackRecorder
) -> None:
    settings, key = ALGORITHMS[algorithm]
    signing = {"key": key, "algorithm": algorithm} if key else {}
    verifier = Authenticator(key_source(**settings), TokenRules())
    async with served(verifier=verifier) as api:
        forged = forgeries(token("mallory", **signing))
        attack = asyncio.create_task(flood(api, forged))
        before_the_attack_ends: list[int] = []
        while not attack.done() and len(before_the_attack_ends) < VALID // 2:
            await asyncio.sleep(0.05)
            bearer = token(f"during-{len(before_the_attack_ends)}", **signing)
            before_the_attack_ends.append((await api.ask("GET", PATH, bearer=bearer)).status)
        statuses = await attack
        bearers = [token(f"user-{n}", **signing) for n in range(VALID)]
        after = [(await api.ask("GET", PATH, bearer=bearer)).status for bearer in bearers]
    valid = before_the_attack_ends + after
    assert set(statuses) <= {401, 429}
    record_attack(
        f"forged {algorithm} tokens of one address",
        attempts=FORGED,
        refused=statuses.count(401) + statuses.count(429),
        victims=len(valid),
        breaches=len(valid)
        - valid.count(403),  # authenticated, then refused the budget of another user
    )


async def test_failures_behind_a_proxy_slow_no_other_client() -> None:
    limits = RequestLimits(
        trusted_proxies=(ip_network("127.0.0.0/8"),), failures_per_second=1, failures_burst=5
    )
    async with served(options=ApiOptions(limits=limits)) as api:

        async def guess(client: str) -> int:
            headers = {"X-Forwarded-For": f"6.6.6.6, {client}"}
            forged = token("bob", key="another secret, and long enough too")
            return (await api.ask("GET", PATH, bearer=forged, headers=headers)).status

        assert [await guess("192.0.2.1") for _ in range(7)] == [401] * 5 + [429] * 2
        assert await guess("192.0.2.2") == 401
        assert await guess("2001:db8::1") == 401
