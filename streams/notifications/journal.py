"""The journal of deliveries: a restored ledger does not send them again."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec

from ledger.notifications.deliveries import DeliveryStore
from ledger.operations.delivery_journal import (
    epoch_to_read,
    mark_delivered,
    mark_journaled,
    mark_read,
    unjournaled,
)
from messaging.kafka import KafkaSettings
from schemas.deliveries import DeliveryRecord
from schemas.topics import DELIVERIES
from streams.journal import Journal, JournalKind, open_journal
from streams.notifications.erasures import import_erasures

_decoder: Final = msgspec.json.Decoder(DeliveryRecord)


def _read(value: bytes) -> DeliveryRecord:
    record = _decoder.decode(value)
    record.row()  # raises ValueError if an id is not a UUID
    return record


_KIND: Final = JournalKind(
    topic=DELIVERIES,
    noun="deliveries",
    read=_read,
    key_of=lambda record: record.key,
    id_of=lambda record: record.delivery_id,
    epoch_to_read=epoch_to_read,
    mark_done=mark_delivered,
    mark_journaled=mark_journaled,
    mark_read=mark_read,
    unjournaled=unjournaled,
    retry_action="journal_retry",
    read_action="journal_read",
    unreadable_action="delivery_unreadable",
)


class DeliveryJournal(Journal[DeliveryRecord]):
    """The journal of deliveries; erasures of users are applied again before it is read."""

    def __init__(self, kafka: KafkaSettings, store: DeliveryStore) -> None:
        super().__init__(kafka, store, _KIND)

    async def read(self, epoch: int, stop: asyncio.Event) -> None:
        async with self._store.connection() as connection:
            await import_erasures(self._kafka, connection)
        await super().read(epoch, stop)


def delivery_journal(
    kafka: KafkaSettings | None, store: DeliveryStore
) -> AbstractAsyncContextManager[DeliveryJournal | None]:
    """Open the journal for the duration of the block; None without brokers."""
    return open_journal(lambda settings: DeliveryJournal(settings, store), kafka)
