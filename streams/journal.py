"""A journal: a topic of what was sent outside, which is read after a restore of the ledger.

A restored ledger does not know what was sent after its backup, and would send it again. The journal
is a topic, so restoring PostgreSQL does not affect it. A record is written to it before PostgreSQL
stores the success. While the brokers do not respond, sending continues, and the records are written
later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from ledger.postgres.database import Connection
from messaging.kafka import KafkaError, KafkaSettings, make_producer
from messaging.producer import OutgoingRecord, RecoveringProducer
from messaging.topic_snapshot import read_topic
from schemas.topics import Topic

WRITE_SECONDS_MAX: Final = 3
PAUSE_SECONDS: Final = 30
"""After a failure the journal pauses for this long, because each attempt delays what is sent."""
RECORDS_AT_ONCE: Final = 500

R = TypeVar("R")
J = TypeVar("J", bound="Journal[Any]")

_encode: Final = msgspec.json.Encoder().encode
_log: Final = logging.getLogger(__name__)


class JournalStore(Protocol):
    """Opens connections to the ledger."""

    def connection(self) -> AbstractAsyncContextManager[Connection]: ...


@dataclass(frozen=True, slots=True)
class JournalKind(Generic[R]):
    """What the records of a journal are (`noun`, in the plural), and how the ledger stores them.

    `read` decodes and checks a record; it raises msgspec.DecodeError or ValueError. The actions
    are those of log lines.
    """

    topic: Topic
    noun: str
    read: Callable[[bytes], R]
    key_of: Callable[[R], str]
    id_of: Callable[[R], str]
    epoch_to_read: Callable[[Connection], Awaitable[int | None]]
    mark_done: Callable[[Connection, Sequence[R]], Awaitable[int]]
    mark_journaled: Callable[[Connection, Sequence[str]], Awaitable[None]]
    mark_read: Callable[[Connection, int], Awaitable[None]]
    unjournaled: Callable[[Connection, int], Awaitable[Sequence[R]]]
    retry_action: str
    read_action: str
    unreadable_action: str


class Journal(Generic[R]):
    """The journal topic of one kind, for one process."""

    def __init__(self, kafka: KafkaSettings, store: JournalStore, kind: JournalKind[R]) -> None:
        self._kafka = kafka
        self._store = store
        self._kind = kind
        self._producer = RecoveringProducer(lambda: make_producer(kafka), WRITE_SECONDS_MAX)
        self._pause_until_ns = 0

    async def write(self, records: Iterable[R]) -> bool:
        """Write records; returns whether the brokers acknowledged them."""
        if time.monotonic_ns() < self._pause_until_ns:
            return False
        kind = self._kind
        try:
            async with asyncio.timeout(WRITE_SECONDS_MAX):
                await self._producer.send_records(
                    OutgoingRecord(kind.topic.name, kind.key_of(record).encode(), _encode(record))
                    for record in records
                )
        except (KafkaError, TimeoutError) as error:
            self._pause_until_ns = time.monotonic_ns() + PAUSE_SECONDS * 1_000_000_000
            _log.warning(
                "%s are journaled later: %s",
                kind.noun,
                str(error) or type(error).__name__,
                extra={"action": kind.retry_action},
            )
            return False
        return True

    async def write_missing(self) -> None:
        """Write what is stored as done and not known to be in the journal."""
        while True:
            async with self._store.connection() as connection:
                records = await self._kind.unjournaled(connection, RECORDS_AT_ONCE)
            if not records or not await self.write(records):
                return
            async with self._store.connection() as connection:
                ids = [self._kind.id_of(record) for record in records]
                await self._kind.mark_journaled(connection, ids)

    async def read_after_restore(
        self, running: Collection[asyncio.Task[None]], stop: asyncio.Event
    ) -> None:
        """Read the journal if the ledger was restored, once the `running` attempts have ended.

        Nothing may be sent before it returns. Raises LedgerClosedError during a restore.
        """
        async with self._store.connection() as connection:
            epoch = await self._kind.epoch_to_read(connection)
        if epoch is not None:
            if running:  # they may still write to the journal
                await asyncio.wait(running)
            await self.read(epoch, stop)

    async def read(self, epoch: int, stop: asyncio.Event) -> None:
        """Mark the records of the journal as done in the ledger, to its end or until `stop`.

        Raises KafkaError, TimeoutError or a database error.
        """
        read = unknown = 0
        async with aclosing(read_topic(self._kafka, self._kind.topic.name)) as reading:
            async for chunk in reading:
                if stop.is_set():
                    return
                records = [
                    found for record in chunk if (found := self._decode(record.value)) is not None
                ]
                async with self._store.connection() as connection:
                    unknown += await self._kind.mark_done(connection, records)
                read += len(records)
        async with self._store.connection() as connection:
            await self._kind.mark_read(connection, epoch)
        _log.warning(
            "%d of %d %s in the journal were not known",
            unknown,
            read,
            self._kind.noun,
            extra={
                "action": self._kind.read_action,
                "epoch": epoch,
                "read": read,
                "taken_over": unknown,
            },
        )

    async def close(self) -> None:
        await self._producer.close()

    def _decode(self, value: bytes | None) -> R | None:
        """Return a record; None if it is not one of this journal."""
        try:
            return self._kind.read(value or b"")
        except (msgspec.DecodeError, ValueError):
            _log.warning(
                "a record in the journal of %s cannot be read",
                self._kind.noun,
                extra={"action": self._kind.unreadable_action},
            )
            return None


@asynccontextmanager
async def open_journal(
    make: Callable[[KafkaSettings], J], kafka: KafkaSettings | None
) -> AsyncIterator[J | None]:
    """Open the journal that `make` returns for the duration of the block; None without brokers."""
    journal = None if kafka is None else make(kafka)
    try:
        yield journal
    finally:
        if journal is not None:
            await journal.close()
