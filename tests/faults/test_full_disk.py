"""PostgreSQL's disk is full under load: nothing is lost or doubled once it has space again."""

import asyncio
from pathlib import Path

import pytest

from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.tansu import EmbeddedTansu
from tests.support import parts
from tests.support.fault_load import FaultLoad
from tests.support.fault_table import FaultRecorder
from tests.support.logins import create_test_logins
from tests.support.small_disk import small_disk
from tests.support.streaming import Pipeline
from tests.support.worker_process import WorkerProcess

DISK_MB = 256
FULL_SECONDS = 8
SMALL_LOG = {"min_wal_size": "32MB", "max_wal_size": "48MB", "shared_buffers": "16MB"}


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_full_disk_loses_and_doubles_nothing(
    tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """PostgreSQL may refuse statements or end; a supervisor restarts it."""
    with small_disk(tmp_path / "disk", DISK_MB) as disk:
        async with (
            EmbeddedPostgres(disk.path / "data", settings=SMALL_LOG) as postgres,
            EmbeddedTansu(tmp_path) as broker,
        ):
            await create_test_logins(postgres.url)
            pipeline = Pipeline(broker.bootstrap, False, postgres.url)
            await pipeline.reset_topics()
            load = FaultLoad(pipeline, 8_000)
            await load.set_limits()
            worker = WorkerProcess(pipeline, tmp_path)
            worker.start()
            log = disk.path / "data.log"
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(load.send(seconds=20))
                    await load.until_recorded(0.2)
                    disk.fill()
                    await asyncio.sleep(FULL_SECONDS)
                    disk.free()
                refused = log.read_text().count("No space left on device")
                await load.assert_all_counted("disk of PostgreSQL full", record_fault)
                await worker.stop()
            finally:
                worker.abandon()
    parts.figures.append(f"full disk: PostgreSQL refused {refused} writes")
    assert refused
