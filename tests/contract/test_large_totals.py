"""A total that is too large for its topic is left out of what is published; all others are told."""

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
from tests.support.streaming import Stage

NOW = datetime.now(UTC)
KIB = 1024


def call(name: str, size: int = 0, version: int = 1) -> Call:
    """Return a call whose total has at least so many bytes: many services with long names."""
    services = {f"{number:08}" * 32: 1 for number in range(size // 256)}
    return Call(call_id=name, user_id="alice", costs={"2026-03-14": services}, version=version)


async def published(stage: Stage, rounds: list[list[Call]]) -> set[str]:
    """Publish what batches changed until no outbox row is left; return the calls in the topic."""

    async def opened() -> Connection:
        return await connect(stage.database_url, name="tests")

    async def settled() -> bool:
        return not await fetch(stage.database_url, "SELECT FROM totals_outbox")

    producing, stop = RecoveringProducer(lambda: make_producer(stage.kafka)), asyncio.Event()
    publisher = TotalsPublisher(producing, opened, lambda: False)
    running = asyncio.create_task(publisher.run(stop))
    try:
        for calls in rounds:
            insert = "INSERT INTO totals_outbox (worker_id, call_ids) VALUES ('w', $1) RETURNING id"
            names = [one.call_id for one in calls]
            ((row,),) = await fetch(stage.database_url, insert, names)
            publisher.submit(BatchOutcome(outbox_id=row, changed=calls, committed_at=NOW))
            await until(settled)
    finally:
        stop.set()
        await running
        await producing.close()
    return {one.key.decode() for one in await stage.read_all(CALL_TOTALS.name)}


def left_out(caplog: pytest.LogCaptureFixture) -> int:
    """Return how many totals the log says were left out; at least so often, as halves are tried."""
    return len([one for one in caplog.records if one.__dict__.get("action") == "total_too_large"])


def replaced(caplog: pytest.LogCaptureFixture) -> int:
    return len([one for one in caplog.records if one.__dict__.get("action") == "producer_replaced"])


async def test_a_total_above_what_the_topic_takes(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the broker knows how much that is; the embedded one takes more."""
    small = [call(f"call-{number}") for number in range(300)]
    calls = [*small[:100], call("large", 1_200 * KIB), *small[100:]]
    with caplog.at_level(logging.WARNING):
        told = await published(stage, [calls])
        assert told - {"large"} == {one.call_id for one in small}
        assert ("large" in told) == (left_out(caplog) == 0)
        assert ("large" in told) == (stage.broker == "Tansu")


async def test_a_total_above_what_a_request_takes(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """It is known before it is sent, so no producer is lost over it."""
    calls = [call("first"), call("large", MAX_RECORD_BYTES), call("last")]
    with caplog.at_level(logging.WARNING):
        assert await published(stage, [calls]) == {"first", "last"}
    assert (left_out(caplog), replaced(caplog)) == (1, 0)


async def test_what_is_as_large_is_not_tried_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Each try fails the producer and all that it was sending."""
    with caplog.at_level(logging.WARNING):
        await published(stage, [[call("large", 1_200 * KIB)]])
        once = replaced(caplog)
        caplog.clear()
        rounds = [
            [call("large", 1_200 * KIB, version), call(f"c-{version}")] for version in (1, 2, 3)
        ]
        told = await published(stage, rounds)
    assert {"c-1", "c-2", "c-3"} <= told
    assert once == (0 if stage.broker == "Tansu" else 1)
    assert replaced(caplog) <= 2 * once


async def test_a_total_larger_than_a_batch_is_published(stage: Stage) -> None:
    calls = [call("first"), call("large", 600 * KIB), call("last"), call("larger", 800 * KIB)]
    assert await published(stage, [calls]) == {one.call_id for one in calls}


async def test_a_gathered_record_is_bounded_as_any_other(stage: Stage) -> None:
    """Those who gather hear of it as those who send record by record do."""
    for gathered in (True, False):
        producing = RecoveringProducer(lambda: make_producer(stage.kafka))
        send = producing.send_gathered if gathered else producing.send_all
        with pytest.raises(MessageSizeTooLargeError):
            await send(CALL_TOTALS.name, [(b"key", b"x" * (MAX_RECORD_BYTES + 1))])
        await producing.close()
