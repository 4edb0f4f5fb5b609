"""Digests, forecasts and usage without a price: written once, by any number of processes."""

import asyncio
import json
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.notifications.deliveries import delivery_store
from ledger.notifications.notices import ADMINISTRATORS
from ledger.scheduled_notices.schedule import add_schedule_rows, run_step
from schemas.notices import ChannelKind
from tests.support import parts
from tests.support.logins import as_login
from tests.support.notifications import delivery_worker, until_ended, write_channel
from tests.support.receivers import receiver
from tests.support.recording import fetch

USD = 10**9
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
"""A Monday."""
MEMORY_KB_MAX = 20_000
"""Of a process, whatever the number of users."""


async def enrolled(url: str) -> None:
    async with (
        delivery_store(as_login(url, "notifications")) as store,
        store.connection() as connection,
        connection.transaction(),
    ):
        await add_schedule_rows(connection)


async def step_until_idle(url: str, now: datetime = NOW) -> int:
    """Run steps until nothing is due; returns the number of written messages."""
    written = 0
    async with delivery_store(as_login(url, "notifications")) as store:
        while True:
            async with store.connection() as connection, connection.transaction():
                step = await run_step(connection, "charged", now)
            written += step.written
            if not step.more:
                return written


async def contents(url: str, kind: str) -> list[dict[str, Any]]:
    rows = await fetch(url, "SELECT content FROM notices WHERE kind = $1 ORDER BY seq", kind)
    return [json.loads(row[0]) for row in rows]


async def make_due(url: str) -> None:
    await fetch(url, "UPDATE notice_schedule SET due_at = now() - interval '1 second'")


async def spend(url: str, user_id: str, at: datetime, charged_usd: int) -> None:
    await fetch(
        url,
        """INSERT INTO user_spend (user_id, quarter, cost_nano, charged_nano, refunded_nano)
           VALUES ($1, $2, $3, $4, 0)
           ON CONFLICT (user_id, quarter) DO UPDATE SET charged_nano = excluded.charged_nano""",
        user_id,
        at,
        charged_usd * USD // 4,
        charged_usd * USD,
    )


async def subscribe(url: str, kind: ChannelKind, user_id: str = "alice") -> None:
    await write_channel(url, f"https://example.com/{user_id}", user_id=user_id, kinds=(kind,))


async def test_digest_sums_the_day_of_the_users_time_zone(database_url: str) -> None:
    await fetch(
        database_url,
        "INSERT INTO user_budget_settings (user_id, timezone) VALUES ('alice', 'Asia/Kolkata')",
    )
    await subscribe(database_url, "daily_digest")
    for at, charged in (
        ("2026-11-28T18:15", 1),  # the day before
        ("2026-11-28T18:30", 10),
        ("2026-11-29T18:15", 100),
        ("2026-11-29T18:30", 1_000),  # today
    ):
        await spend(database_url, "alice", datetime.fromisoformat(at + "+00:00"), charged)
    await enrolled(database_url)
    assert await step_until_idle(database_url) == 0  # the first time is only planned
    await make_due(database_url)
    assert await step_until_idle(database_url) == 1
    await make_due(database_url)
    assert await step_until_idle(database_url) == 0
    [content] = await contents(database_url, "daily_digest")
    data = content["data"]
    assert (data["period"], data["charged"], data["chargedBefore"], data["cost"]) == (
        "2026-11-29", 110, 1, 27.5,
    )  # fmt: skip
    assert content["sentences"][1] == "Charged: $110.00 (the day before: $1.00)."


async def test_quiet_day_has_no_digest_and_unwanted_kinds_leave_the_schedule(
    database_url: str,
) -> None:
    await subscribe(database_url, "weekly_digest")
    await enrolled(database_url)
    await make_due(database_url)
    assert await step_until_idle(database_url) == 0
    await fetch(database_url, "UPDATE notice_channels SET kinds = '{}'")
    await make_due(database_url)
    await step_until_idle(database_url)
    assert await fetch(database_url, "SELECT FROM notice_schedule") == []


async def test_forecast_is_sent_once_a_month_unless_it_moves_by_days(database_url: str) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    await fetch(
        database_url,
        """INSERT INTO user_budget_settings (user_id, monthly_limit_nano, monthly_limit_version)
           VALUES ('alice', $1, 1)""",
        250 * USD,
    )
    for number in range(20):
        at = start + timedelta(days=number)
        await spend(database_url, "alice", at, 10)
        await fetch(
            database_url,
            """INSERT INTO user_days (user_id, day, persona_id, calls, duration_ms, charged_nano, refunded_nano)
               VALUES ('alice', $1, 'p', 1, 0, $2, 0)""",
            at.date(),
            10 * USD,
        )
    await subscribe(database_url, "forecast")
    await enrolled(database_url)
    now = start + timedelta(days=20, hours=6)
    written = [await step_until_idle(database_url, now)]
    for _ in range(3):
        await make_due(database_url)
        written.append(await step_until_idle(database_url, now))
    assert written == [1, 0, 0, 0]
    [content] = await contents(database_url, "forecast")
    assert content["data"]["month"] == "2026-11"
    first = content["data"]["reachedOn"]
    await spend(database_url, "alice", now - timedelta(minutes=15), 30)  # it comes days earlier
    await make_due(database_url)
    assert await step_until_idle(database_url, now) == 1
    moved = (await contents(database_url, "forecast"))[1]["data"]["reachedOn"]
    assert moved < first
    await spend(
        database_url, "alice", now - timedelta(minutes=30), 500
    )  # reached: an alert says so
    await make_due(database_url)
    assert await step_until_idle(database_url, now) == 0


