"""A broker with the product's topics, a database, and workers between the two."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import RecordMetadata

from messaging.kafka import KafkaSettings, ensure_topics
from schemas.topics import ALL_TOPICS, CALL_EVENTS, CALL_TOTALS, DEAD_LETTERS
from streams.dead_letters import RefusalLimit
from streams.worker import WorkerOptions, run_worker
from tests.support.events import Plain, structured
from tests.support.recording import fetch, until

Record: TypeAlias = ConsumerRecord  # of bytes: nothing is decoded here
PARTITIONS = 4
STEP_SECONDS = 60
"""No single step of a test takes longer, or something is stuck."""


@dataclass(frozen=True)
class Sent:
    """A record to be produced; without a key or a partition any will do."""

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int | None = None

    @classmethod
    def of(cls, one: "Plain | bytes | Sent") -> Self:
        """Return an event keyed by its user, bytes as they are."""
        if isinstance(one, cls):
            return one
        if isinstance(one, bytes):
            return cls(one)
        assert isinstance(one, dict)
        key = one["data"].get("userId") or one["data"]["callId"]
        return cls(structured(one), str(key).encode())


@dataclass
class Stage:
    """`bootstrap` is where the broker is; `idempotent` whether it can drop repeated sends."""

    bootstrap: str
    idempotent: bool
    database_url: str

    @property
    def broker(self) -> str:
        """Return the broker's name."""
        return "Apache Kafka" if self.idempotent else "Tansu"

    @property
    def kafka(self) -> KafkaSettings:
        """Return settings under which a lost member of a group is missed within seconds."""
        return KafkaSettings(
            self.bootstrap,
            idempotent=self.idempotent,
            session_timeout_ms=1_500,
            heartbeat_interval_ms=300,
            rebalance_timeout_ms=1_500,
            fetch_max_wait_ms=100 if self.idempotent else 20,
        )

    async def reset_topics(self) -> None:
        """Make all topics anew and empty."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        names = {topic.name for topic in ALL_TOPICS}
        try:
            if known := names.intersection(await admin.list_topics()):
                await admin.delete_topics(sorted(known))
                async with asyncio.timeout(STEP_SECONDS):
                    while names.intersection(await admin.list_topics()):
                        await asyncio.sleep(0.05)
        finally:
            await admin.close()
        async with asyncio.timeout(STEP_SECONDS):
            await ensure_topics(self.kafka, partitions=PARTITIONS)

    async def send(
        self, values: Iterable[Plain | bytes | Sent], seconds: int = STEP_SECONDS
    ) -> list[RecordMetadata]:
        """Produce events in order, wait for their acknowledgement and return their places."""
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
                    one.value,
                    key=one.key,
                    headers=list(one.headers),
                    partition=one.partition,
                )
                for one in map(Sent.of, values)
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
        """Return all records of a topic, of which there must be exactly `count`."""
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self.bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
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
        """Return all records that a topic holds by now."""
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        found: list[Record] = []
        try:
            while some := await consumer.getmany(timeout_ms=1_000):
                found += [record for records in some.values() for record in records]
        finally:
            await consumer.stop()
        return found

    async def dead_letters(self, count: int) -> list[Record]:
        return await self.read(DEAD_LETTERS.name, count)

    async def newest_totals(self, versions: Mapping[str, int]) -> dict[str, Record]:
        """Return the newest published total of each call, once it has the version expected."""
        newest: dict[str, Record] = {}
        consumer = AIOKafkaConsumer(
            CALL_TOTALS.name, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            async with asyncio.timeout(STEP_SECONDS):
                while {name: version_of(record) for name, record in newest.items()} != versions:
                    for records in (await consumer.getmany(timeout_ms=500)).values():
                        newest |= {record.key.decode(): record for record in records}
        finally:
            await consumer.stop()
        return newest

    def options(self, **changes: Any) -> WorkerOptions:
        """Return what a worker of this stage is told."""
        limit = RefusalLimit(records_min=changes.pop("refused_min", 1000))
        return WorkerOptions(self.kafka, self.database_url, refusal_limit=limit, **changes)

    @asynccontextmanager
    async def worker(self, **changes: Any) -> AsyncIterator[asyncio.Task[None]]:
        """Run a worker for the length of a block, and stop it in order at its end."""
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
        """Wait until so many records are counted; raises at once what ended the worker."""

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
    """Return the version that a published total has."""
    return int(json.loads(record.value)["version"])
