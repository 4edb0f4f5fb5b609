"""Dead letters: counts and lists refused events, and marks replayed ones.

Dead letters stay in the table longer than in the dead-letter topic. A replayed one stays, too; if
it is refused again, that is a new row with its new position in the topic.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection, Record, affected_rows
from ledger.postgres.statements import statements
from ledger.recording.offsets import headers_of

_SQL: Final = statements("operations/dead_letters")
_PAGE_START: Final = ("refused_at", "cluster", "topic", "partition", "offset", "digest")
_BEGINNING: Final[dict[str, object]] = dict.fromkeys(_PAGE_START)
PAGE_ROWS: Final = 100


class DeadLetterKey(NamedTuple):
    """The key of a dead letter: the record's position, and a digest of its content."""

    cluster: str
    topic: str
    partition: int
    offset: int
    digest: bytes


class RefusedCount(NamedTuple):
    """The number of events refused with a code, and how many of them were not replayed."""

    code: str
    total: int
    pending: int


class ListedDeadLetter(NamedTuple):
    """A refused event in a list. `start` are the first bytes of its value."""

    origin: DeadLetterKey
    code: str
    message: str
    size_bytes: int
    start: bytes
    refused_at: datetime
    replayed_at: datetime | None


class StoredDeadLetter(NamedTuple):
    """A refused record as it was received."""

    origin: DeadLetterKey
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


async def count_by_code(connection: Connection) -> list[RefusedCount]:
    """Return the codes with their counts, most frequent first."""
    return [RefusedCount(*row) for row in await connection.fetch(_SQL["counts"])]


async def list_refusals(
    connection: Connection, *, code: str | None, include_replayed: bool
) -> AsyncIterator[ListedDeadLetter]:
    """Yield refused events, newest first, reading page by page."""
    position = _BEGINNING
    while True:
        rows = await connection.fetch(
            *_SQL.bind(
                "newest", code=code, include_replayed=include_replayed, **position, limit=PAGE_ROWS
            )
        )
        for row in rows:
            yield ListedDeadLetter(_key_of(row), *row[5:])
        if len(rows) < PAGE_ROWS:
            return
        position = _page_after(rows[-1])


async def pending_pages(
    connection: Connection, *, code: str | None, limit: int | None
) -> AsyncIterator[list[StoredDeadLetter]]:
    """Yield the dead letters to replay in pages, oldest first.

    Those refused again meanwhile are left for the next replay; otherwise it would never end.
    """
    until = await connection.fetchval(_SQL["now"])
    position = _BEGINNING
    left = limit
    while left is None or left > 0:
        page_rows = PAGE_ROWS if left is None else min(left, PAGE_ROWS)
        rows = await connection.fetch(
            *_SQL.bind("oldest_pending", code=code, until=until, **position, limit=page_rows)
        )
        if rows:
            yield [_dead_letter(row) for row in rows]
            position = _page_after(rows[-1])
        if len(rows) < page_rows:
            return
        left = None if left is None else left - len(rows)


async def count_pending(connection: Connection, *, code: str | None) -> int:
    """Return the number of dead letters that are not replayed."""
    return int(await connection.fetchval(*_SQL.bind("count_pending", code=code)))


async def mark_replayed(connection: Connection, keys: Sequence[DeadLetterKey]) -> int:
    """Mark dead letters as replayed; returns how many were not marked before."""
    if not keys:
        return 0
    clusters, topics, partitions, offsets, digests = zip(*keys, strict=True)
    replayed = _SQL.bind(
        "mark_replayed",
        clusters=clusters,
        topics=topics,
        partitions=partitions,
        offsets=offsets,
        digests=digests,
    )
    return affected_rows(await connection.execute(*replayed))


def _page_after(row: Record) -> dict[str, object]:
    return {"refused_at": row["refused_at"], **_key_of(row)._asdict()}


def _key_of(row: Record) -> DeadLetterKey:
    return DeadLetterKey(
        row["cluster"], row["topic"], row["partition"], row["offset"], row["digest"]
    )


def _dead_letter(row: Record) -> StoredDeadLetter:
    return StoredDeadLetter(_key_of(row), row["key"], row["value"], headers_of(row["headers"]))