async def test_unpriced_usage_is_reported_to_administrators_once(database_url: str) -> None:
    await fetch(
        database_url,
        """INSERT INTO unpriced_events
           SELECT gen_random_uuid(), 'user-' || n % 3, 'call', now(), 'cost.recorded', 'acme', 'tts', 'm1',
                  'characters', 0 FROM generate_series(1, 30) AS n""",
    )
    async with receiver() as administrators, receiver() as user:
        await write_channel(
            database_url, administrators.url, user_id=ADMINISTRATORS, kinds=("unpriced",)
        )
        await write_channel(database_url, user.url, user_id="user-1", kinds=("alert", "anomaly"))
        await enrolled(database_url)
        assert await step_until_idle(database_url) == 1
        await make_due(database_url)
        assert await step_until_idle(database_url) == 0
        async with delivery_worker(database_url):
            await until_ended(database_url, 1)
    [request] = administrators.accepted
    assert request.json["type"] == "usage.unpriced"
    data = request.json["data"]
    assert (data["service"], data["model"], data["events"], data["users"]) == ("acme", "m1", 30, 3)
    assert user.accepted == []


async def write_users(database_url: str, users: int, day: datetime) -> None:
    """Write users with a channel for digests, and with charges around the start of a day."""
    await fetch(
        database_url,
        """WITH users AS (SELECT 'user-' || n AS user_id FROM generate_series(1, $1) AS n),
                channels AS (
                    INSERT INTO notice_channels (user_id, type, address, state, verified_at, kinds)
                    SELECT user_id, 'email', user_id || '@example.com', 'verified', '2026-01-01',
                           '{"daily_digest": "-infinity"}' FROM users)
           INSERT INTO user_spend (user_id, quarter, cost_nano, charged_nano, refunded_nano)
           SELECT user_id, $2::timestamptz + make_interval(mins => 15 * q), 1000000, 2000000, 0
             FROM users, generate_series(-8, 8) AS q""",
        users,
        day,
    )


async def memory_of_a_pass(url: str) -> int:
    """Return the largest memory while half of the digests are decided again, in KB."""
    due = "UPDATE notice_schedule SET due_at = now() - interval '1 second' WHERE user_id < 'user-5'"
    await fetch(url, due)
    tracemalloc.start()
    try:
        assert await step_until_idle(url) == 0
        return tracemalloc.get_traced_memory()[1] // 1_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "users", [20_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
async def test_parallel_processes_write_each_digest_once_and_in_small_steps(
    database_url: str, users: int
) -> None:
    """Memory and the time of a step follow from a step's users, not from all of them."""
    day = NOW - timedelta(days=1)
    await write_users(database_url, users, day)
    await fetch(database_url, "ANALYZE")
    began = time.monotonic()
    await enrolled(database_url)
    enrolled_ms = round(1000 * (time.monotonic() - began))
    began = time.monotonic()
    await enrolled(database_url)
    again_ms = round(1000 * (time.monotonic() - began))
    await step_until_idle(database_url)
    await make_due(database_url)
    steps_ms: list[int] = []

    async def work() -> int:
        written = 0
        async with delivery_store(database_url) as store:
            while True:
                began = time.monotonic()
                async with store.connection() as connection, connection.transaction():
                    step = await run_step(connection, "charged", NOW)
                steps_ms.append(round(1000 * (time.monotonic() - began)))
                written += step.written
                if step.checked == 0:
                    return written

    began = time.monotonic()
    written = await asyncio.gather(work(), work())
    took = time.monotonic() - began
    quarter = len(steps_ms) // 4
    early_ms, late_ms = (
        sorted(part)[quarter // 2] for part in (steps_ms[:quarter], steps_ms[-quarter:])
    )
    peak_kb = await memory_of_a_pass(database_url)
    [row] = await fetch(database_url, "SELECT count(*), count(DISTINCT user_id) FROM notices")
    steps_ms.sort()
    parts.figures.append(
        f"digests of {users} users by two processes: written {sum(written)}, distinct {row[1]}, "
        f"missing {users - row[1]}, repeated {row[0] - row[1]}; enrolment {enrolled_ms} ms, "
        f"again {again_ms} ms, {users / took:.0f} a second, at most {peak_kb} KB of memory, "
        f"step of 100 users p50 {steps_ms[len(steps_ms) // 2]} ms (first quarter {early_ms} ms, "
        f"last {late_ms} ms), longest {steps_ms[-1]} ms"
    )
    assert peak_kb < MEMORY_KB_MAX
    assert (sum(written), row[0], row[1]) == (users, users, users)
