"""Frequent changes of a call are published separately, so that dashboards do not jump."""

import asyncio
import json

from messaging.kafka import make_producer
from schemas.topics import CALL_EVENTS, CALL_TOTALS
from tests.support.events import cost, started, structured
from tests.support.recording import fetch, until
from tests.support.streaming import Pipeline

CHANGES = 30
CHANGES_PER_SECOND = 10


async def test_ten_changes_a_second_are_published_separately(pipeline: Pipeline) -> None:
    """Half of them suffice on a busy machine; two a second would be a fifth."""
    async with pipeline.worker():
        await pipeline.send([started()])
        await until(lambda: _is_counted(pipeline, 1))
        producer = make_producer(pipeline.kafka)
        await producer.start()
        try:
            for _ in range(CHANGES):
                await producer.send_and_wait(CALL_EVENTS.name, structured(cost()), key=b"alice")
                await asyncio.sleep(1 / CHANGES_PER_SECOND)
        finally:
            await producer.stop()
        await until(lambda: _is_counted(pipeline, 1 + CHANGES))
    versions = [
        json.loads(record.value)["version"] for record in await pipeline.read_all(CALL_TOTALS.name)
    ]
    assert versions == sorted(versions)
    assert len(versions) > CHANGES / 2


async def _is_counted(pipeline: Pipeline, events: int) -> bool:
    rows = await fetch(pipeline.database_url, "SELECT event_count FROM calls")
    return bool(rows) and rows[0][0] == events
