"""Broker latency: from an event's time to a consumer that does nothing else.

The load is that of the alerts part, without a worker. The difference to the alerts part is our own
time. The rounds share one log: their broker times show whether a longer log costs more.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from bench.alerts import EVENTS, READ_MS, RESPONSE_SECONDS_MAX, AlertLoad, send_load
from bench.broker import fill
from bench.context import BenchContext, InvalidRunError
from bench.figures import percentile
from bench.machine import CpuMeter
from messaging.kafka import AIOKafkaConsumer, make_consumer
from schemas.topics import CALL_EVENTS

_MS: Final = timedelta(milliseconds=1)


class _Event(msgspec.Struct):
    time: datetime


_decode: Final = msgspec.json.Decoder(_Event).decode


class BrokerLatency(NamedTuple):
    """One round: milliseconds from event to consumer, and CPU seconds of the broker."""

    milliseconds: list[float]
    broker_seconds: float


async def measure_delivery(context: BenchContext) -> list[BrokerLatency]:
    """Read a fixed load with a consumer repeatedly; raises InvalidRunError."""
    runs = []
    async with context.broker() as broker:
        await fill(broker, CALL_EVENTS.name, context.load.warm_up)
        consumer = make_consumer(broker.kafka, CALL_EVENTS.name, group=None)
        await consumer.start()
        try:
            await _read(consumer, len(context.load.warm_up))
            for number in range(1 + context.options.runs):
                context.progress.title(f"delivery, round {number} of {context.options.runs}")
                meter = CpuMeter({"broker": [broker.pid]})
                reading = asyncio.create_task(_read(consumer, EVENTS))
                await send_load(context, broker, AlertLoad(number, EVENTS))
                async with asyncio.timeout(RESPONSE_SECONDS_MAX):
                    found = await reading
                runs.append(BrokerLatency(found, meter.read().seconds["broker"]))
                context.progress.result(f"{percentile(found, 50):.0f} ms to a consumer")
        except TimeoutError:
            raise InvalidRunError("some events did not arrive") from None
        finally:
            await consumer.stop()
    return runs[1:]


async def _read(consumer: AIOKafkaConsumer, count: int) -> list[float]:
    found: list[float] = []
    while len(found) < count:
        polled = await consumer.getmany(timeout_ms=READ_MS)
        arrived = datetime.now(UTC)
        for records in polled.values():
            found += [(arrived - _decode(record.value).time) / _MS for record in records]
    return found
