"""Writes each executed command to the journal, and reads it after a restore of the ledger.

A restored ledger does not know what was executed after its backup, and decides the same commands
again. The journal is a topic, so restoring PostgreSQL does not affect it. A command is written to
it before PostgreSQL stores its success; while the brokers do not respond, commands are executed,
and journaled later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final

import msgspec

from ledger.commands.execution import CommandStore
from ledger.commands.journal import (
    epoch_to_read,
    mark_executed,
    mark_journaled,
    mark_read,
    unjournaled,
)
from messaging.kafka import KafkaError, KafkaSettings, make_producer
from messaging.producer import OutgoingRecord, RecoveringProducer
from messaging.topic_snapshot import read_topic
from schemas.commands import ExecutedCommand
from schemas.topics import EXECUTED_COMMANDS

WRITE_SECONDS_MAX: Final = 3
PAUSE_SECONDS: Final = 30
"""After a failure the journal pauses for so long, because each attempt delays a command."""
RECORDS_AT_ONCE: Final = 500

_decoder: Final = msgspec.json.Decoder(ExecutedCommand)
_encode: Final = msgspec.json.Encoder().encode

_log: Final = logging.getLogger(__name__)


class CommandJournal:
    """The journal topic, for one process that executes commands."""

    def __init__(self, kafka: KafkaSettings, store: CommandStore) -> None:
        """`store` is where commands are stored."""
        self._kafka = kafka
        self._store = store
        self._producer = RecoveringProducer(lambda: make_producer(kafka), WRITE_SECONDS_MAX)
        self._pause_until_ns = 0

    async def write(self, records: Sequence[ExecutedCommand]) -> bool:
        """Write executed commands; returns whether the brokers acknowledged them."""
        if time.monotonic_ns() < self._pause_until_ns:
            return False
        try:
            async with asyncio.timeout(WRITE_SECONDS_MAX):
                await self._producer.send_records(
                    OutgoingRecord(EXECUTED_COMMANDS.name, record.call_id.encode(), _encode(record))
                    for record in records
                )
        except (KafkaError, TimeoutError) as error:
            self._pause_until_ns = time.monotonic_ns() + PAUSE_SECONDS * 1_000_000_000
            _log.warning(
                "executed commands are journaled later: %s",
                str(error) or type(error).__name__,
                extra={"action": "command_journal_retry"},
            )
            return False
        return True

    async def write_missing(self) -> None:
        """Write executed commands that are not known to be in the journal."""
        while True:
            async with self._store.connection() as connection:
                records = await unjournaled(connection, RECORDS_AT_ONCE)
            if not records or not await self.write(records):
                return
            async with self._store.connection() as connection:
                await mark_journaled(connection, [record.command_id for record in records])

    async def epoch_to_read(self) -> int | None:
        """Return the ledger's epoch if the journal must be read before the next command.

        Raises LedgerClosedError during a restore.
        """
        async with self._store.connection() as connection:
            return await epoch_to_read(connection)

    async def read(self, epoch: int, stop: asyncio.Event) -> None:
        """Mark the journal's commands as executed, up to its end, unless `stop` is set before.

        Raises KafkaError, TimeoutError or a database error.
        """
        read = imported = 0
        async with aclosing(read_topic(self._kafka, EXECUTED_COMMANDS.name)) as reading:
            async for chunk in reading:
                if stop.is_set():
                    return
                decoded = (_decode(record.value) for record in chunk)
                records = [record for record in decoded if record is not None]
                async with self._store.connection() as connection:
                    imported += await mark_executed(connection, records)
                read += len(records)
        async with self._store.connection() as connection:
            await mark_read(connection, epoch)
        _log.warning(
            "%d of %d commands in the journal were not known as executed",
            imported,
            read,
            extra={"action": "command_journal_read", "epoch": epoch, "read": read},
        )

    async def close(self) -> None:
        await self._producer.close()


@asynccontextmanager
async def command_journal(
    kafka: KafkaSettings | None, store: CommandStore
) -> AsyncIterator[CommandJournal | None]:
    """Open a journal for the duration of the block; None without brokers."""
    if kafka is None:
        yield None
        return
    journal = CommandJournal(kafka, store)
    try:
        yield journal
    finally:
        await journal.close()


def _decode(value: bytes | None) -> ExecutedCommand | None:
    """Return an executed command; None if the record is not one."""
    try:
        record = _decoder.decode(value or b"")
        _ = record.uuid
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        _log.warning("a record is not a command", extra={"action": "command_unreadable"})
        return None
    return record
