"""During a database outage the worker waits, and afterwards everything is counted."""

import dataclasses
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devkit.embedded.postgres import EmbeddedPostgres
from ledger.postgres.migrate import migrate
from tests.support.events import Plain, cost, ended, started
from tests.support.expected import expect
from tests.support.recording import assert_verified, fetch, until
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def calls(prefix: str) -> list[Plain]:
    return [
        plain
        for number in range(50)
        for plain in (
            started(f"{prefix}-{number}", f"user-{number % 5}", time=NOW),
            cost(f"{prefix}-{number}", f"user-{number % 5}", time=NOW),
            ended(f"{prefix}-{number}", f"user-{number % 5}", time=NOW),
        )
    ]


async def test_worker_counts_everything_after_a_database_outage(
    pipeline: Pipeline, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before, during = calls("before"), calls("during")
    caplog.set_level(logging.WARNING)
    async with EmbeddedPostgres(tmp_path / "postgres") as postgres:
        await migrate(postgres.url)
        pipeline = dataclasses.replace(pipeline, database_url=postgres.url)
        async with pipeline.worker() as worker:
            await pipeline.until_counted(len(await pipeline.send(before)), worker)
            await postgres.stop()
            await pipeline.send([*during, b"{"])

            async def has_retried() -> bool:
                actions = [getattr(record, "action", "") for record in caplog.records]
                return actions.count("batch_retry") >= 3

            await until(has_retried)
            assert not worker.done()
            await postgres.start()
            await pipeline.until_counted(len(before) + len(during) + 1, worker)
        await pipeline.dead_letters(1)
        assert len(await fetch(pipeline.database_url, "SELECT FROM dead_letters")) == 1
        assert await read_totals(pipeline.database_url) == expect(before + during).totals
        await assert_verified(pipeline.database_url)
