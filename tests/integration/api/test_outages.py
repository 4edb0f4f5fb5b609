"""During PostgreSQL outages requests answer 503 soon, and afterwards everything works."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import asyncpg

from api.routes.health import STALE_SECONDS
from ledger.postgres.pool import connection_pool
from ledger.postgres.viewers import ReaderPool
from tests.support.api import ApiClient, ApiResponse, served, served_from
from tests.support.links import Link, linked
from tests.support.logins import SIGNER, as_login

PATHS = ("/api/costs/call/some", "/api/costs/user/alice/spending", "/api/costs/user/alice/budget")
GIVE_UP_SECONDS = 1


@asynccontextmanager
async def served_over_a_link(database_url: str) -> AsyncIterator[tuple[Link, ApiClient]]:
    async with (
        linked(database_url) as (link, url),
        connection_pool(
            as_login(url, "api"), name="tests", connections_max=2, statement_timeout_ms=5_000
        ) as pool,
    ):
        readers = ReaderPool(
            pool,
            SIGNER,
            acquire_timeout_seconds=GIVE_UP_SECONDS,
            work_timeout_seconds=GIVE_UP_SECONDS,
        )
        async with served(readers) as api:
            yield link, api


async def ready(api: ApiClient, status: int) -> ApiResponse:
    """Return the answer of `/ready` once it has this status, within seconds."""
    async with asyncio.timeout(STALE_SECONDS):
        while (response := await api.get("/ready")).status != status:
            await asyncio.sleep(0.1)
    return response


async def assert_serves(api: ApiClient) -> None:
    assert [(await api.get(path, "alice")).status for path in PATHS] == [403, 200, 200]
    assert (await ready(api, 200)).json["data"]["status"] == "ready"


async def assert_reports_outage(api: ApiClient) -> None:
    for path in PATHS:
        began = monotonic()
        response = await api.get(path, "alice")
        assert (response.status, response.code) == (503, "unavailable")
        assert int(response.headers["Retry-After"]) > 0
        assert monotonic() - began < 3 * GIVE_UP_SECONDS
    response = await ready(api, 503)
    assert response.code == "not_ready"
    assert "schema" in response.json["error"]
    assert (await api.get("/health")).status == 200


async def test_api_recovers_after_a_database_outage(database_url: str) -> None:
    async with served_over_a_link(database_url) as (link, api):
        await assert_serves(api)
        link.cut()
        await asyncio.sleep(0.05)
        await assert_reports_outage(api)
        link.refuses = False
        await assert_serves(api)


async def test_api_recovers_after_a_hanging_database(database_url: str) -> None:
    async with served_over_a_link(database_url) as (link, api):
        await assert_serves(api)
        link.is_flowing.clear()
        await assert_reports_outage(api)
        link.is_flowing.set()
        await assert_serves(api)


async def test_exhausted_pool_answers_503(database_url: str) -> None:
    async with connection_pool(
        as_login(database_url, "api"), name="tests", connections_max=1, statement_timeout_ms=5_000
    ) as pool:
        readers = ReaderPool(pool, SIGNER, acquire_timeout_seconds=GIVE_UP_SECONDS)
        async with served(readers) as api:
            async with pool.borrow(GIVE_UP_SECONDS):
                await assert_reports_outage(api)
            await assert_serves(api)


async def test_statement_timeout_answers_503(database_url: str) -> None:
    blocker = await asyncpg.connect(database_url)
    async with (
        connection_pool(
            as_login(database_url, "api"), name="tests", connections_max=1, statement_timeout_ms=200
        ) as pool,
        served(ReaderPool(pool, SIGNER)) as api,
    ):
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE user_days IN ACCESS EXCLUSIVE MODE")
            response = await api.get("/api/costs/user/alice/spending", "alice")
            assert (response.status, response.code) == (503, "unavailable")
        await assert_serves(api)
    await blocker.close()


async def test_database_without_the_schema_is_not_ready(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("DELETE FROM schema_migrations")
    await connection.close()
    async with (
        connection_pool(
            as_login(database_url, "api"),
            name="tests",
            connections_max=1,
            statement_timeout_ms=5_000,
        ) as pool,
        served(ReaderPool(pool, SIGNER)) as api,
    ):
        response = await api.get("/ready")
        assert response.json["error"] == "Not ready: schema."


async def test_connections_have_an_application_name(database_url: str) -> None:
    async with served_from(database_url):
        connection = await asyncpg.connect(database_url)
        names = await connection.fetch("SELECT application_name FROM pg_stat_activity")
        await connection.close()
    assert "cost-analytics api" in {each for (each,) in names}
