"""How long an event takes to its commit, and to the topic of totals, at a fixed offered load.

One worker that has no backlog; events sent one by one on a fixed schedule, whatever happens to the
ones before. Each of them is the only one of its call in the run, so the first total of that call
that was made after it contains it. The clock starts at the event's own `time`, which is the moment
it was due to be sent: a late sender would show, and not be left out.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

from bench.broker import Broker
from bench.databases import open_database
from bench.durable import wait_counted, warm_up
from bench.events import CALLS, Emitter
from bench.figures import percentile
from bench.stage import InvalidRunError, Stage
from bench.workers import running_workers
from schemas.topics import CALL_EVENTS, CALL_TOTALS
from streams.kafka import AIOKafkaConsumer, make_consumer, make_producer

EVENTS_PER_SECOND: Final = 1_000
LINGER_MS: Final = 20
"""How long the emitter gathers events, which is part of what is measured; as long as our own totals
wait. A shorter one costs a broker more requests than it saves time."""
_SECONDS: Final = 10
_SETTLE_SECONDS: Final = 1
_ANSWER_SECONDS_MAX: Final = 30
_READ_MS: Final = 50
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class _Total(msgspec.Struct, rename="camel"):
    call_id: str
    updated_at: datetime


_decode: Final = msgspec.json.Decoder(_Total).decode


class Latencies(NamedTuple):
    """Milliseconds from each event's time to its commit, and to its arrival as a total."""

    committed_ms: list[float]
    published_ms: list[float]


async def measure_latency(stage: Stage) -> list[Latencies]:
    """Offer a fixed load to one worker, again and again; raises InvalidRunError."""
    stage.narrator.title("latency")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(stage.broker())
        url = await stack.enter_async_context(stage.databases.fresh())
        connection = await stack.enter_async_context(open_database(url))
        workers = await stack.enter_async_context(running_workers(stage, 1, broker, url))
        stage.narrator.say("the worker starts, and is told of the calls")
        await workers.wait_assigned(connection)
        await warm_up(stage, broker, connection, workers)
        runs = []
        counted = len(stage.load.warm_up)
        for number in range(1, stage.options.runs + 1):
            await asyncio.sleep(_SETTLE_SECONDS)
            stage.narrator.title(f"latency, round {number} of {stage.options.runs}")
            stage.narrator.say(f"{EVENTS_PER_SECOND:,} events/s for {_SECONDS} s")
            runs.append(await _measure(stage, broker, number))
            counted += EVENTS_PER_SECOND * _SECONDS
            await wait_counted(connection, workers, counted)
            stage.narrator.result(f"{percentile(runs[-1].committed_ms, 50):.0f} ms to the commit")
        await workers.stop()
    return runs


async def _measure(stage: Stage, broker: Broker, number: int) -> Latencies:
    consumer = make_consumer(broker.kafka, CALL_TOTALS.name, group=None)
    await consumer.start()
    try:
        watch = _Watch(consumer)
        reading = asyncio.create_task(watch.run())
        await _offer(stage, broker, watch, number)
        async with asyncio.timeout(_ANSWER_SECONDS_MAX):
            await reading
    except TimeoutError:
        raise InvalidRunError("not every event came out as a total") from None
    finally:
        await consumer.stop()
    return watch.latencies


class _Watch:
    """Reads the topic of totals until every event that was sent has come out."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._due: dict[str, datetime] = {}
        self._all_sent = False
        self.latencies = Latencies([], [])

    def expect(self, call_id: str, due: datetime) -> None:
        """Wait for a total of this call that was made after `due`."""
        self._due[call_id] = due

    def all_sent(self) -> None:
        """Be done once nothing more is awaited."""
        self._all_sent = True

    async def run(self) -> None:
        while not self._all_sent or self._due:
            polled = await self._consumer.getmany(timeout_ms=_READ_MS)
            arrived = datetime.now(UTC)
            for records in polled.values():
                for record in records:
                    self._take(_decode(record.value), arrived)

    def _take(self, total: _Total, arrived: datetime) -> None:
        due = self._due.get(total.call_id)
        if due is not None and total.updated_at >= due:
            del self._due[total.call_id]
            self.latencies.committed_ms.append((total.updated_at - due) / _MS)
            self.latencies.published_ms.append((arrived - due) / _MS)


async def _offer(stage: Stage, broker: Broker, watch: _Watch, number: int) -> None:
    """Send events on schedule; each of another call."""
    events = EVENTS_PER_SECOND * _SECONDS
    seed = stage.options.seed + number
    calls = Random(seed).sample(range(CALLS), events)
    emitter = Emitter(seed, 0)
    producer: Any = make_producer(broker.kafka, linger_ms=LINGER_MS)
    await producer.start()
    try:
        began, began_ms = time.monotonic(), time.time_ns() // 1_000_000
        sent = []
        for place, call in enumerate(calls):
            await _until(began + place / EVENTS_PER_SECOND)
            due_ms = began_ms + place * 1_000 // EVENTS_PER_SECOND
            record = emitter.cost_at(call, due_ms)
            watch.expect(emitter.call_id(call), _EPOCH + due_ms * _MS)
            sent.append(
                await producer.send(
                    CALL_EVENTS.name, record.value, key=record.key, partition=record.partition
                )
            )
        await asyncio.gather(*sent)
        watch.all_sent()
    finally:
        await producer.stop()
    if time.monotonic() - began > 2 * _SECONDS:
        raise InvalidRunError("the load could not be offered in time")


async def _until(moment: float) -> None:
    rest = moment - time.monotonic()
    if rest > 0:
        await asyncio.sleep(rest)
