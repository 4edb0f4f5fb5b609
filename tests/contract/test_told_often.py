"""A call that changes is told as often as it does: a dashboard that jumps is not live."""

import asyncio
import json

from messaging.kafka import make_producer
from schemas.topics import CALL_EVENTS, CALL_TOTALS
from tests.support.events import cost, started, structured
from tests.support.recording import fetch, until
from tests.support.streaming import Stage

CHANGES = 30
CHANGES_PER_SECOND = 10


async def test_changes_ten_times_a_second_are_not_gathered(stage: Stage) -> None:
    """Half of them told is enough on a busy machine; twice a second would be a fifth."""
    async with stage.worker():
        await stage.send([started()])
        await until(lambda: _is_counted(stage, 1))
        producer = make_producer(stage.kafka)
        await producer.start()
        try:
            for _ in range(CHANGES):
                await producer.send_and_wait(CALL_EVENTS.name, structured(cost()), key=b"alice")
                await asyncio.sleep(1 / CHANGES_PER_SECOND)
        finally:
            await producer.stop()
        await until(lambda: _is_counted(stage, 1 + CHANGES))
    versions = [json.loads(one.value)["version"] for one in await stage.read_all(CALL_TOTALS.name)]
    assert versions == sorted(versions)
    assert len(versions) > CHANGES / 2


async def _is_counted(stage: Stage, events: int) -> bool:
    rows = await fetch(stage.database_url, "SELECT event_count FROM calls")
    return bool(rows) and rows[0][0] == events
