"""The totals topic ends with the pseudonym of an erased user, however late older totals are sent."""

import asyncio
import json
from datetime import UTC, datetime

from ledger.postgres.database import Connection, connect
from ledger.recording.batch import BatchOutcome
from messaging.kafka import make_producer
from messaging.producer import RecoveringProducer
from schemas.topics import CALL_TOTALS
from streams.publishing.publisher import TotalsPublisher
from tests.support import parts
from tests.support.events import charged, cost, started
from tests.support.personal_data import erased
from tests.support.recording import BatchWriter, TopicLog, fetch, until
from tests.support.streaming import Pipeline

NOW = datetime.now(UTC)
LATE = "late worker"
CALLS = 40


async def publish(
    pipeline: Pipeline, worker_id: str, outcomes: list[BatchOutcome], *, until_empty: bool
) -> None:
    """Publish as a worker: until the outbox is empty, or for one pass of its relay."""

    async def opened() -> Connection:
        return await connect(pipeline.database_url, name=worker_id)

    async def is_empty() -> bool:
        return not await fetch(pipeline.database_url, "SELECT FROM totals_outbox")

    producing, stop = RecoveringProducer(lambda: make_producer(pipeline.kafka)), asyncio.Event()
    publisher = TotalsPublisher(producing, opened, lambda: False, worker_id)
    for outcome in outcomes:
        publisher.submit(outcome)
    running = asyncio.create_task(publisher.run(stop))
    try:
        await (until(is_empty, 60) if until_empty else asyncio.sleep(2))
    finally:
        stop.set()
        await running
        await producing.close()


async def test_totals_from_before_an_erasure_are_not_the_last_ones(pipeline: Pipeline) -> None:
    url, log = pipeline.database_url, TopicLog()
    events = [
        of(f"c-{number}", "alice", time=NOW)
        for number in range(CALLS)
        for of in (started, cost, charged)
    ]
    async with BatchWriter(url) as writer:
        outcomes = [
            await writer.record(log.batch(events[at : at + 30])) for at in range(0, 120, 30)
        ]
    alive = "INSERT INTO stream_workers (worker_id, partitions, heartbeat_at) VALUES ($1, '{}', now() + interval '1 h')"
    await fetch(url, alive, LATE)
    await fetch(url, "UPDATE totals_outbox SET worker_id = $1", LATE)
    pseudonym = (await erased(url, user_id="alice")).pseudonym
    await fetch(url, "UPDATE totals_outbox SET created_at = now() - interval '1 h'")

    await publish(pipeline, "another worker", [], until_empty=False)
    await publish(pipeline, LATE, outcomes, until_empty=True)
    records = await pipeline.read_all(CALL_TOTALS.name)
    last = {record.key: json.loads(record.value)["userId"] for record in records}
    named = [key for key, user in last.items() if user != pseudonym]
    parts.figures.append(
        f"totals after an erasure: {len(records)} records of {len(last)} calls, "
        f"{len(named)} of them name the user in the last one"
    )
    assert (len(last), named) == (CALLS, [])
