"""`restore --replace` into the database of running workers: everything is counted once."""

import asyncio
from pathlib import Path

import pytest

from tests.support.command import COMMAND, environment
from tests.support.fault_load import FaultLoad
from tests.support.fault_table import FaultRecorder
from tests.support.published import topic_differences
from tests.support.recording import until
from tests.support.streaming import Pipeline
from tests.support.worker_process import WorkerProcess

WORKERS = 2
SECONDS = 20
REPUBLISHED_SECONDS_MAX = 60

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


async def operate(pipeline: Pipeline, *words: str) -> None:
    """Run a command with the administrator's login, as documented."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, env=environment({"DATABASE_URL": pipeline.database_url})
    )
    assert await process.wait() == 0


async def supervise(workers: list[WorkerProcess]) -> None:
    """Restart workers that have ended, as they do while the tables are missing."""
    while True:
        await asyncio.sleep(1)
        for worker in workers:
            if worker.has_ended():
                worker.start()


async def test_restore_in_place_loses_and_doubles_nothing(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    dump = tmp_path / "ledger.dump"
    load = FaultLoad(pipeline)
    await load.set_limits()
    workers = [WorkerProcess(pipeline, tmp_path / str(number)) for number in range(WORKERS)]
    try:
        for worker in workers:
            worker.directory.mkdir()
            worker.start()
        supervising = asyncio.create_task(supervise(workers))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.send(SECONDS))
            await load.until_recorded(0.2)
            await operate(pipeline, "backup", "--to", str(dump))
            backed_up = await load.recorded()
            await load.until_recorded(backed_up / load.different + 0.2)
            await operate(pipeline, "restore", str(dump), "--replace")
        await load.assert_all_counted(
            f"restore in place, {WORKERS} workers, {pipeline.broker}", record_fault
        )
        await until(lambda: _is_published(pipeline), REPUBLISHED_SECONDS_MAX)
        supervising.cancel()
        for worker in workers:
            await worker.stop()
    finally:
        for worker in workers:
            worker.abandon()


async def _is_published(pipeline: Pipeline) -> bool:
    return not await topic_differences(pipeline)
