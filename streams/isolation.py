"""Finds the events of a batch that PostgreSQL cannot store, and refuses them together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from ledger.calls.rating import Incoming
from ledger.postgres.database import DATA_ERRORS
from ledger.recording.batch import Batch, ReceivedRecord, dead_letter
from ledger.recording.offsets import DeadLetter
from schemas.refusals import Refused

Record = Callable[[Batch], Awaitable[None]]


async def record_storable_events(batch: Batch, error: Exception, record: Record) -> None:
    """Record the events of a failed batch that PostgreSQL can store, and refuse the others.

    The others are refused in one batch, so that the limit of refusals applies to their number. This
    batch also moves the offsets: after a crash before it, all records are read again. Raises
    `error` if the batch has no events.
    """
    letters = await _refuse_unstorable(batch, batch.events, batch.records, error, record)
    await record(
        msgspec.structs.replace(
            batch, events=[], records=[], letters=[*batch.letters, *letters], part_of=batch.size
        )
    )


async def _refuse_unstorable(
    whole: Batch,
    events: list[Incoming],
    records: list[ReceivedRecord],
    error: Exception,
    record: Record,
) -> list[DeadLetter]:
    """Record events in ever smaller halves; returns dead letters of those that cannot be stored."""
    if not events:
        raise error
    if len(events) == 1:
        reason = f"The ledger cannot hold a value of this event: {error}"
        return [dead_letter(records[0], Refused("invalid_event", reason))]
    letters: list[DeadLetter] = []
    middle = len(events) // 2
    for half in (slice(middle), slice(middle, None)):
        part = Batch(events[half], records[half], part_of=whole.size, is_large=whole.is_large)
        try:
            await record(part)
        except DATA_ERRORS as reason:
            letters += await _refuse_unstorable(whole, part.events, part.records, reason, record)
    return letters
