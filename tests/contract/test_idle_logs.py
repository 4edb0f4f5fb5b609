"""A worker that has read everything keeps running, whatever the end of the log is.

Offsets have gaps: transactions add markers, and retention removes records. Neither is a record that
waits.
"""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from schemas.topics import CALL_EVENTS
from streams import watchdog
from tests.support.events import cost, structured
from tests.support.expected import expect
from tests.support.recording import until
from tests.support.streaming import Pipeline, SentRecord
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


# The embedded broker has neither transactions nor retention.
pytestmark = [
    pytest.mark.apache,
    pytest.mark.parametrize("bootstrap", ["apache"], ids=["apache"], indirect=True),
]


@pytest.fixture(autouse=True)
def short_check_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the watchdog check often."""
    monkeypatch.setattr(watchdog, "CHECK_SECONDS", 0.1)


async def assert_keeps_running(worker: asyncio.Task[None]) -> None:
    done, _ = await asyncio.wait({worker}, timeout=2.5)
    assert not done, worker.exception()


async def test_transaction_markers_are_not_a_stall(pipeline: Pipeline) -> None:
    events = [cost(time=NOW) for _ in range(3)]
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.bootstrap, transactional_id=f"emitter-{uuid.uuid4().hex}"
    )
    await producer.start()
    try:
        async with producer.transaction():
            for event in events:
                await producer.send_and_wait(CALL_EVENTS.name, structured(event), partition=0)
    finally:
        await producer.stop()
    async with pipeline.worker(stall_seconds=1) as worker:
        await pipeline.until_counted(3, worker)
        await assert_keeps_running(worker)
    assert await read_totals(pipeline.database_url) == expect(events).totals


async def test_emptied_partition_is_not_a_stall(pipeline: Pipeline) -> None:
    await pipeline.send(SentRecord(b"long ago", partition=1) for _ in range(5))
    admin = AIOKafkaAdminClient(bootstrap_servers=pipeline.bootstrap)
    await admin.start()
    try:
        gone = {TopicPartition(CALL_EVENTS.name, 1): RecordsToDelete(before_offset=5)}
        await admin.delete_records(gone)
    finally:
        await admin.close()
    async with pipeline.worker(stall_seconds=1) as worker:

        async def reads() -> bool:
            return bool(await pipeline.holders())

        await until(reads)
        await assert_keeps_running(worker)
