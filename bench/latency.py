"""Latency from an event to its commit, to the topic of totals and to a socket, at fixed loads.

One worker without a backlog and one API run. Each round has its own broker, because the embedded
one slows down as its log grows. Events are sent on a fixed schedule, independently of earlier ones;
those of some users are watched, each the only one of its call in the round. The clock starts at the
event's own `time`, its scheduled time, so a late sender is visible in the result.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any, Final, NamedTuple

from bench.broker import Broker
from bench.context import BenchContext, InvalidRunError
from bench.databases import open_database
from bench.durable import wait_counted, warm_up
from bench.events import CALLS, USERS, LoadEmitter, LoadRecord
from bench.figures import percentile
from bench.live import running_live_api
from bench.live_clients import upgrade
from bench.machine import CpuMeter, CpuUse
from bench.options import BrokerName
from bench.watched_events import Moments, WatchedEvents
from bench.workers import running_workers
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.tokens import mint
from messaging.kafka import AIOKafkaConsumer, make_consumer, make_producer
from schemas.topics import CALL_EVENTS, CALL_TOTALS

LOADS: Final = (1_000, 5_000, 20_000)
"""Events per second."""
LINGER_MS: Final[dict[BrokerName, int]] = {"apache": 5, "tansu": 20}
"""The linger time of the emitter, which is part of the latency. A shorter one costs the embedded
broker more in requests than it saves."""
SECONDS: Final = 10
WATCHED_USERS: Final = 200
_SETTLE_SECONDS: Final = 1
_ENCODING_US: Final = 25
"""The maximum time to encode an event, before measuring."""
_ARRIVAL_SECONDS_MAX: Final = 30
_TOKEN_SECONDS: Final = 3_600
_SECRET_BYTES: Final = 48
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class Latencies(NamedTuple):
    """The moments of the watched events of a round.

    `cpu` is the CPU time of worker, API, database and broker while events were sent.
    """

    moments: list[Moments]
    cpu: CpuUse


class _Due(NamedTuple):
    """An event and its scheduled time, in milliseconds since 1970; `call` if it is watched."""

    at_ms: int
    record: LoadRecord
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
        received_ms = [one.received for one in runs[-1].moments]
        context.progress.result(f"{percentile(received_ms, 50):.0f} ms to the socket")
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
        context.progress.update("the API starts, and sockets open")
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        api = running_live_api(context, broker, url, secret)
        port, process = await stack.enter_async_context(api)
        watched = WatchedEvents()
        stack.callback(watched.close)
        await watched.open(port, _upgrades(secret))
        consumer = make_consumer(broker.kafka, CALL_TOTALS.name, group=None)
        await consumer.start()
        stack.push_async_callback(consumer.stop)
        await _read_existing(consumer)
        context.progress.update(f"{load:,} events/s for {SECONDS} s")
        events = _encode_events(load, seed, time.time_ns() // 1_000_000)
        watched.expect({e.call: _EPOCH + e.at_ms * _MS for e in events if e.call})
        following = asyncio.create_task(watched.follow(consumer))
        stack.push_async_callback(_cancel, following)
        meter = CpuMeter(
            {
                "Python": workers.pids,
                "API": [process.pid],
                "PostgreSQL": [context.databases.server_pid],
                "broker": [broker.pid],
            }
        )
        await _send_on_schedule(broker, events, LINGER_MS[context.options.broker])
        cpu = meter.read()
        try:
            async with asyncio.timeout(_ARRIVAL_SECONDS_MAX):
                await following
        except TimeoutError:
            raise InvalidRunError(
                "watched events did not reach Kafka or a socket in time"
            ) from None
        await wait_counted(connection, workers, len(context.load.warm_up) + load * SECONDS)
        moments = await watched.moments(connection)
        await workers.stop()
    return Latencies(moments, cpu)


async def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task that reads, before its consumer stops; no error if it has ended."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _upgrades(secret: str) -> list[bytes]:
    """Return the upgrade requests of the watched users."""
    tokens, emitter = TokenSection(secret=Secret(secret)), LoadEmitter(0, 0)
    users = map(emitter.user_of, range(WATCHED_USERS))
    return [upgrade(mint(tokens, user, ttl_seconds=_TOKEN_SECONDS)) for user in users]


async def _read_existing(consumer: AIOKafkaConsumer) -> None:
    """Read all existing records, so that they do not disturb the measurement."""
    while await consumer.getmany(timeout_ms=1_000 * _SETTLE_SECONDS):
        pass


def _encode_events(load: int, seed: int, now_ms: int) -> list[_Due]:
    """Encode the events of a round; the first is due when encoding is certainly finished."""
    count = load * SECONDS
    rng, emitter = Random(seed), LoadEmitter(seed, 0)
    start_ms = now_ms + count * _ENCODING_US // 1_000 + 100
    calls = rng.sample(range(CALLS), CALLS)
    watched = [call for call in calls if call % USERS < WATCHED_USERS]
    others = [call for call in calls if call % USERS >= WATCHED_USERS]
    interval = count // len(watched)
    events = []
    for number in range(count):
        at_ms = start_ms + number * 1_000 // load
        is_watched = bool(watched) and number % interval == 0
        call = watched.pop() if is_watched else rng.choice(others)
        record = emitter.cost_at(call, at_ms)
        events.append(_Due(at_ms, record, emitter.call_id(call) if is_watched else None))
    return events


async def _send_on_schedule(broker: Broker, events: Sequence[_Due], linger_ms: int) -> None:
    """Send events on schedule, grouped by the linger time."""
    producer: Any = make_producer(broker.kafka)
    await producer.start()
    try:
        first_ms = events[0].at_ms
        began = time.monotonic() + first_ms / 1_000 - time.time()
        if began < time.monotonic():
            raise InvalidRunError("encoding the events took too long")
        sent = []
        for turn, due in groupby(events, lambda one: (one.at_ms - first_ms) // linger_ms):
            await _sleep_until(began + (turn + 1) * linger_ms / 1_000)
            sent += await send_records([one.record for one in due], producer)
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    if time.monotonic() - began > 2 * SECONDS:
        raise InvalidRunError("the load could not be sent in time")


async def send_records(records: Sequence[LoadRecord], producer: Any) -> list[Any]:
    """Send records in one batch for each partition; returns futures of their confirmation."""
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
