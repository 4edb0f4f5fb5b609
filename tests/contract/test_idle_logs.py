"""A worker that has read all there is stays calm, whatever the end of the log looks like.

Offsets have gaps: transactions leave markers behind their records, and retention takes the first
records away. Neither is a record that waits.
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
from tests.support.streaming import Sent, Stage
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


# The embedded broker has neither transactions nor retention.
pytestmark = [
    pytest.mark.apache,
    pytest.mark.parametrize("bootstrap", ["apache"], ids=["apache"], indirect=True),
]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the watchdog look often."""
    monkeypatch.setattr(watchdog, "CHECK_SECONDS", 0.1)


async def stays_calm(worker: asyncio.Task[None]) -> None:
    done, _ = await asyncio.wait({worker}, timeout=2.5)
    assert not done, worker.exception()


async def test_after_a_transaction(stage: Stage) -> None:
    events = [cost(time=NOW) for _ in range(3)]
    producer = AIOKafkaProducer(
        bootstrap_servers=stage.bootstrap, transactional_id=f"emitter-{uuid.uuid4().hex}"
    )
    await producer.start()
    try:
        async with producer.transaction():
            for event in events:
                await producer.send_and_wait(CALL_EVENTS.name, structured(event), partition=0)
    finally:
        await producer.stop()
    async with stage.worker(stall_seconds=1) as worker:
        await stage.until_counted(3, worker)
        await stays_calm(worker)
    assert await read_totals(stage.database_url) == expect(events).totals


async def test_after_retention_has_taken_everything(stage: Stage) -> None:
    await stage.send(Sent(b"long ago", partition=1) for _ in range(5))
    admin = AIOKafkaAdminClient(bootstrap_servers=stage.bootstrap)
    await admin.start()
    try:
        gone = {TopicPartition(CALL_EVENTS.name, 1): RecordsToDelete(before_offset=5)}
        await admin.delete_records(gone)
    finally:
        await admin.close()
    async with stage.worker(stall_seconds=1) as worker:

        async def reads() -> bool:
            return bool(await stage.holders())

        await until(reads)
        await stays_calm(worker)
