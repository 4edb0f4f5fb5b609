"""Alerts that a balance ends soon exist once for each crossing, however it came about."""

import itertools
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.credits.balance import balance_ends_at
from ledger.credits.ended_grants import review_ended_grants
from ledger.credits.rows import read_accounts
from ledger.postgres.database import connected
from tests.support.alerting import just_now
from tests.support.credit_model import plain_balance
from tests.support.events import Plain, charged, granted, refunded
from tests.support.recording import BatchWriter, TopicLog, fetch

users = (f"user-{number}" for number in itertools.count())
DAYS = 3
RECENT_PERIOD = timedelta(days=7)
USD = 10**9
moves = st.tuples(
    st.sampled_from(["grant", "charge", "charge", "refund"]),
    st.integers(1, 60).map(lambda halves: Decimal(halves) / 2),
    st.sampled_from([timedelta(), timedelta(hours=1), timedelta(days=2), timedelta(days=20)]),
)


async def set_days(database_url: str, user: str, days: int | None = DAYS) -> None:
    await fetch(
        database_url,
        """INSERT INTO user_budget_settings (user_id, low_balance_days) VALUES ($1, $2)
           ON CONFLICT (user_id) DO UPDATE SET low_balance_days = excluded.low_balance_days""",
        user,
        days,
    )


def event_of(user: str, kind: str, amount: Decimal, at: datetime) -> Plain:
    if kind == "grant":
        return granted(user, amount=amount, time=at)
    make = charged if kind == "charge" else refunded
    return make("one call of " + user, user, amount=amount, time=at)


async def raised(database_url: str, user: str) -> int:
    query = "SELECT count(*) FROM balance_ending_alerts WHERE user_id = $1"
    [[count]] = await fetch(database_url, query, user)
    return int(count)


def plainly_ends_soon(events: list[Plain], now: datetime, known: bool) -> bool | None:
    """Return whether the balance of events ends soon; None if it is too near to the limit.

    Grants do not end here, so what is charged in a week lasts for a week.
    """
    granted_nano = sum(
        int(e["data"]["amount"] * USD) for e in events if e["type"] == "credit.granted"
    )
    if not granted_nano:
        return known
    nano = plain_balance(events, now).nano
    if nano <= 0:
        return known
    undone = [event for event in events if event["type"] != "credit.granted"]
    start = [granted("x", amount=1, time=now - RECENT_PERIOD)]
    week_nano = USD - plain_balance([*start, *undone], now).nano
    if week_nano <= 0:
        return False
    lasts = timedelta(days=7 * nano / week_nano)
    return (
        None if abs(lasts - timedelta(days=DAYS)) < timedelta(hours=1) else lasts < timedelta(DAYS)
    )


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(moves, min_size=3, max_size=12), cuts=st.lists(st.integers(1, 3), min_size=12)
)
async def test_each_crossing_raises_one_alert_by_the_plain_definition(
    database_url: str, steps: list[Any], cuts: list[int]
) -> None:
    user, now, log = next(users), just_now(), TopicLog()
    events = [event_of(user, kind, amount, now - age) for kind, amount, age in steps]
    await set_days(database_url, user)
    counted, ends_soon, crossings = list[Plain](), False, 0
    remaining = iter(events)
    async with BatchWriter(database_url) as writer:
        for size in cuts:
            if not (batch := list(itertools.islice(remaining, size))):
                break
            await writer.record(log.batch(batch))
            await writer.record(log.batch(batch[:1]))  # a repeat changes nothing
            counted += batch
            expected = plainly_ends_soon(counted, now, ends_soon)
            if expected is None:
                return
            crossings += expected and not ends_soon
            ends_soon = expected
            assert await raised(database_url, user) == crossings


async def test_time_alone_brings_the_end_of_a_grant_near(database_url: str) -> None:
    """No event says so: the worker's review does, once."""
    now = just_now()
    await set_days(database_url, "alice")
    async with BatchWriter(database_url) as writer:
        grant = granted("alice", amount=100, time=now, expiresAt=now + timedelta(days=10))
        await writer.record(TopicLog().batch([grant]))
    async with connected(database_url, name="test") as connection:
        [account] = await read_accounts(connection, ["alice"], now)
        ends_at = balance_ends_at(account.grants, account.balance, 0, now)
        assert ends_at is not None
        near = ends_at - timedelta(days=DAYS)
        assert await review_ended_grants(connection, near - timedelta(seconds=1)) == 0
        assert await review_ended_grants(connection, near) == 1
        assert await review_ended_grants(connection, near + timedelta(days=1)) == 0
        assert await review_ended_grants(connection, ends_at) == 1, "it is used up"
    contents = await fetch(database_url, "SELECT content FROM notices ORDER BY seq")
    assert ["balance.ending" in row["content"] for row in contents] == [True, False]
    assert await raised(database_url, "alice") == 1


async def test_a_balance_that_falls_at_once_is_one_message(database_url: str) -> None:
    """The message about the amount says how long the balance lasts."""
    now = just_now()
    await set_days(database_url, "alice")
    async with BatchWriter(database_url) as writer:
        events = [granted("alice", amount=20, time=now), charged("a", "alice", amount=15, time=now)]
        await writer.record(TopicLog().batch(events))
    [notice] = await fetch(database_url, "SELECT content FROM notices")
    assert '"eventType":"balance.low"' in notice["content"]
    assert "At your recent pace it lasts until" in notice["content"]
    assert await raised(database_url, "alice") == 1
