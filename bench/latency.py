"""Latency from an event to its commit and to the topic of totals, at fixed loads.

There is one worker without a backlog. Each round has its own broker, because the embedded one slows
down as its log grows. Events are sent on a fixed schedule, independently of earlier ones. Some are
the only events of their calls in the run: the first total of such a call after its event contains
it. The clock starts at the event's own `time`, its scheduled time, so a late sender is visible in
the result.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

from bench.broker import Broker
from bench.context import BenchContext, InvalidRunError
from bench.databases import open_database
from bench.durable import wait_counted, warm_up
from bench.events import CALLS, Emitter, Record
from bench.figures import percentile
from bench.machine import CpuMeter, CpuUse
from bench.workers import Workers, running_workers
from messaging.kafka import AIOKafkaConsumer, make_consumer, make_producer
from schemas.topics import CALL_EVENTS, CALL_TOTALS

LOADS: Final = (1_000, 10_000)
"""Events per second."""
LINGER_MS: Final = 20
"""The linger time of the emitter, which is part of the latency; the same as for our own totals. A
shorter one costs the broker more in requests than it saves."""
SECONDS: Final = 10
_WATCHED_EVENTS: Final = 2_000
_SETTLE_SECONDS: Final = 1
_ENCODING_US: Final = 25
"""The maximum time to encode an event, before measuring."""
_ARRIVAL_SECONDS_MAX: Final = 30
_READ_MS: Final = 50
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class _Total(msgspec.Struct, rename="camel"):
    call_id: str
    updated_at: datetime


_decode: Final = msgspec.json.Decoder(_Total).decode


class Latencies(NamedTuple):
    """Milliseconds from watched events' times to their commit, and to their arrival as totals.

    `cpu` is the CPU time of worker, database and broker while events were sent.
    """

    committed_ms: list[float]
    published_ms: list[float]
    cpu: CpuUse


class _Due(NamedTuple):
    """An event and its scheduled time, in milliseconds since 1970; `call` if it is watched."""

    at_ms: int
    record: Record
    call: str | None


async def measure_latencies(context: BenchContext) -> dict[int, list[Latencies]]:
    """Return the rounds by load, in events per second; raises InvalidRunError."""
    return {load: await _rounds(context, load) for load in LOADS}


async def _rounds(context: BenchContext, load: int) -> list[Latencies]:
    """Run the rounds of one load."""
    runs = []
    for number in range(1, context.options.runs + 1):
        context.progress.title(
            f"latency at {load:,} events/s, round {number} of {context.options.runs}"
        )
        runs.append(await _round(context, load, context.options.seed + number))
        context.progress.result(f"{percentile(runs[-1].committed_ms, 50):.0f} ms to the commit")
    return runs


async def _round(context: BenchContext, load: int, seed: int) -> Latencies:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(context.broker())
        url = await stack.enter_async_context(context.databases.fresh())
        connection = await stack.enter_async_context(open_database(url))
        workers = await stack.enter_async_context(running_workers(context, 1, broker, url))
        context.progress.update("the worker starts and reads the warm-up")
        await workers.wait_assigned(connection)
        await warm_up(context, broker, connection, workers)
        await asyncio.sleep(_SETTLE_SECONDS)
        context.progress.update(f"{load:,} events/s for {SECONDS} s")
        run = await _measure(context, broker, workers, load, seed)
        await wait_counted(connection, workers, len(context.load.warm_up) + load * SECONDS)
        await workers.stop()
    return run


async def _measure(
    context: BenchContext, broker: Broker, workers: Workers, load: int, seed: int
) -> Latencies:
    consumer = make_consumer(broker.kafka, CALL_TOTALS.name, group=None)
    await consumer.start()
    try:
        await _read_existing(consumer)
        events = _encode_events(load, seed, time.time_ns() // 1_000_000)
        watch = _Watch(consumer, events)
        reading = asyncio.create_task(watch.run())
        meter = CpuMeter(
            {
                "Python": workers.pids,
                "PostgreSQL": [context.databases.server_pid],
                "broker": [broker.pid],
            }
        )
        await _send_on_schedule(broker, events)
        cpu = meter.read()
        async with asyncio.timeout(_ARRIVAL_SECONDS_MAX):
            await reading
    except TimeoutError:
        raise InvalidRunError("some events did not arrive as totals") from None
    finally:
        await consumer.stop()
    return Latencies(watch.committed_ms, watch.published_ms, cpu)


async def _read_existing(consumer: AIOKafkaConsumer) -> None:
    """Read all existing records, so that they do not disturb the measurement."""
    while await consumer.getmany(timeout_ms=1_000 * _SETTLE_SECONDS):
        pass


class _Watch:
    """Reads the topic of totals until every watched event has arrived."""

    def __init__(self, consumer: AIOKafkaConsumer, events: Sequence[_Due]) -> None:
        self._consumer = consumer
        self._due = {event.call: _EPOCH + event.at_ms * _MS for event in events if event.call}
        self.committed_ms: list[float] = []
        self.published_ms: list[float] = []

    async def run(self) -> None:
        while self._due:
            polled = await self._consumer.getmany(timeout_ms=_READ_MS)
            arrived = datetime.now(UTC)
            for records in polled.values():
                for record in records:
                    self._note_arrival(_decode(record.value), arrived)

    def _note_arrival(self, total: _Total, arrived: datetime) -> None:
        due = self._due.get(total.call_id)
        if due is not None and total.updated_at >= due:
            del self._due[total.call_id]
            self.committed_ms.append((total.updated_at - due) / _MS)
            self.published_ms.append((arrived - due) / _MS)


def _encode_events(load: int, seed: int, now_ms: int) -> list[_Due]:
    """Encode the events of a round; the first is due when encoding is certainly finished."""
    count = load * SECONDS
    rng, emitter = Random(seed), Emitter(seed, 0)
    start_ms = now_ms + count * _ENCODING_US // 1_000 + 100
    calls = rng.sample(range(CALLS), CALLS)
    watched, others = calls[:_WATCHED_EVENTS], calls[_WATCHED_EVENTS:]
    events = []
    for number in range(count):
        at_ms = start_ms + number * 1_000 // load
        is_watched = number % (count // _WATCHED_EVENTS) == 0
        call = watched.pop() if is_watched else rng.choice(others)
        record = emitter.cost_at(call, at_ms)
        events.append(_Due(at_ms, record, emitter.call_id(call) if is_watched else None))
    return events


async def _send_on_schedule(broker: Broker, events: Sequence[_Due]) -> None:
    """Send events on schedule, grouped by `LINGER_MS`."""
    producer: Any = make_producer(broker.kafka)
    await producer.start()
    try:
        first_ms = events[0].at_ms
        began = time.monotonic() + first_ms / 1_000 - time.time()
        if began < time.monotonic():
            raise InvalidRunError("encoding the events took too long")
        sent = []
        for turn, due in groupby(events, lambda one: (one.at_ms - first_ms) // LINGER_MS):
            await _sleep_until(began + (turn + 1) * LINGER_MS / 1_000)
            sent += await _send([one.record for one in due], producer)
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    if time.monotonic() - began > 2 * SECONDS:
        raise InvalidRunError("the load could not be sent in time")


async def _send(records: Sequence[Record], producer: Any) -> list[Any]:
    batches: dict[int, Any] = {}
    for record in records:
        batch = batches.get(record.partition)
        if batch is None:
            batch = batches[record.partition] = producer.create_batch()
        batch.append(timestamp=None, key=record.key, value=record.value)
    return [
        await producer.send_batch(batch, CALL_EVENTS.name, partition=partition)
        for partition, batch in batches.items()
    ]


async def _sleep_until(moment: float) -> None:
    remaining = moment - time.monotonic()
    if remaining > 0:
        await asyncio.sleep(remaining)
