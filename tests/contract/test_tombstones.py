"""Retention removes ended calls from the totals topic, and a late change restores one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cost_analytics.configuration.worker_sections import RetentionSection
from cost_analytics.roots.worker import retention_options
from schemas.topics import CALL_TOTALS
from tests.support.events import charged, cost, ended
from tests.support.recording import assert_verified, fetch, until
from tests.support.streaming import Pipeline

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)


@pytest.mark.timeout(180)
async def test_ended_calls_get_tombstones_and_late_changes_are_published_again(
    pipeline: Pipeline,
) -> None:
    options = replace(retention_options(RetentionSection(total_days=30)), interval_seconds=4)
    sent = len(
        await pipeline.send(
            [cost("old", time=NOW), ended("old", time=NOW), cost("going on", time=NOW)]
        )
    )
    async with pipeline.worker(retention=options) as worker:
        await pipeline.until_counted(sent, worker)

        async def published() -> bool:
            return len({r.key for r in await pipeline.read_all(CALL_TOTALS.name)}) == 2

        await until(published)
        await fetch(
            pipeline.database_url, "UPDATE calls SET updated_at = now() - interval '30 days'"
        )

        async def removed() -> bool:
            return [r.key for r in await pipeline.read_all(CALL_TOTALS.name) if not r.value] == [
                b"old"
            ]

        await until(removed)
        sent += len(await pipeline.send([charged("old", time=NOW)]))
        await pipeline.until_counted(sent, worker)

        async def back() -> bool:
            newest = {r.key: r.value for r in await pipeline.read_all(CALL_TOTALS.name)}
            return newest[b"old"] is not None

        await until(back)
    query = "SELECT removed FROM retention_progress WHERE subject = 'totals'"
    assert (await fetch(pipeline.database_url, query))[0][0] == 1
    await assert_verified(pipeline.database_url)
