"""Analytics over all users: sums follow every write, and only admins see them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import combinations_with_replacement
from typing import Any

import asyncpg
import pytest

from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer, reader_pool
from tests.support.api import ApiClient, served_from, token
from tests.support.events import cost, ended, started
from tests.support.ledger_rows import CENT, LedgerRowWriter, LiveCallRow, rows
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.seeded_stream import seeded

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
PATH = "/api/admin/costs/analytics"
ROOT = token("root", role="admin")


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    async with rows(database_url) as ledger:
        yield ledger


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=NOW.date()) as api:
        yield api


async def content(api: ApiClient, query: str = "") -> dict[str, Any]:
    data: dict[str, Any] = (await api.ask("GET", f"{PATH}?{query}", bearer=ROOT)).data
    return data


SEVEN_DAYS = {
    "period": {
        "start": "2025-11-12T00:00:00Z",
        "end": "2025-11-19T23:59:59Z",
        "label": "Last 7 days",
    },
    "totalUsers": 4,
    "activeUsers": 3,
    "newUsers": 2,
    "totalCalls": 4,
    "totalDuration_seconds": 1200,
    "averageDuration_seconds": 300,
    "averageCallsPerUser": Decimal("1.33"),
    "totalRevenue": Decimal("19.96"),
    "totalRefunded": Decimal("0.04"),
    "totalCost": Decimal("3.6"),
    "totalProfit": Decimal("16.32"),
    "profitMarginPercent": "81.76%",
    "costBreakdown": {
        "api": Decimal("1.56"),
        "infrastructure": Decimal("0.14"),
        "transaction": Decimal("1.9"),
    },
    "costByService": {
        "twilio": Decimal("0.56"),
        "deepgram": Decimal("0.24"),
        "cerebras": Decimal("0.04"),
        "elevenlabs": Decimal("0.72"),
        "raindrop": Decimal("0.08"),
        "vultr": Decimal("0.04"),
        "vercel": Decimal("0.02"),
        "stripe": Decimal("1.9"),
    },
    "insights": {
        "largestCostComponent": "stripe",
        "largestCostComponentPercent": "52.78%",
        "recommendations": [
            "Stripe is 53% of cost: $1.90 of $3.60. Prices 10% lower would have saved $0.19."
        ],
    },
    "unpricedEvents": 0,
}


async def test_analytics_cover_all_users(api: ApiClient, ledger: LedgerRowWriter) -> None:
    for number, (user, days_ago) in enumerate(
        [("alice", 0), ("alice", 1), ("bob", 7), ("carol", 40), ("carol", 2), ("dave", 50)]
    ):
        at = NOW - timedelta(days=days_ago)
        await ledger.call(LiveCallRow(call_id=f"c{number}", user_id=user, at=at, refunded=CENT))
    body = await content(api, "period=7d")
    daily = body.pop("daily")
    assert body == SEVEN_DAYS
    assert [day["calls"] for day in daily] == [1, 0, 0, 0, 0, 1, 1, 1]
    assert sum(day["totalCost"] for day in daily) == body["totalCost"]


async def test_analytics_without_calls_are_zero(api: ApiClient) -> None:
    body = await content(api)
    assert body["totalUsers"] == body["totalCalls"] == body["averageCallsPerUser"] == 0
    assert body["insights"]["largestCostComponent"] is None
    assert (await content(api, "period=custom&startDate=0001-01-01&endDate=0001-01-02"))[
        "totalUsers"
    ] == 0


async def test_only_admins_see_all_users(
    api: ApiClient, ledger: LedgerRowWriter, database_url: str
) -> None:
    await ledger.call(LiveCallRow(call_id="c", user_id="alice", at=NOW))
    for role in ("user", "service"):
        assert (await api.ask("GET", PATH, bearer=token("alice", role=role))).code == "forbidden"
    async with reader_pool(as_login(database_url, "api")) as readers:
        for viewer, seen in ((Viewer("alice"), 0), (Viewer("root", reads_all=True), 1)):
            async with readers.reading(viewer) as connection:
                for table in ("everyone_days", "user_activity"):
                    assert await connection.fetchval(f"SELECT count(*) FROM {table}") == seen
    first, last = date(2025, 11, 1), date(2025, 11, 30)
    days = {"first_day": first, "last_day": last, "compared_from": first, "compared_to": last}
    for reads_all in (True, False):  # without row policies
        [row] = await fetch(
            database_url,
            *statements("reports/all_users").bind("everyone", reads_all=reads_all, **days),
        )
        assert (row["total"], bool(row["daily"])) == (int(reads_all), reads_all)


async def test_totals_agree_after_parallel_writers(database_url: str) -> None:
    """The sums over all users equal those of the users' days, in any order of writes."""
    log, stream = TopicLog(), seeded(4_000)
    batches = [
        log.batch([one.value for one in stream.sent[n::40] if one.value], n) for n in range(40)
    ]
    desks = [BatchWriter(database_url) for _ in range(4)]

    async def work(number: int) -> None:
        async with desks[number] as writer:
            for batch in batches[number::4]:
                await writer.record(batch)

    await asyncio.gather(*map(work, range(4)))
    await assert_verified(database_url)
    [row] = await fetch(database_url, "SELECT sum(calls)::bigint AS calls FROM everyone_days")
    [(calls,)] = await fetch(database_url, "SELECT count(*) FROM calls WHERE user_id IS NOT NULL")
    assert row["calls"] == calls > 0
    [(slots,)] = await fetch(database_url, "SELECT count(DISTINCT slot) FROM everyone_days")
    assert slots > 1


