"""The database goes away for a while: the worker waits, and afterwards everything is counted."""

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
from tests.support.streaming import Stage
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


async def test_postgresql_stops_and_comes_back(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before, during = calls("before"), calls("during")
    caplog.set_level(logging.WARNING)
    async with EmbeddedPostgres(tmp_path / "postgres") as postgres:
        await migrate(postgres.url)
        stage = dataclasses.replace(stage, database_url=postgres.url)
        async with stage.worker() as worker:
            await stage.until_counted(len(await stage.send(before)), worker)
            await postgres.stop()
            await stage.send([*during, b"{"])

            async def tried_again() -> bool:
                actions = [getattr(record, "action", "") for record in caplog.records]
                return actions.count("batch_retry") >= 3

            await until(tried_again)
            assert not worker.done()
            await postgres.start()
            await stage.until_counted(len(before) + len(during) + 1, worker)
        await stage.dead_letters(1)
        assert len(await fetch(stage.database_url, "SELECT FROM dead_letters")) == 1
        assert await read_totals(stage.database_url) == expect(before + during).totals
        await assert_verified(stage.database_url)
