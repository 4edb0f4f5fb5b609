"""Scheduled messages after a restore: of whole totals only, and nothing that was sent before."""

from datetime import UTC, datetime, timedelta

from ledger.operations.delivery_journal import mark_delivered, unjournaled
from ledger.postgres.database import connected
from ledger.recording.epochs import mark_published, raise_epoch
from tests.integration.scheduled_notices.test_schedule import (
    NOW,
    USD,
    contents,
    enrolled,
    make_due,
    spend,
    step_until_idle,
    subscribe,
)
from tests.support.notifications import delivery_worker, until_ended, write_channel
from tests.support.receivers import receiver
from tests.support.recording import fetch


async def test_digest_waits_until_the_restored_ledger_is_complete(database_url: str) -> None:
    """The events since the backup are counted first, and the journal of deliveries is read."""
    day = NOW - timedelta(days=1)
    await subscribe(database_url, "daily_digest")
    await spend(database_url, "alice", day, 10)
    await enrolled(database_url)
    await step_until_idle(database_url)
    await make_due(database_url)
    async with connected(database_url, name="test") as connection:
        epoch = await raise_epoch(connection, "restored")
        assert await step_until_idle(database_url) == 0
        await spend(database_url, "alice", day + timedelta(minutes=15), 100)
        await mark_published(connection, epoch)
        assert await step_until_idle(database_url) == 0, "the journal is not read"
        await fetch(database_url, "UPDATE ledger_epochs SET journal_read_at = now()")
        assert await step_until_idle(database_url) == 1
    [content] = await contents(database_url, "daily_digest")
    assert content["data"]["charged"] == 110


async def test_forecast_that_was_sent_before_a_restore_is_not_sent_again(
    database_url: str,
) -> None:
    """The backup is older than the message; the journal has its id. A new day is news."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    limit = "INSERT INTO user_budget_settings (user_id, monthly_limit_nano, monthly_limit_version) VALUES ('alice', $1, 1)"
    await fetch(database_url, limit, 250 * USD)
    for number in range(20):
        at = start + timedelta(days=number)
        await spend(database_url, "alice", at, 10)
        day = """INSERT INTO user_days (user_id, day, persona_id, calls, duration_ms, charged_nano, refunded_nano)
                 VALUES ('alice', $1, 'p', 1, 0, $2, 0)"""
        await fetch(database_url, day, at.date(), 10 * USD)
    now = start + timedelta(days=20, hours=6)
    async with receiver() as endpoint:
        await write_channel(database_url, endpoint.url, kinds=("forecast",))
        await enrolled(database_url)
        assert await step_until_idle(database_url, now) == 1
        async with delivery_worker(database_url):
            await until_ended(database_url, 1)
        [sent] = await contents(database_url, "forecast")
        async with connected(database_url, name="test") as connection:
            journal = await unjournaled(connection, 10)
            await fetch(database_url, "DELETE FROM notice_deliveries")
            await fetch(database_url, "DELETE FROM notices")
            assert await mark_delivered(connection, journal) == 1
        await spend(database_url, "alice", now - timedelta(minutes=15), 12)
        await make_due(database_url)
        assert await step_until_idle(database_url, now) == 0, "the day moved by less than three"
        await spend(database_url, "alice", now - timedelta(minutes=30), 30)
        await make_due(database_url)
        assert await step_until_idle(database_url, now) == 1
    [moved] = await contents(database_url, "forecast")
    first, second = (
        datetime.fromisoformat(one["data"]["reachedOn"]).date() for one in (sent, moved)
    )
    assert first - second >= timedelta(days=3)
