"""Alerts of limits set after a restore never reuse the id of a lost alert."""

import pytest

from ledger.postgres.database import connected
from ledger.postgres.viewers import StoreUnavailableError
from ledger.recording.epochs import raise_epoch
from tests.support.alerting import USD, change, just_now, raised_alerts
from tests.support.events import charged
from tests.support.recording import BatchWriter, TopicLog, fetch


async def alert_ids(database_url: str) -> set[str]:
    rows = await fetch(database_url, "SELECT alert_id::text FROM budget_alerts")
    return {row[0] for row in rows}


async def test_limit_set_after_a_restore_raises_its_alerts(database_url: str) -> None:
    """The delivery journal knows the lost alerts by id, and an alert with such an id is not sent."""
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([charged(time=just_now(), amount=9, fee=0)]))
    await change(database_url, "alice", daily_limit=(True, 100 * USD), call_limit=(True, USD))
    await change(database_url, "alice", daily_limit=(True, 10 * USD))
    lost = await alert_ids(database_url)
    # The state of a backup between the two changes.
    await fetch(
        database_url,
        "UPDATE user_budget_settings SET daily_limit_nano = 100000000000, daily_limit_version = 1",
    )
    await fetch(database_url, "DELETE FROM budget_alerts")
    await fetch(database_url, "DELETE FROM outbox")
    async with connected(database_url, name="test") as connection:
        epoch = await raise_epoch(connection, "restore")
    await change(database_url, "alice", daily_limit=(True, 10 * USD))
    alerts = await raised_alerts(database_url)
    assert [(f"{one.threshold}", one.version) for one in alerts] == [("80", epoch)]
    assert len(lost) == 1
    assert lost.isdisjoint(await alert_ids(database_url))
    standing = await change(database_url, "alice", daily_limit=(True, 9 * USD))
    limits = standing.limits
    assert (limits.daily_version, limits.call_version, limits.monthly_version) == (epoch + 1, 1, 0)


async def test_limits_cannot_change_during_a_restore(database_url: str) -> None:
    await fetch(database_url, "DELETE FROM ledger_epochs")
    with pytest.raises(StoreUnavailableError, match="restore is running"):
        await change(database_url, "alice", daily_limit=(True, USD))
