"""A total above the record limit is not published; all other totals are."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from ledger.calls.call import Call
from ledger.postgres.database import Connection, connect
from ledger.recording.batch import BatchOutcome
from messaging.kafka import MAX_RECORD_BYTES, MessageSizeTooLargeError, make_producer
from messaging.producer import RecoveringProducer
from schemas.topics import CALL_TOTALS
from streams.publishing.publisher import TotalsPublisher
from tests.support.recording import fetch, until
from tests.support.streaming import Pipeline

NOW = datetime.now(UTC)
KIB = 1024


def call(name: str, size: int = 0, version: int = 1) -> Call:
    """Return a call whose total has at least this size: many services with long names."""
    services = {f"{number:08}" * 32: 1 for number in range(size // 256)}
    return Call(call_id=name, user_id="alice", costs={"2026-03-14": services}, version=version)


async def published(pipeline: Pipeline, rounds: list[list[Call]]) -> set[str]:
    """Publish changes until no outbox row is left; returns the published calls."""

    async def opened() -> Connection:
        return await connect(pipeline.database_url, name="tests")

    async def settled() -> bool:
        return not await fetch(pipeline.database_url, "SELECT FROM totals_outbox")

    producing, stop = RecoveringProducer(lambda: make_producer(pipeline.kafka)), asyncio.Event()
    publisher = TotalsPublisher(producing, opened, lambda: False)
    running = asyncio.create_task(publisher.run(stop))
    try:
        for calls in rounds:
            insert = "INSERT INTO totals_outbox (worker_id, call_ids) VALUES ('w', $1) RETURNING id"
            names = [one.call_id for one in calls]
            ((row,),) = await fetch(pipeline.database_url, insert, names)
            publisher.submit(BatchOutcome(outbox_id=row, changed=calls, committed_at=NOW))
            await until(settled)
    finally:
        stop.set()
        await running
        await producing.close()
    return {one.key.decode() for one in await pipeline.read_all(CALL_TOTALS.name)}


def left_out(caplog: pytest.LogCaptureFixture) -> int:
    """Return how many totals the log reports as left out; a lower bound, as halves are tried."""
    return len([one for one in caplog.records if one.__dict__.get("action") == "total_too_large"])


def replaced(caplog: pytest.LogCaptureFixture) -> int:
    return len([one for one in caplog.records if one.__dict__.get("action") == "producer_replaced"])


async def test_total_above_the_limit_of_the_topic_is_skipped(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the broker knows this limit; that of the embedded one is higher."""
    small = [call(f"call-{number}") for number in range(300)]
    calls = [*small[:100], call("large", 1_200 * KIB), *small[100:]]
    with caplog.at_level(logging.WARNING):
        published_ids = await published(pipeline, [calls])
        assert published_ids - {"large"} == {one.call_id for one in small}
        assert ("large" in published_ids) == (left_out(caplog) == 0)
        assert ("large" in published_ids) == (pipeline.broker == "Tansu")


async def test_total_above_the_limit_of_a_request_is_skipped(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """The size is checked before sending, so no producer is lost."""
    calls = [call("first"), call("large", MAX_RECORD_BYTES), call("last")]
    with caplog.at_level(logging.WARNING):
        assert await published(pipeline, [calls]) == {"first", "last"}
    assert (left_out(caplog), replaced(caplog)) == (1, 0)


async def test_later_totals_of_a_refused_size_are_not_sent(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """Each attempt fails the producer and everything in its buffer."""
    with caplog.at_level(logging.WARNING):
        await published(pipeline, [[call("large", 1_200 * KIB)]])
        once = replaced(caplog)
        caplog.clear()
        rounds = [
            [call("large", 1_200 * KIB, version), call(f"c-{version}")] for version in (1, 2, 3)
        ]
        published_ids = await published(pipeline, rounds)
    assert {"c-1", "c-2", "c-3"} <= published_ids
    assert once == (0 if pipeline.broker == "Tansu" else 1)
    assert replaced(caplog) <= 2 * once


async def test_total_larger_than_a_batch_is_published(pipeline: Pipeline) -> None:
    calls = [call("first"), call("large", 600 * KIB), call("last"), call("larger", 800 * KIB)]
    assert await published(pipeline, [calls]) == {one.call_id for one in calls}


async def test_gathered_records_have_the_same_size_limit(pipeline: Pipeline) -> None:
    """`send_gathered` raises the same error as `send_all`."""
    for gathered in (True, False):
        producing = RecoveringProducer(lambda: make_producer(pipeline.kafka))
        send = producing.send_gathered if gathered else producing.send_all
        with pytest.raises(MessageSizeTooLargeError):
            await send(CALL_TOTALS.name, [(b"key", b"x" * (MAX_RECORD_BYTES + 1))])
        await producing.close()