def days_text(first: date, after: date) -> str:
    return f"{{[{first},{after})}}"


async def test_late_event_moves_the_only_call_of_a_user_to_another_day(database_url: str) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    after, before = midnight - timedelta(days=1), midnight - timedelta(days=1, minutes=1)
    log = TopicLog()
    activity = "SELECT user_id, first_day, last_day, days::text FROM user_activity"
    next_day = after.date() + timedelta(days=1)
    async with BatchWriter(database_url) as writer:
        await writer.record(
            log.batch([cost("one", "alice", time=after), ended("one", "alice", time=after)])
        )
        [row] = await fetch(database_url, activity)
        assert tuple(row) == (
            "alice",
            after.date(),
            after.date(),
            days_text(after.date(), next_day),
        )
        await writer.record(log.batch([started("one", "alice", time=before)]))
        [row] = await fetch(database_url, activity)
        days = days_text(before.date(), after.date())
        assert tuple(row) == ("alice", before.date(), before.date(), days)
        await writer.record(log.batch([started("two", "alice", time=after)]))
        [row] = await fetch(database_url, activity)
        days = days_text(before.date(), next_day)
        assert tuple(row) == ("alice", before.date(), after.date(), days)
    await assert_verified(database_url)


async def test_active_users_of_a_period_agree_with_their_days(
    database_url: str, api: ApiClient, ledger: LedgerRowWriter
) -> None:
    for user in range(6):
        for day in range(6):
            if (user * 7 + day * 5) % 4 == 0:
                at = NOW - timedelta(days=day)
                await ledger.call(LiveCallRow(call_id=f"{user}-{day}", user_id=f"u{user}", at=at))
    query = """
        SELECT count(DISTINCT user_id) FILTER (WHERE day BETWEEN $1 AND $2) AS active,
               count(DISTINCT user_id) FILTER (WHERE day <= $2) AS total,
               (SELECT count(*) FROM (SELECT min(day) AS day FROM user_days GROUP BY user_id) AS f
                 WHERE day BETWEEN $1 AND $2) AS began
        FROM user_days WHERE calls > 0
    """
    days = [NOW.date() - timedelta(days=number) for number in range(6, -2, -1)]
    for first, last in combinations_with_replacement(days, 2):
        body = await content(api, f"period=custom&startDate={first}&endDate={last}")
        [row] = await fetch(database_url, query, first, last)
        found = (body["activeUsers"], body["totalUsers"], body["newUsers"])
        assert found == (row["active"], row["total"], row["began"]), (first, last)


async def test_writers_of_the_same_days_do_not_deadlock(database_url: str) -> None:
    """The writers update the same users and days in opposite orders."""
    at = datetime.now(UTC) - timedelta(hours=1)

    async def work(number: int) -> None:
        log = TopicLog()
        async with BatchWriter(database_url) as writer:
            for turn in range(10):
                users = [f"u{user}" for user in range(8)]
                events = [
                    cost(f"{number}-{turn}-{user}", user, time=at)
                    for user in (users if number % 2 else users[::-1])
                ]
                await writer.record(log.batch(events, partition=number))

    await asyncio.gather(*map(work, range(4)))
    await assert_verified(database_url)
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT sum(calls)::bigint FROM everyone_days") == 320
    await connection.close()
