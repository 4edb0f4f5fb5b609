"""A worker's retention lets ended calls leave the totals topic, and a late change brings one back."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.operations.retention import RetentionDays
from schemas.topics import CALL_TOTALS
from streams.retention import RetentionOptions
from tests.support.events import charged, cost, ended
from tests.support.recording import assert_verified, fetch, until
from tests.support.streaming import Stage

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)


@pytest.mark.timeout(180)
async def test_ended_calls_leave_the_totals_topic_and_late_changes_come_back(stage: Stage) -> None:
    options = RetentionOptions(interval_seconds=4, days=RetentionDays(totals=30))
    sent = len(
        await stage.send(
            [cost("old", time=NOW), ended("old", time=NOW), cost("going on", time=NOW)]
        )
    )
    async with stage.worker(retention=options) as worker:
        await stage.until_counted(sent, worker)

        async def published() -> bool:
            return len({r.key for r in await stage.read_all(CALL_TOTALS.name)}) == 2

        await until(published)
        await fetch(stage.database_url, "UPDATE calls SET updated_at = now() - interval '30 days'")

        async def removed() -> bool:
            return [r.key for r in await stage.read_all(CALL_TOTALS.name) if not r.value] == [
                b"old"
            ]

        await until(removed)
        sent += len(await stage.send([charged("old", time=NOW)]))
        await stage.until_counted(sent, worker)

        async def back() -> bool:
            newest = {r.key: r.value for r in await stage.read_all(CALL_TOTALS.name)}
            return newest[b"old"] is not None

        await until(back)
    query = "SELECT removed FROM retention_progress WHERE subject = 'totals'"
    assert (await fetch(stage.database_url, query))[0][0] == 1
    await assert_verified(stage.database_url)
