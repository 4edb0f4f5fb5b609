"""Records batches of events in a real database, as a lane of the worker would."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import asyncpg

from ledger.budgets.alerting import Alerting
from ledger.operations.verification import verify
from ledger.postgres.clock import Clock, system_time
from ledger.postgres.database import Connection, connect
from ledger.prices.price_book import PriceBook
from ledger.recording.batch import Batch, BatchOutcome, ReceivedRecord, dead_letter
from ledger.recording.offsets import DeadLetter, Stream
from ledger.recording.recorder import Acknowledge, Recorder
from schemas.cloudevents import Window, decode
from schemas.refusals import Refused
from tests.support.events import Plain, structured
from tests.support.rated_costs import some_rated

STREAM = Stream("cluster-of-the-tests", "cost.call-events.v1")


@dataclass
class ConsumedRecord:
    """A record as a consumer returns it."""

    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = b"key"
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass
class TopicLog:
    """A topic in memory: assigns offsets, and keeps its records."""

    records: dict[int, list[ConsumedRecord]] = field(default_factory=dict)

    def append(self, value: bytes | Plain, partition: int = 0) -> ConsumedRecord:
        """Append a record and return it."""
        records = self.records.setdefault(partition, [])
        text = value if isinstance(value, bytes) else structured(value)
        records.append(ConsumedRecord(partition, len(records), text))
        return records[-1]

    def batch(self, values: Iterable[bytes | Plain], partition: int = 0) -> Batch:
        """Append records and return them as a polled batch."""
        return batch_of([self.append(value, partition) for value in values])


def batch_of(records: Iterable[ConsumedRecord]) -> Batch:
    """Decode records as the stream does."""
    batch, window = Batch(), Window.around(datetime.now(UTC))
    for record in records:
        received: ReceivedRecord = record
        batch.next_offsets[record.partition] = record.offset + 1
        try:
            batch.events.append(decode(record.value, record.headers, window))
        except Refused as refusal:
            batch.letters.append(dead_letter(received, refusal))
        else:
            batch.records.append(received)
    return batch


class BatchWriter:
    """A recorder with its own connection; `letters` are the refused records.

    With `copies` the rows of a batch are encoded beforehand, so that they are copied as those of
    large batches are; by default it alternates.
    """

    _numbers = itertools.count(1)

    def __init__(
        self,
        database_url: str,
        prices: PriceBook | None = None,
        alerting: Alerting | None = None,
        *,
        copies: bool | None = None,
        acknowledge: Acknowledge | None = None,
        now: Clock = system_time,
    ) -> None:
        self.name = f"writer {next(self._numbers)}"
        self.letters: list[DeadLetter] = []
        self.batch_sizes: list[int] = []
        self.unpriced: list[str] = []
        self._copies = itertools.cycle([False, True] if copies is None else [copies])
        self._url = database_url
        self.recorder = Recorder(
            self._connect,
            STREAM,
            prices or PriceBook(),
            acknowledge or self._acknowledge,
            alerting=alerting,
            now=now,
        )

    async def _connect(self) -> Connection:
        return await connect(self._url, name=self.name)

    async def _acknowledge(
        self, letters: Sequence[DeadLetter], batch_size: int, unpriced: Sequence[str]
    ) -> None:
        self.letters += letters
        self.batch_sizes.append(batch_size)
        self.unpriced += unpriced

    async def record(self, batch: Batch) -> BatchOutcome:
        batch.events = some_rated(batch.events, self.recorder.catalogue)
        batch.is_large = next(self._copies)
        return await self.recorder.record(batch)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.recorder.close()


async def fetch(database_url: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
    """Return the rows of one query."""
    connection = await asyncpg.connect(database_url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return rows
    finally:
        await connection.close()


async def offsets(database_url: str) -> dict[int, int]:
    """Return the stored offsets of the test stream."""
    query = 'SELECT "partition", next_offset FROM stream_offsets WHERE (cluster, topic) = ($1, $2)'
    return {row[0]: row[1] for row in await fetch(database_url, query, *STREAM)}


async def codes(database_url: str) -> list[str]:
    """Return the codes of the stored dead letters, in order of partition and offset."""
    query = 'SELECT code FROM dead_letters ORDER BY "partition", "offset"'
    return [row[0] for row in await fetch(database_url, query)]


async def assert_verified(database_url: str) -> None:
    """Assert that `verify` finds no difference."""
    found = await verify(database_url)
    assert found.differences == 0, found.lines


async def until_blocked(database_url: str) -> None:
    """Wait until a session of this database and this login waits for a lock."""

    async def is_blocked() -> bool:
        query = """SELECT FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock' AND datname = current_database()"""
        return bool(await fetch(database_url, query))

    await until(is_blocked)


async def until(condition: Callable[[], Awaitable[bool]], seconds: int = 60) -> None:
    """Wait until a condition holds; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)
