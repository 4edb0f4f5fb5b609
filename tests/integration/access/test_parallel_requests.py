"""Many parallel requests of one user do not affect other users."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from ledger.postgres.viewers import reader_pool
from tests.support.api import ApiClient, served, token
from tests.support.attacks import AttackRecorder, client_at, other_client

MANY = 200
OTHERS = 20


@asynccontextmanager
async def holding(database_url: str, statement: str) -> AsyncIterator[None]:
    """Hold the locks of a statement for the length of a block."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield
    finally:
        await connection.close()


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with reader_pool(database_url) as readers, served(readers) as api:
        yield api


@pytest.fixture
async def attacker(api: ApiClient) -> AsyncIterator[ApiClient]:
    """A client without a limit of connections."""
    async with client_at("127.0.0.1") as session:
        yield other_client(session, api)


async def statuses_of_other_users(api: ApiClient) -> list[int]:
    """Return the statuses of requests of other users."""
    requests = (api.get(f"/api/costs/user/user{n}/spending", f"user{n}") for n in range(OTHERS))
    return [response.status for response in await asyncio.gather(*requests)]


async def test_200_slow_requests_of_one_user_delay_no_other_user(
    api: ApiClient, attacker: ApiClient, database_url: str, record_attack: AttackRecorder
) -> None:
    path = "/api/costs/user/mallory/budget"
    change = {"dailyLimit_usd": 1}
    assert (await api.ask("PUT", path, bearer=token("mallory"), body=change)).status == 200
    lock = "SELECT 1 FROM user_budget_settings WHERE user_id = 'mallory' FOR UPDATE"
    async with holding(database_url, lock):
        attack = [
            asyncio.create_task(attacker.ask("PUT", path, bearer=token("mallory"), body=change))
            for _ in range(MANY)
        ]
        await asyncio.sleep(0.5)
        others = await statuses_of_other_users(api)
    statuses = [response.status for response in await asyncio.gather(*attack)]
    assert set(statuses) <= {200, 429, 503}
    record_attack(
        "200 parallel requests of one user",
        attempts=MANY,
        refused=MANY - statuses.count(200),
        victims=OTHERS,
        breaches=OTHERS - others.count(200),
    )


async def test_200_parallel_requests_of_one_user_are_all_served(
    api: ApiClient, attacker: ApiClient, record_attack: AttackRecorder
) -> None:
    path = "/api/costs/user/alice/spending"
    own = [asyncio.create_task(attacker.get(path, "alice")) for _ in range(MANY)]
    await asyncio.sleep(0.05)
    others = await statuses_of_other_users(api)
    statuses = [response.status for response in await asyncio.gather(*own)]
    assert statuses == [200] * MANY
    record_attack(
        "200 parallel reads of one user",
        attempts=MANY,
        refused=0,
        victims=OTHERS,
        breaches=OTHERS - others.count(200),
    )


async def test_readiness_checks_use_at_most_one_connection(
    database_url: str, record_attack: AttackRecorder
) -> None:
    """The schema version cannot be read meanwhile, so a check takes its maximum time."""
    async with (
        reader_pool(database_url) as readers,
        served(readers) as api,
        client_at("127.0.0.1") as session,
    ):
        attacker = other_client(session, api)
        async with holding(database_url, "LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE"):
            attack = [asyncio.create_task(attacker.get("/ready")) for _ in range(MANY)]
            busy = 0
            for _ in range(20):
                await asyncio.sleep(0.05)
                busy = max(busy, readers.connections().busy)
            others = await statuses_of_other_users(api)
        responses = await asyncio.gather(*attack)
    assert {response.status for response in responses} <= {200, 503}
    record_attack(
        f"200 parallel readiness checks, which held {busy} connections",
        attempts=MANY,
        refused=0,
        victims=OTHERS,
        breaches=OTHERS - others.count(200),
    )
    assert busy <= 1
