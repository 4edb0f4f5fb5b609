"""A broker with the product's topics, a database, and workers between them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import RecordMetadata

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.tree import Settings
from cost_analytics.roots.worker import worker_options
from messaging.kafka import KafkaSettings, ensure_topics, start_consumer
from schemas.topics import ALL_TOPICS, CALL_EVENTS, CALL_TOTALS, DEAD_LETTERS
from streams.worker import WorkerOptions, run_worker
from tests.support.documented_messages import check_record
from tests.support.events import Plain, structured
from tests.support.recording import fetch, until

Record: TypeAlias = ConsumerRecord  # of bytes, not decoded
PARTITIONS = 4
STEP_SECONDS = 60
"""The longest time of a step of a test."""


@dataclass(frozen=True)
class SentRecord:
    """A record to be produced; without a key or a partition the producer chooses."""

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int | None = None

    @classmethod
    def of(cls, one: "Plain | bytes | SentRecord") -> Self:
        """Return a record of an event keyed by its user, or of bytes."""
        if isinstance(one, cls):
            return one
        if isinstance(one, bytes):
            return cls(one)
        assert isinstance(one, dict)
        key = one["data"].get("userId") or one["data"]["callId"]
        return cls(structured(one), str(key).encode())


@dataclass
class Pipeline:
    """`bootstrap` is the broker's address; `idempotent` whether it drops repeated sends."""

    bootstrap: str
    idempotent: bool
    database_url: str

    @property
    def broker(self) -> str:
        """Return the broker's name."""
        return "Apache Kafka" if self.idempotent else "Tansu"

    @property
    def kafka(self) -> KafkaSettings:
        """Return settings by which a lost group member is detected within seconds."""
        return KafkaSection(
            self.bootstrap,
            idempotent=self.idempotent,
            session_timeout_ms=1_500,
            heartbeat_interval_ms=300,
            rebalance_timeout_ms=1_500,
            fetch_max_wait_ms=100 if self.idempotent else 20,
        ).client()

    async def reset_topics(self) -> None:
        """Recreate all topics, empty."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        names = {topic.name for topic in ALL_TOPICS}
        try:
            if existing := names.intersection(await admin.list_topics()):
                await admin.delete_topics(sorted(existing))
                async with asyncio.timeout(STEP_SECONDS):
                    while names.intersection(await admin.list_topics()):
                        await asyncio.sleep(0.05)
        finally:
            await admin.close()
        async with asyncio.timeout(STEP_SECONDS):
            await ensure_topics(self.kafka, partitions=PARTITIONS)

    async def send(
        self, values: Iterable[Plain | bytes | SentRecord], seconds: int = STEP_SECONDS
    ) -> list[RecordMetadata]:
        """Produce events in order; returns their offsets after their acknowledgement."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all",
            enable_idempotence=self.idempotent,
            linger_ms=5,
            max_request_size=2 * 1024 * 1024,
        )
        try:
            await producer.start()
            acknowledgements = [
                await producer.send(
                    CALL_EVENTS.name,
                    record.value,
                    key=record.key,
                    headers=list(record.headers),
                    partition=record.partition,
                )
                for record in map(SentRecord.of, values)
            ]
            async with asyncio.timeout(seconds):
                return await asyncio.gather(*acknowledgements)
        finally:
            await producer.stop()

    async def send_to(self, topic: str, value: bytes) -> None:
        """Produce a record to any topic and wait for its acknowledgement."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all")
        await producer.start()
        try:
            await producer.send_and_wait(topic, value, key=b"key")
        finally:
            await producer.stop()

    async def read(self, topic: str, count: int) -> list[Record]:
        """Return all records of a topic, which must be exactly `count`."""
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self.bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await start_consumer(consumer)
        found: list[Record] = []
        try:
            async with asyncio.timeout(STEP_SECONDS):
                while len(found) < count:
                    for records in (await consumer.getmany(timeout_ms=500)).values():
                        found.extend(records)
            for records in (await consumer.getmany(timeout_ms=300)).values():
                found.extend(records)
        finally:
            await consumer.stop()
        assert len(found) == count
        return found

    async def read_all(self, topic: str) -> list[Record]:
        """Return all records that a topic has now."""
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest"
        )
        await start_consumer(consumer)
        found: list[Record] = []
        try:
            while some := await consumer.getmany(timeout_ms=1_000):
                found += [record for records in some.values() for record in records]
        finally:
            await consumer.stop()
        for record in found:
            check_record(topic, record.value)
        return found

    async def dead_letters(self, count: int) -> list[Record]:
        return await self.read(DEAD_LETTERS.name, count)

    async def newest_totals(self, versions: Mapping[str, int]) -> dict[str, Record]:
        """Return the newest published total of each call, once it has the expected version."""
        newest: dict[str, Record] = {}
        consumer = AIOKafkaConsumer(
            CALL_TOTALS.name, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest"
        )
        await start_consumer(consumer)
        try:
            async with asyncio.timeout(STEP_SECONDS):
                while {name: version_of(record) for name, record in newest.items()} != versions:
                    for records in (await consumer.getmany(timeout_ms=500)).values():
                        newest |= {record.key.decode(): record for record in records}
        finally:
            await consumer.stop()
        return newest

    def options(self, **changes: Any) -> WorkerOptions:
        """Return the options of a worker of this pipeline."""
        options = worker_options(Settings(database_url=Secret(self.database_url)))
        refused_min = changes.pop("refused_min", options.refusal_limit.records_min)
        limit = replace(options.refusal_limit, records_min=refused_min)
        return replace(options, kafka=self.kafka, refusal_limit=limit, **changes)

    @asynccontextmanager
    async def worker(self, **changes: Any) -> AsyncIterator[asyncio.Task[None]]:
        """Run a worker for the length of a block, and stop it afterwards."""
        stop = asyncio.Event()
        task = asyncio.create_task(run_worker(self.options(**changes), stop))
        try:
            yield task
        finally:
            stop.set()
            async with asyncio.timeout(STEP_SECONDS):
                await task

    async def counted(self) -> int:
        """Return how many records are counted, by the stored offsets."""
        rows = await fetch(self.database_url, "SELECT sum(next_offset)::bigint FROM stream_offsets")
        return rows[0][0] or 0

    async def until_counted(
        self,
        records: int,
        worker: asyncio.Task[None] | None = None,
        seconds: int = STEP_SECONDS,
    ) -> None:
        """Wait until this many records are counted; raises at once the error of the worker."""

        async def done() -> bool:
            if worker is not None and worker.done():
                worker.result()
                raise AssertionError("the worker has ended")
            return await self.counted() >= records

        await until(done, seconds)
        assert await self.counted() == records

    async def until_more_than(self, records: int, seconds: int = STEP_SECONDS) -> None:
        """Wait until more records than these are counted."""

        async def more() -> bool:
            return await self.counted() > records

        await until(more, seconds)

    async def holders(self) -> list[list[int]]:
        """Return the partitions of each living worker."""
        query = "SELECT partitions FROM stream_workers ORDER BY worker_id"
        return [row[0] for row in await fetch(self.database_url, query)]


def version_of(record: Record) -> int:
    """Return the version of a published total."""
    return int(json.loads(record.value)["version"])
