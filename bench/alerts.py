"""Alert latency: from the event that crosses a threshold to the topic of alerts.

The load is that of the latency part, but every hundredth event charges a user up to the limit,
which raises two alerts: more than this many calls would raise. There is one worker without a
backlog; the clock starts at the event's own `time`. Each round has its own broker and database, and
an unmeasured warm-up of some seconds.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from bench.broker import Broker
from bench.context import BenchContext, InvalidRunError
from bench.databases import open_database
from bench.durable import wait_counted, warm_up
from bench.events import CALLS, LoadEmitter, LoadRecord, partition_of
from bench.figures import percentile
from bench.latency import LINGER_MS
from bench.workers import running_workers
from devkit.simulation.wire import time_text, uuid7
from messaging.kafka import AIOKafkaConsumer, make_consumer, make_producer
from schemas.topics import BUDGET_ALERTS, CALL_EVENTS

EVENTS_PER_SECOND: Final = 1_000
ALERTS_PER_SECOND: Final = 20
EVENTS: Final = 10 * EVENTS_PER_SECOND
"""The number of events in a round."""
_WARM_UP_EVENTS: Final = 5 * EVENTS_PER_SECOND
_CHARGE_INTERVAL: Final = 100
_ALERTS_PER_CHARGE: Final = 2
RESPONSE_SECONDS_MAX: Final = 30
READ_MS: Final = 20
_ENCODING_SECONDS: Final = 2
_MS: Final = timedelta(milliseconds=1)
_SETTINGS: Final = """
    INSERT INTO user_budget_settings (user_id, daily_limit_nano, daily_limit_version)
    SELECT 'alerted-' || number, 5000000000, 1 FROM generate_series(0, $1) AS number
