"""Partitions are added under load: workers find them, and nothing is lost or doubled."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from devkit.embedded.apache_kafka import ApacheKafka
from schemas.topics import CALL_EVENTS
from tests.support.fault_load import FaultLoad
from tests.support.fault_table import FaultRecorder
from tests.support.recording import fetch
from tests.support.streaming import PARTITIONS, Pipeline
from tests.support.worker_process import WorkerProcess

WORKERS = 2


@pytest.mark.apache
@pytest.mark.long
@pytest.mark.timeout(240)
async def test_added_partitions_lose_and_double_nothing(
    apache_kafka: ApacheKafka, database_url: str, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """Two workers learn of the partitions by the metadata, refreshed every 30 seconds."""
    pipeline = Pipeline(apache_kafka.bootstrap, True, database_url)
    await pipeline.reset_topics()
    load = FaultLoad(pipeline)
    await load.set_limits()
    workers = [WorkerProcess(pipeline, tmp_path / str(number)) for number in range(WORKERS)]
    try:
        for worker in workers:
            worker.directory.mkdir()
            worker.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.send(seconds=20))
            await load.until_recorded(0.1)
            await add_partitions(pipeline)
            load.partitions = 2 * PARTITIONS
        await load.assert_all_counted(
            f"partitions {PARTITIONS} to {2 * PARTITIONS} under load, {WORKERS} workers",
            record_fault,
        )
        for worker in workers:
            await worker.stop()
    finally:
        for worker in workers:
            worker.abandon()
    rows = await fetch(database_url, "SELECT count(*) FROM stream_offsets WHERE next_offset > 0")
    assert rows[0][0] == 2 * PARTITIONS


async def add_partitions(pipeline: Pipeline) -> None:
    """Double the partitions of the topic of call events."""
    admin = AIOKafkaAdminClient(bootstrap_servers=pipeline.bootstrap)
    await admin.start()
    try:
        await admin.create_partitions({CALL_EVENTS.name: NewPartitions(2 * PARTITIONS)})
    finally:
        await admin.close()
