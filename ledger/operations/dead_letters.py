"""Refused events for people: counting, listing, and sending them again once that makes sense.

The table is the record of what was refused, and outlives the topic of dead letters. A replayed one
stays in it, marked; should it be refused again, that is a new row with its new place in the topic.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection, Record, affected
from ledger.postgres.statements import statements
from ledger.recording.offsets import headers_of

_SQL: Final = statements("operations/dead_letters")
_PAGE_START: Final = ("refused_at", "cluster", "topic", "partition", "offset", "digest")
_BEGINNING: Final[dict[str, object]] = dict.fromkeys(_PAGE_START)
PAGE_ROWS: Final = 100


class DeadLetterKey(NamedTuple):
    """Where a record was read, and what tells it from others read there: names a dead letter."""

    cluster: str
    topic: str
    partition: int
    offset: int
    digest: bytes


class RefusedCount(NamedTuple):
    """How many events were refused with a code, and how many of them wait to be sent again."""

    code: str
    total: int
    pending: int


class RefusedEvent(NamedTuple):
    """One line of the list. `start` is the beginning of the value, for a person to recognise it."""

    place: DeadLetterKey
    code: str
    message: str
    size_bytes: int
    start: bytes
    refused_at: datetime
    replayed_at: datetime | None


class StoredDeadLetter(NamedTuple):
    """A refused record as it was received."""

    place: DeadLetterKey
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


async def count_by_code(connection: Connection) -> list[RefusedCount]:
    """Return the codes there are, the most frequent first."""
    return [RefusedCount(*row) for row in await connection.fetch(_SQL["counts"])]


async def list_refusals(
    connection: Connection, *, code: str | None, replayed_too: bool
) -> AsyncIterator[RefusedEvent]:
    """Yield refused events, the newest first, a page at a time."""
    place = _BEGINNING
    while True:
        rows = await connection.fetch(
            *_SQL.bind("newest", code=code, replayed_too=replayed_too, **place, most=PAGE_ROWS)
        )
        for row in rows:
            yield RefusedEvent(_place(row), *row[5:])
        if len(rows) < PAGE_ROWS:
            return
        place = _page_after(rows[-1])


async def pending_pages(
    connection: Connection, *, code: str | None, limit: int | None
) -> AsyncIterator[list[StoredDeadLetter]]:
    """Yield what waits to be sent again, the oldest first, in pages.

    What is refused again in the meantime is left for the next replay, or replays would never end.
    """
    until = await connection.fetchval(_SQL["now"])
    place = _BEGINNING
    left = limit
    while left is None or left > 0:
        most = PAGE_ROWS if left is None else min(left, PAGE_ROWS)
        rows = await connection.fetch(
            *_SQL.bind("oldest_pending", code=code, until=until, **place, most=most)
        )
        if rows:
            yield [_letter(row) for row in rows]
            place = _page_after(rows[-1])
        if len(rows) < most:
            return
        left = None if left is None else left - len(rows)


async def count_pending(connection: Connection, *, code: str | None) -> int:
    """Return how many wait to be sent again."""
    return int(await connection.fetchval(*_SQL.bind("count_pending", code=code)))


async def mark_replayed(connection: Connection, places: Sequence[DeadLetterKey]) -> int:
    """Note that Kafka has acknowledged them once more; returns how many were not noted before."""
    if not places:
        return 0
    clusters, topics, partitions, offsets, digests = zip(*places, strict=True)
    replayed = _SQL.bind(
        "mark_replayed",
        clusters=clusters,
        topics=topics,
        partitions=partitions,
        offsets=offsets,
        digests=digests,
    )
    return affected(await connection.execute(*replayed))


def _page_after(row: Record) -> dict[str, object]:
    return {"refused_at": row["refused_at"], **_place(row)._asdict()}


def _place(row: Record) -> DeadLetterKey:
    return DeadLetterKey(
        row["cluster"], row["topic"], row["partition"], row["offset"], row["digest"]
    )


def _letter(row: Record) -> StoredDeadLetter:
    return StoredDeadLetter(_place(row), row["key"], row["value"], headers_of(row["headers"]))
