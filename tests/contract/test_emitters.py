"""What emitters of every kind send: compressed as they like, or taken back before it was final."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import CALL_EVENTS
from tests.support.events import Plain, cost, started, structured
from tests.support.expected import expect
from tests.support.streaming import Stage
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
KEY = b"alice"


async def emit(producer: Any, events: Sequence[Plain]) -> None:
    for event in events:
        await producer.send_and_wait(CALL_EVENTS.name, structured(event), key=KEY)


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_records_may_be_compressed(stage: Stage, compression: str) -> None:
    events = [started(time=NOW), *(cost(time=NOW, usage=number) for number in range(1, 6))]
    producer = AIOKafkaProducer(bootstrap_servers=stage.bootstrap, compression_type=compression)
    async with producer, stage.worker() as worker:
        await emit(producer, events)
        await stage.until_counted(len(events), worker)
    assert await read_totals(stage.database_url) == expect(events).totals


@pytest.mark.apache
@pytest.mark.parametrize("bootstrap", ["apache"], ids=["apache"], indirect=True)
async def test_what_an_emitter_took_back_never_happened(stage: Stage) -> None:
    """Its records stay in the log, and a marker after them says that they do not count.

    The embedded broker knows no transactions.
    """
    kept, final = [started(time=NOW), cost(time=NOW)], cost(time=NOW, usage=7)
    producer = AIOKafkaProducer(bootstrap_servers=stage.bootstrap, transactional_id="emitter-1")
    async with producer, stage.worker() as worker:
        async with producer.transaction():
            await emit(producer, kept)
        await producer.begin_transaction()
        await emit(producer, [cost("aborted", time=NOW), cost(time=NOW, usage=100)])
        await producer.abort_transaction()
        async with producer.transaction():
            await emit(producer, [final])
        # The markers take offsets of their own; nothing follows the last.
        await stage.until_counted(len(kept) + 1 + 2 + 1 + 1, worker)
    assert await read_totals(stage.database_url) == expect([*kept, final]).totals
