"""A read costs one round trip to the database, whatever it reads."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from ledger.live.calls import LiveStore
from ledger.postgres.viewers import reader_pool
from tests.support.api import ApiClient, served, token
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.links import Link, linked
from tests.support.logins import as_login
from tests.support.parts import figures

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
USER, ADMIN = "/api/costs/user/alice", "/api/admin"
TRIPS = {
    "/api/costs/call/of-alice": 1,
    "/api/costs/call/of-alice/events": 1,
    f"{USER}/spending": 1,
    f"{USER}/spending?compare=true": 2,
    f"{USER}/spending?groupBy=tag:campaign&service=twilio": 1,
    f"{USER}/spending?groupBy=model&model=nova-2&personaId=brad_001": 1,
    f"{USER}/budget": 1,
    f"{USER}/calls": 1,
    f"{USER}/calls?sort=-totalCost&q=alice": 1,
    f"{USER}/calls?tag=campaign:spring&model=nova-2": 1,
    f"{USER}/alerts": 1,
    f"{USER}/anomalies": 1,
    f"{USER}/channels": 1,
    f"{ADMIN}/costs/anomalies": 1,
    f"{ADMIN}/costs/analytics": 1,
    f"{ADMIN}/costs/analytics?tag=campaign:spring&groupBy=persona": 1,
    f"{ADMIN}/costs/top?by=user": 1,
    f"{ADMIN}/costs/top?by=day&sort=name": 1,
    f"{ADMIN}/users?q=ali": 1,
    f"{ADMIN}/prices": 6,
    f"{USER}/forecast?period=weekly": 6,
    f"{USER}/recommendations": 10,
    f"{ADMIN}/reconciliation?period=7d": 11,
}
"""Round trips of each read. Reads of several statements are transactions: BEGIN, viewer, COMMIT."""


@pytest.fixture
async def written(database_url: str) -> str:
    async with rows(database_url) as ledger:
        call = LiveCallRow(call_id="of-alice", user_id="alice", at=NOW, status="active")
        await ledger.call(call)
        await ledger.event(
            call, service="twilio", operation="x", usage=1, unit="minutes", cost_nano=1
        )
    return database_url


@asynccontextmanager
async def counted(written: str) -> AsyncIterator[tuple[Link, ApiClient, LiveStore]]:
    """Serve over one connection through a link that counts."""
    async with (
        linked(as_login(written, "api")) as (link, url),
        reader_pool(url, connections_max=1) as readers,
        served(readers, today=NOW.date()) as api,
    ):
        yield link, api, LiveStore(readers)


async def trips_of(link: Link, read: Callable[[], Awaitable[object]]) -> int:
    """Return the round trips of a read whose statements are prepared."""
    trips = []
    for _ in range(5):
        before = link.requests
        await read()
        trips.append(link.requests - before)
    return min(trips)


@pytest.mark.parametrize("path", TRIPS)
async def test_each_read_takes_its_minimum_of_round_trips(written: str, path: str) -> None:
    bearer = token("root", role="admin")
    async with counted(written) as (link, api, _):

        async def read() -> None:
            response = await api.ask("GET", path, bearer=bearer)
            assert response.status == 200, response.body

        trips = await trips_of(link, read)
    figures.append(f"GET {path}: {trips} round trips")
    assert trips == TRIPS[path]


async def test_budget_in_any_time_zone_takes_one_round_trip(written: str) -> None:
    path = f"{USER}/budget"
    async with counted(written) as (link, api, _):
        for zone in ("Pacific/Auckland", "UTC"):
            change = {"timezone": zone}
            put = await api.ask("PUT", path, bearer=token("alice"), body=change)
            assert put.data["timezone"] == zone

            async def read(expected: object = put.data) -> None:
                assert (await api.get(path, "alice")).data == expected

            assert await trips_of(link, read) == 1


async def test_feed_reads_active_calls_in_one_round_trip(written: str) -> None:
    since = NOW - timedelta(days=1)
    async with counted(written) as (link, _, store):
        assert await trips_of(link, lambda: store.active_calls(since, 10)) == 1
        assert await trips_of(link, lambda: store.active_calls_of(["alice"], since, 10)) == 1
        assert await trips_of(link, lambda: store.calls(["of-alice", "unknown"])) == 1
        active = await store.active_calls(since, 10)
        assert list(active.versions) == ["of-alice"]
        assert await store.active_calls_of(["alice"], since, 10) == active
        assert (await store.active_calls_of(["bob"], since, 10)).versions == {}
        assert [found.call.call_id for found in await store.calls(["of-alice"])] == ["of-alice"]