"""


class _Data(msgspec.Struct, rename="camel"):
    event_time: datetime
    committed_at: datetime
    published_at: datetime


class _Alert(msgspec.Struct):
    data: _Data


_decode: Final = msgspec.json.Decoder(_Alert).decode


class AlertLoad(NamedTuple):
    """The events of one round; `before` is how many were sent already."""

    number: int
    events: int
    before: int = 0


class AlertLatencies(NamedTuple):
    """Milliseconds from each event's time to its alert's commit, publishing and arrival."""

    committed_ms: list[float]
    published_ms: list[float]
    arrived_ms: list[float]


async def measure_alerts(context: BenchContext) -> list[AlertLatencies]:
    """Send a fixed load to one worker repeatedly; raises InvalidRunError."""
    runs = []
    for number in range(1, context.options.runs + 1):
        context.progress.title(f"alerts, round {number} of {context.options.runs}")
        runs.append(await _round(context, number))
        context.progress.result(f"{percentile(runs[-1].arrived_ms, 50):.0f} ms to the topic")
    return runs


async def _round(context: BenchContext, number: int) -> AlertLatencies:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(context.broker())
        url = await stack.enter_async_context(context.databases.fresh())
        connection = await stack.enter_async_context(open_database(url))
        await connection.execute(_SETTINGS, (_WARM_UP_EVENTS + EVENTS) // _CHARGE_INTERVAL)
        workers = await stack.enter_async_context(running_workers(context, 1, broker, url))
        context.progress.update("the worker starts and reads the warm-up")
        await workers.wait_assigned(connection)
        await warm_up(context, broker, connection, workers)
        consumer = make_consumer(broker.kafka, BUDGET_ALERTS.name, group=None)
        await consumer.start()
        stack.push_async_callback(consumer.stop)
        context.progress.update(f"{EVENTS_PER_SECOND:,} events/s, first unmeasured, then measured")
        await _measure(context, broker, consumer, AlertLoad(number, _WARM_UP_EVENTS))
        measured = await _measure(
            context, broker, consumer, AlertLoad(number, EVENTS, _WARM_UP_EVENTS)
        )
        await wait_counted(
            connection, workers, len(context.load.warm_up) + _WARM_UP_EVENTS + EVENTS
        )
        await _check(
            connection, (_WARM_UP_EVENTS + EVENTS) // _CHARGE_INTERVAL * _ALERTS_PER_CHARGE
        )
        await workers.stop()
    return measured


async def _check(connection: asyncpg.Connection, expected: int) -> None:
    found = await connection.fetchval("SELECT count(*) FROM budget_alerts")
    if found != expected:
        raise InvalidRunError(f"{found} alerts instead of {expected}")


async def _measure(
    context: BenchContext, broker: Broker, consumer: AIOKafkaConsumer, load: AlertLoad
) -> AlertLatencies:
    expected = load.events // _CHARGE_INTERVAL * _ALERTS_PER_CHARGE
    try:
        reading = asyncio.create_task(_read(consumer, expected))
        await send_load(context, broker, load)
        async with asyncio.timeout(RESPONSE_SECONDS_MAX):
            return await reading
    except TimeoutError:
        raise InvalidRunError("some alerts did not arrive") from None


async def _read(consumer: AIOKafkaConsumer, expected: int) -> AlertLatencies:
    found = AlertLatencies([], [], [])
    while len(found.arrived_ms) < expected:
        polled = await consumer.getmany(timeout_ms=READ_MS)
        arrived = datetime.now(UTC)
        for records in polled.values():
            for record in records:
                alert = _decode(record.value).data
                found.committed_ms.append((alert.committed_at - alert.event_time) / _MS)
                found.published_ms.append((alert.published_at - alert.event_time) / _MS)
                found.arrived_ms.append((arrived - alert.event_time) / _MS)
    return found


async def send_load(context: BenchContext, broker: Broker, load: AlertLoad) -> None:
    """Send events on schedule; every hundredth one reaches a limit."""
    producer: Any = make_producer(broker.kafka, linger_ms=LINGER_MS[context.options.broker])
    await producer.start()
    try:
        began = time.monotonic() + _ENCODING_SECONDS
        began_ms = time.time_ns() // 1_000_000 + _ENCODING_SECONDS * 1_000
        sent = []
        for number, record in enumerate(_encode_events(context, load, began_ms)):
            await _sleep_until(began + number / EVENTS_PER_SECOND)
            sent.append(
                await producer.send(
                    CALL_EVENTS.name, record.value, key=record.key, partition=record.partition
                )
            )
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    if time.monotonic() - began > 2 * load.events / EVENTS_PER_SECOND:
        raise InvalidRunError("the load could not be sent in time")


def _encode_events(context: BenchContext, load: AlertLoad, began_ms: int) -> list[LoadRecord]:
    """Encode the events of a round in advance, to use less CPU while measuring."""
    emitter = LoadEmitter(context.options.seed + 100 * load.number + load.before, 0)
    records = []
    for number in range(load.events):
        due_ms = began_ms + number * 1_000 // EVENTS_PER_SECOND
        if number % _CHARGE_INTERVAL:
            records.append(emitter.cost_at(emitter.rng.randrange(CALLS), due_ms))
        else:
            user = (load.before + number) // _CHARGE_INTERVAL
            records.append(_charge(emitter, user, due_ms))
    return records


def _charge(emitter: LoadEmitter, user: int, time_ms: int) -> LoadRecord:
    """Return a charge of the user's daily limit."""
    key = f"alerted-{user}".encode()
    value = (
        f'{{"specversion":"1.0","id":"{uuid7(time_ms, emitter.rng)}","source":"billing",'
        f'"type":"call.charged","time":"{time_text(time_ms)}","data":{{"callId":"alerted-{user}",'
        f'"userId":"alerted-{user}","amount":5,"fee":0.445}}}}'
    )
    return LoadRecord(partition_of(key), key, value.encode())


async def _sleep_until(moment: float) -> None:
    remaining = moment - time.monotonic()
    if remaining > 0:
        await asyncio.sleep(remaining)
