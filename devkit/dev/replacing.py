"""Replaces the broker of the development instance when its log has become large.

The embedded broker keeps its log in memory, never truncates it, and reads more slowly as it grows.
So another broker replaces it behind the same address, and takes over acknowledged events that were
not counted yet:

1. A new broker starts and gets its topics. New connections wait; open ones continue.
2. A new worker starts and waits for its connection. The old one finishes its batch and ends.
3. All connections to the old broker are closed, so that it acknowledges nothing more.
4. The events after the stored offsets are copied, and the newest alerts, commands and so on.
5. The address leads to the new broker. Producers reconnect and resend what was not acknowledged;
   an event that arrives twice counts once.

A failure at any point loses nothing: until step 5, the old broker keeps all data and its address.
The new one has another cluster id without stored offsets, so its log is read from the start.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from cost_analytics.configuration.tree import Settings
from devkit.dev.broker import DevBroker
from devkit.dev.parts import RunningParts
from devkit.embedded.ports import LOOPBACK
from devkit.embedded.tansu import EmbeddedTansu
from ledger.operations.totals_topic import publish_totals_again
from ledger.postgres.database import connected
from ledger.recording.offsets import Stream, read_offsets
from messaging.broker_log import BrokerLog, TopicPartitionKey, broker_log, copy_tails
from schemas.topics import ALL_TOPICS, CALL_EVENTS

WORKER: Final = "worker"
LAG_MAX: Final = 10_000
"""The maximum number of records to copy; with more, the replacement waits."""
START_SECONDS_MAX: Final = 10
FINISH_SECONDS_MAX: Final = 1
"""Then the old worker is killed; the new one counts its batch. Events wait meanwhile."""
_SHORT_LOG: Final = 1_000
_KEPT_OF_A_LONG_LOG: Final = 100
_NAME: Final = "cost-analytics dev"


class Replacement(NamedTuple):
    """The number of copied records, and the time without service for clients."""

    records: int
    pause_ms: int


async def replace_broker(
    broker: DevBroker, parts: RunningParts, settings: Settings
) -> Replacement | None:
    """Replace broker and worker; returns None, without changes, if too many events are uncounted.

    Raises KafkaError, ServerError or a database error; the old broker then stays in use.
    """
    old, partitions = broker.current, settings.kafka.topic_partitions
    database_url = settings.database_url.reveal()
    async with broker_log(LOOPBACK, old.port) as source:
        if (
            await source.lag(await _first_uncounted_offsets(old, database_url, partitions))
            > LAG_MAX
        ):
            return None
        new = await broker.start_another()
        try:
            async with broker_log(LOOPBACK, new.port) as target:
                await target.create_topics(partitions)
                broker.proxy.close()
                await _replace_worker(broker, parts)
                cut_ns = time.monotonic_ns()
                await broker.proxy.cut()
                starts = await _first_uncounted_offsets(old, database_url, partitions)
                records = await _copy(source, target, starts, partitions)
        except BaseException:  # in any case, clients return to the old broker
            broker.proxy.open_to(old.port)
            await broker.discard(new)
            raise
    parts.release(old.process)
    parts.watch(new.process)
    broker.use(new)
    pause_ms = (time.monotonic_ns() - cut_ns) // 1_000_000
    await broker.discard(old)
    async with connected(database_url, name=_NAME) as connection:
        retention = timedelta(days=settings.retention.total_days)
        await publish_totals_again(connection, datetime.now(UTC) - retention)
    return Replacement(records, pause_ms)


async def _replace_worker(broker: DevBroker, parts: RunningParts) -> None:
    """Start a worker, which waits for the new broker, then stop the old one in order."""
    old = parts.process(WORKER)
    await parts.start(WORKER, WORKER)
    with suppress(TimeoutError):  # if it is slow, events only wait longer
        await asyncio.wait_for(broker.proxy.has_waiting.wait(), START_SECONDS_MAX)
    await parts.retire(old, FINISH_SECONDS_MAX)


async def _first_uncounted_offsets(
    broker: EmbeddedTansu, database_url: str, partitions: int
) -> dict[TopicPartitionKey, int]:
    """Return the first uncounted offset of each partition."""
    async with connected(database_url, name=_NAME) as connection:
        stored = await read_offsets(connection, Stream(broker.cluster_id, CALL_EVENTS.name))
    return {(CALL_EVENTS.name, n): stored.get(n, 0) for n in range(partitions)}


async def _copy(
    source: BrokerLog, target: BrokerLog, starts: dict[TopicPartitionKey, int], partitions: int
) -> int:
    """Copy uncounted events and the tail of every other log; returns the number of records.

    Totals are not copied but published again, because only the newest total of a call matters.
    """
    others = {
        (topic.name, partition): 0
        for topic in ALL_TOPICS
        if not topic.compacted and topic.name != CALL_EVENTS.name
        for partition in range(partitions)
    }
    for place, piece in (await source.read(others)).items():
        # A short log is copied completely and keeps its offsets, so that consumers can continue.
        others[place] = 0 if piece.end <= _SHORT_LOG else piece.end - _KEPT_OF_A_LONG_LOG
    return await copy_tails(source, target, {**starts, **others})
