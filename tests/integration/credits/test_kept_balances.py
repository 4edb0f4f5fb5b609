"""Balances after months were archived, after a rebuild, and after grants have ended."""

import asyncio
from datetime import timedelta
from pathlib import Path

from ledger.credits.ended_grants import review_ended_grants
from ledger.operations.verification import rebuild
from ledger.postgres.database import Connection, connected
from tests.integration.credits.test_balance_law import balance_of_user
from tests.support.alerting import just_now
from tests.support.archives import archive, month_start
from tests.support.credit_model import plain_balance
from tests.support.events import Plain, charged, granted, refunded
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch, until_blocked

DEADLOCK_SECONDS = 1.2
"""PostgreSQL checks a session that waits for so long for deadlocks, once."""


async def record(database_url: str, log: TopicLog, events: list[Plain]) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch(events))
        assert not writer.letters


async def test_archived_charges_are_refunded_to_their_grant(
    database_url: str, tmp_path: Path
) -> None:
    """The first grant ended in the quarter of the first charge, so its time matters."""
    now, log = just_now(), TopicLog()
    at = month_start(3) + timedelta(days=3, hours=9)
    events = [
        granted(amount=10, time=at - timedelta(days=1), expiresAt=at + timedelta(minutes=10)),
        granted(amount=100, time=at - timedelta(days=1)),
        charged("a", amount=6, time=at + timedelta(minutes=5)),
        charged("a", amount=7, time=at + timedelta(minutes=20)),
        refunded("a", amount=8, time=at + timedelta(hours=1)),
    ]
    await record(database_url, log, events)
    await archive(database_url, tmp_path)
    for late in ([], [refunded("a", amount=3, time=now), charged("b", amount=1, time=now)]):
        if late:
            await record(database_url, log, late)
        events += late
        found = await balance_of_user(database_url, "alice", now)
        assert (found.remaining, found.expired, found.nano) == plain_balance(events, now)
        await assert_verified(database_url)
    await fetch(database_url, "UPDATE credit_returns SET nano = nano + 1")
    await fetch(database_url, "UPDATE user_budget_settings SET credit_review_at = NULL")
    await rebuild(database_url)
    await assert_verified(database_url)
    rebuilt = await balance_of_user(database_url, "alice", now)
    assert (rebuilt.remaining, rebuilt.expired, rebuilt.nano) == plain_balance(events, now)


async def test_rebuild_and_a_batch_of_grants_wait_for_each_other_in_one_order(
    database_url: str,
) -> None:
    """A grant has no call, so its batch locks the user's settings before it waits for the rebuild."""
    now, log = just_now(), TopicLog()
    first = [granted(time=now), charged(amount=4, time=now), refunded(amount=3, time=now)]
    await record(database_url, log, first)
    second = granted(amount=5, time=now)

    async def start_batch(_: Connection) -> None:
        batches.append(asyncio.create_task(record(database_url, log, [second])))
        await until_blocked(database_url)
        await asyncio.sleep(DEADLOCK_SECONDS)  # from now on PostgreSQL would end the rebuild

    batches: list[asyncio.Task[None]] = []
    await rebuild(database_url, restore=start_batch)
    await batches[0]
    await assert_verified(database_url)
    found = await balance_of_user(database_url, "alice", now)
    assert (found.remaining, found.expired, found.nano) == plain_balance([*first, second], now)


async def test_end_of_a_grant_raises_its_alerts_once(database_url: str) -> None:
    now, log = just_now(), TopicLog()
    ends = now + timedelta(hours=2)
    await record(database_url, log, [granted(amount=40, time=now, expiresAt=ends)])
    async with connected(database_url, name="test") as connection:
        assert await review_ended_grants(connection, now) == 0
        later = ends + timedelta(minutes=15)
        assert await review_ended_grants(connection, later) == 1, (
            "one message, of the lowest amount"
        )
        assert await review_ended_grants(connection, later) == 0
    alerts = await fetch(
        database_url, "SELECT threshold_nano / 1000000000 FROM balance_alerts ORDER BY 1"
    )
    assert [row[0] for row in alerts] == [0, 10]
    [notice] = await fetch(database_url, "SELECT kind, user_id, is_urgent FROM notices")
    assert tuple(notice) == ("low_balance", "alice", True)
