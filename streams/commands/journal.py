"""The journal of executed commands: a restored ledger does not execute them again."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final, TypeAlias

import msgspec

from ledger.commands.execution import CommandStore
from ledger.commands.journal import (
    epoch_to_read,
    mark_executed,
    mark_journaled,
    mark_read,
    unjournaled,
)
from messaging.kafka import KafkaSettings
from schemas.commands import ExecutedCommand
from schemas.topics import EXECUTED_COMMANDS
from streams.journal import Journal, JournalKind, open_journal

CommandJournal: TypeAlias = Journal[ExecutedCommand]

_decoder: Final = msgspec.json.Decoder(ExecutedCommand)


def _read(value: bytes) -> ExecutedCommand:
    record = _decoder.decode(value)
    _ = record.uuid  # raises ValueError if the id is not a UUID
    return record


_KIND: Final = JournalKind(
    topic=EXECUTED_COMMANDS,
    noun="executed commands",
    read=_read,
    key_of=lambda record: record.call_id,
    id_of=lambda record: record.command_id,
    epoch_to_read=epoch_to_read,
    mark_done=mark_executed,
    mark_journaled=mark_journaled,
    mark_read=mark_read,
    unjournaled=unjournaled,
    retry_action="command_journal_retry",
    read_action="command_journal_read",
    unreadable_action="command_unreadable",
)


def command_journal(
    kafka: KafkaSettings | None, store: CommandStore
) -> AbstractAsyncContextManager[CommandJournal | None]:
    """Open the journal for the duration of the block; None without brokers."""
    return open_journal(lambda settings: Journal(settings, store, _KIND), kafka)
