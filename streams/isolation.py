"""Finds the events of a batch that PostgreSQL cannot take, and refuses them together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from ledger.calls.rating import Incoming
from ledger.postgres.database import DATA_ERRORS
from ledger.recording.batch import Batch, ReceivedRecord, dead_letter
from ledger.recording.offsets import DeadLetter
from schemas.refusals import Refused

Record = Callable[[Batch], Awaitable[None]]


async def record_what_fits(batch: Batch, error: Exception, record: Record) -> None:
    """Record what PostgreSQL can take of a batch that failed with `error`, and refuse the rest.

    The rest is refused together, so the limit of refusals sees whether it is one event or the
    whole stream that does not fit. Offsets move only with the refusal, so a crash in between
    replays harmlessly. Raises `error` where there are no events: then the fault is ours.
    """
    letters = await _poison(batch, batch.events, batch.records, error, record)
    await record(
        msgspec.structs.replace(
            batch, events=[], records=[], letters=[*batch.letters, *letters], part_of=batch.size
        )
    )


async def _poison(
    whole: Batch,
    events: list[Incoming],
    records: list[ReceivedRecord],
    error: Exception,
    record: Record,
) -> list[DeadLetter]:
    """Record events half by half, and return the letters of those that cannot be."""
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
            letters += await _poison(whole, part.events, part.records, reason, record)
    return letters
