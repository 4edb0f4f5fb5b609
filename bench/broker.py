"""A new broker for each run, and the events that are stored in it before measuring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.events import LoadRecord
from bench.options import BrokerName
from cost_analytics.configuration.kafka_section import KafkaSection
from devkit.embedded import kafka_jars
from devkit.embedded.apache_kafka import ApacheKafka
from devkit.embedded.tansu import EmbeddedTansu
from messaging.kafka import KafkaSettings, ensure_topics, make_producer

SESSION_TIMEOUT_MS: Final = 10_000
"""Workers are frozen while the topic is filled and must not lose their session. The embedded
broker lets a new group wait for half of this time, so it is no longer than necessary."""
_HEARTBEAT_INTERVAL_MS: Final = 1_000
_REBALANCE_TIMEOUT_MS: Final = 3_000
FETCH_MAX_WAIT_MS: Final[dict[BrokerName, int]] = {"apache": 100, "tansu": 20}
"""The embedded broker polls for records after a half of the wait, three quarters, and so on. Such a
short wait is unsuitable for long runs: as the log grows, each poll takes longer."""
_RECORDS_PER_BATCH: Final = 100
"""The batch of an emitter with a linger time of some milliseconds."""
_APACHE_JARS: Final = Path(".local/kafka/lib")


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker with the product's topics: its address and its process."""

    kafka: KafkaSettings
    pid: int

    def variables(self) -> dict[str, str]:
        """Return the settings of commands that use this broker."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_IDEMPOTENT": str(self.kafka.idempotent).lower(),
            "KAFKA_SESSION_TIMEOUT_MS": str(self.kafka.session_timeout_ms),
            "KAFKA_HEARTBEAT_INTERVAL_MS": str(self.kafka.heartbeat_interval_ms),
            "KAFKA_REBALANCE_TIMEOUT_MS": str(self.kafka.rebalance_timeout_ms),
            "KAFKA_FETCH_MAX_WAIT_MS": str(self.kafka.fetch_max_wait_ms),
        }


def version_of(name: BrokerName) -> str:
    """Return the name of a broker in a report."""
    return f"Apache Kafka {kafka_jars.version()}" if name == "apache" else "Tansu (in memory)"


def missing_requirement(name: BrokerName) -> str | None:
    """Return why this broker cannot run here, None if it can."""
    return kafka_jars.missing_requirement(_APACHE_JARS.absolute()) if name == "apache" else None


@asynccontextmanager
async def fresh_broker(name: BrokerName, directory: Path) -> AsyncIterator[Broker]:
    """Run an empty broker with the product's topics during a block.

    Apache Kafka runs with little JIT compilation: otherwise a new broker compiles for minutes, and
    takes a core for up to a third of a second each time.
    """
    server = (
        ApacheKafka(directory, jars=_APACHE_JARS, short_lived=True)
        if name == "apache"
        else EmbeddedTansu(directory)
    )
    async with server:
        kafka = KafkaSection(
            bootstrap_servers=server.address,
            idempotent=name == "apache",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=_HEARTBEAT_INTERVAL_MS,
            rebalance_timeout_ms=_REBALANCE_TIMEOUT_MS,
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS[name],
        ).client()
        await ensure_topics(kafka)
        yield Broker(kafka, server.process.pid)


async def fill(broker: Broker, topic: str, records: Sequence[LoadRecord]) -> None:
    """Store records in a topic, each in its partition and in order, and wait until all are stored.

    Raises KafkaError.
    """
    producer = make_producer(broker.kafka)
    await producer.start()
    try:
        by_partition: dict[int, list[LoadRecord]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        await asyncio.gather(
            *(_fill_partition(producer, topic, *share) for share in by_partition.items())
        )
    finally:
        await producer.stop()


async def _fill_partition(
    producer: Any, topic: str, partition: int, records: Sequence[LoadRecord]
) -> None:
    sent = []
    for start in range(0, len(records), _RECORDS_PER_BATCH):
        batch = producer.create_batch()
        for record in records[start : start + _RECORDS_PER_BATCH]:
            batch.append(timestamp=None, key=record.key, value=record.value)
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*sent)
