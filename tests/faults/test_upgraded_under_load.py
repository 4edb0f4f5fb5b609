"""A newer release migrates the database and replaces the workers while they count.

The running release is this one. The newer one has two more migrations: columns, a table, an index
and a constraint, added safely while the previous release runs.
"""

import asyncio
from pathlib import Path
from unittest.mock import patch

import pytest

from ledger.postgres import migrate as migrating
from ledger.postgres.migrate import migrate
from ledger.postgres.migration_files import Migration, migrations
from tests.support.fault_load import FaultLoad
from tests.support.fault_table import FaultRecorder
from tests.support.recording import fetch
from tests.support.streaming import Pipeline
from tests.support.worker_process import WorkerProcess

WORKERS = 2
SECONDS = 20
NEWER = (
    """
    ALTER TABLE calls ADD COLUMN region text;
    ALTER TABLE call_cost_events ADD COLUMN region text;
    ALTER TABLE user_days ADD COLUMN reviewed boolean NOT NULL DEFAULT false;
    """,
    """
    CREATE TABLE regions (region text PRIMARY KEY, since timestamptz NOT NULL DEFAULT now());
    CREATE INDEX calls_by_region ON calls (region) WHERE region IS NOT NULL;
    ALTER TABLE calls ADD CONSTRAINT region_is_short CHECK (length(region) < 64) NOT VALID;
    ALTER TABLE calls VALIDATE CONSTRAINT region_is_short;
    """,
)


async def apply_newer(pipeline: Pipeline) -> int:
    """Migrate as the newer release does; returns the number of applied migrations."""
    current = migrations()
    newer = [
        Migration(len(current) + place, f"{len(current) + place:04}_newer.sql", text)
        for place, text in enumerate(NEWER, 1)
    ]
    with patch.object(migrating, "migrations", lambda: [*current, *newer]):
        return await migrate(pipeline.database_url)


@pytest.mark.timeout(240)
async def test_upgrade_under_load_loses_and_doubles_nothing(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    load = FaultLoad(pipeline)
    await load.set_limits()
    workers = [WorkerProcess(pipeline, tmp_path / str(number)) for number in range(WORKERS)]
    try:
        for worker in workers:
            worker.directory.mkdir()
            worker.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.send(SECONDS))
            await load.until_recorded(0.2)
            assert await apply_newer(pipeline) == len(NEWER)
            at_migration = await load.recorded()
            await load.until_recorded(
                at_migration / load.different + 0.1
            )  # the old workers continue
            for worker in workers:
                await worker.stop()
                worker.start()
        assert at_migration < load.different
        await load.assert_all_counted(
            f"{len(NEWER)} migrations, then {WORKERS} workers replaced, {pipeline.broker}",
            record_fault,
        )
        for worker in workers:
            await worker.stop()
    finally:
        for worker in workers:
            worker.abandon()
    rows = await fetch(pipeline.database_url, "SELECT count(*) FROM calls WHERE region IS NULL")
    assert rows[0][0] == load.different
