"""Writes each delivery to the delivery journal, and imports it after a restore of the ledger.

A restored ledger does not know the deliveries after its backup, and decides the same alerts again.
The journal is a topic, so restoring PostgreSQL does not affect it. A delivery is written to it
before PostgreSQL stores it, so the journal is never behind a backup; while the brokers do not
respond, deliveries continue and are journaled later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import Final

import msgspec

from ledger.notifications.deliveries import DeliveryStore
from ledger.operations.delivery_journal import (
    epoch_to_import,
    mark_delivered,
    mark_journaled,
    mark_read,
    unjournaled,
)
from messaging.kafka import KafkaError, KafkaSettings, make_producer
from messaging.producer import OutgoingRecord, RecoveringProducer
from messaging.topic_snapshot import read_topic
from schemas.deliveries import DeliveryRecord
from schemas.topics import DELIVERIES
from streams.notifications.erasures import import_erasures

WRITE_SECONDS_MAX: Final = 3
PAUSE_SECONDS: Final = 30
"""After a failure the journal pauses for so long, because each attempt delays a delivery."""
RECORDS_AT_ONCE: Final = 500

_decoder: Final = msgspec.json.Decoder(DeliveryRecord)
_encode: Final = msgspec.json.Encoder().encode

_log: Final = logging.getLogger(__name__)


class DeliveryJournal:
    """The journal topic, for one delivering process."""

    def __init__(self, kafka: KafkaSettings, store: DeliveryStore) -> None:
        """`store` is where deliveries are stored."""
        self._kafka = kafka
        self._store = store
        self._producer = RecoveringProducer(lambda: make_producer(kafka), WRITE_SECONDS_MAX)
        self._pause_until_ns = 0

    async def write(self, records: Iterable[DeliveryRecord]) -> bool:
        """Write deliveries; returns whether the brokers acknowledged them."""
        if time.monotonic_ns() < self._pause_until_ns:
            return False
        try:
            async with asyncio.timeout(WRITE_SECONDS_MAX):
                await self._producer.send_records(
                    OutgoingRecord(DELIVERIES.name, record.key.encode(), _encode(record))
                    for record in records
                )
        except (KafkaError, TimeoutError) as error:
            self._pause_until_ns = time.monotonic_ns() + PAUSE_SECONDS * 1_000_000_000
            _log.warning(
                "deliveries are journaled later: %s",
                str(error) or type(error).__name__,
                extra={"action": "journal_retry"},
            )
            return False
        return True

    async def write_missing(self) -> None:
        """Write stored deliveries that are not known to be in the journal."""
        while True:
            async with self._store.connection() as connection:
                records = await unjournaled(connection, RECORDS_AT_ONCE)
            if not records or not await self.write(records):
                return
            async with self._store.connection() as connection:
                await mark_journaled(connection, [record.delivery_id for record in records])

    async def epoch_to_import(self) -> int | None:
        """Return the ledger's epoch if the journal must be imported before deliveries.

        Raises LedgerClosedError during a restore.
        """
        async with self._store.connection() as connection:
            return await epoch_to_import(connection)

    async def import_deliveries(self, epoch: int, stop: asyncio.Event) -> None:
        """Apply erasures again, then mark the journal's deliveries as delivered, up to its end.

        Ends early if `stop` is set.
        Raises KafkaError, TimeoutError or a database error.
        """
        async with self._store.connection() as connection:
            await import_erasures(self._kafka, connection)
        read = imported = 0
        async with aclosing(read_topic(self._kafka, DELIVERIES.name)) as reading:
            async for chunk in reading:
                if stop.is_set():
                    return
                records = [
                    one for record in chunk if (one := _decode_delivery(record.value)) is not None
                ]
                async with self._store.connection() as connection:
                    imported += await mark_delivered(connection, records)
                read += len(records)
        async with self._store.connection() as connection:
            await mark_read(connection, epoch)
        _log.warning(
            "%d of %d deliveries in the journal were not known",
            imported,
            read,
            extra={"action": "journal_read", "epoch": epoch, "read": read, "taken_over": imported},
        )

    async def close(self) -> None:
        await self._producer.close()


@asynccontextmanager
async def delivery_journal(
    kafka: KafkaSettings | None, store: DeliveryStore
) -> AsyncIterator[DeliveryJournal | None]:
    """Open a journal for the duration of the block; None without brokers."""
    if kafka is None:
        yield None
        return
    journal = DeliveryJournal(kafka, store)
    try:
        yield journal
    finally:
        await journal.close()


def _decode_delivery(value: bytes | None) -> DeliveryRecord | None:
    """Return a delivery; None if the record is not one."""
    try:
        record = _decoder.decode(value or b"")
        record.row()
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        _log.warning("a record is not a delivery", extra={"action": "delivery_unreadable"})
        return None
    return record
