"""Records as emitters send them: compressed, or in transactions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import CALL_EVENTS
from tests.support.events import Plain, cost, started, structured
from tests.support.expected import expect
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
KEY = b"alice"


async def emit(producer: Any, events: Sequence[Plain]) -> None:
    for event in events:
        await producer.send_and_wait(CALL_EVENTS.name, structured(event), key=KEY)


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_counted(pipeline: Pipeline, compression: str) -> None:
    events = [started(time=NOW), *(cost(time=NOW, usage=number) for number in range(1, 6))]
    producer = AIOKafkaProducer(bootstrap_servers=pipeline.bootstrap, compression_type=compression)
    async with producer, pipeline.worker() as worker:
        await emit(producer, events)
        await pipeline.until_counted(len(events), worker)
    assert await read_totals(pipeline.database_url) == expect(events).totals


@pytest.mark.apache
@pytest.mark.parametrize("bootstrap", ["apache"], ids=["apache"], indirect=True)
async def test_aborted_transaction_is_not_counted(pipeline: Pipeline) -> None:
    """Its records stay in the log, followed by an abort marker. Only Apache Kafka has transactions."""
    kept, final = [started(time=NOW), cost(time=NOW)], cost(time=NOW, usage=7)
    producer = AIOKafkaProducer(bootstrap_servers=pipeline.bootstrap, transactional_id="emitter-1")
    async with producer, pipeline.worker() as worker:
        async with producer.transaction():
            await emit(producer, kept)
        await producer.begin_transaction()
        await emit(producer, [cost("aborted", time=NOW), cost(time=NOW, usage=100)])
        await producer.abort_transaction()
        async with producer.transaction():
            await emit(producer, [final])
        # Markers have offsets; nothing follows the last one.
        await pipeline.until_counted(len(kept) + 1 + 2 + 1 + 1, worker)
    assert await read_totals(pipeline.database_url) == expect([*kept, final]).totals
