"""Exports everything about a user as JSON lines, from one snapshot and with constant memory.

The first line describes the export, the last one has the number of rows of each table: a file
without it is incomplete. Each other line is a row: `{"table": "calls", "row": {…}}`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Final, NamedTuple

import msgspec

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("people/export")

FORMAT: Final = 1
ROWS_AT_ONCE: Final = 500
_SECONDS_MAX: Final = 3_600
_TABLES_WITH_STATEMENTS: Final = ("call_cost_events", "dead_letters", "outbox")
"""Tables with a statement of their own, which `tables` leaves out."""

_encode: Final = msgspec.json.Encoder().encode


class ArchiveFile(NamedTuple):
    """An archive file with events of the user."""

    month: date
    part: int
    file: str


async def export_lines(
    connection: Connection, user_id: str, now: datetime, archived: list[ArchiveFile] | None = None
) -> AsyncIterator[bytes]:
    """Yield the lines of an export in chunks, each ending with a line feed.

    `archived` receives the archive files that had the user's other events in the same snapshot;
    archiving waits meanwhile. Raises PostgreSQL errors; then the last line is missing.
    """
    yield _encode({"format": FORMAT, "userId": user_id, "exportedAt": now}) + b"\n"
    counts: dict[str, int] = {}
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_SQL["keep_partitions"])
        await connection.execute(_SQL["begin"])
        if archived is not None:
            archived += await archive_files(connection, user_id)
        tables = [(row["name"], row["command"]) for row in await connection.fetch(_SQL["tables"])]
        commands = [(name, (command, user_id)) for name, command in tables]
        commands += [(name, _SQL.bind(name, user_id=user_id)) for name in _TABLES_WITH_STATEMENTS]
        for name, command in sorted(commands):
            cursor = await connection.cursor(*command, timeout=_SECONDS_MAX)
            start = b'{"table":' + _encode(name) + b',"row":'
            while rows := await cursor.fetch(ROWS_AT_ONCE, timeout=_SECONDS_MAX):
                counts[name] = counts.get(name, 0) + len(rows)
                yield b"".join(start + row["exported"].encode() + b"}\n" for row in rows)
    yield _encode({"rows": counts}) + b"\n"


async def archive_files(connection: Connection, user_id: str) -> list[ArchiveFile]:
    """Return the archive files with events of a user, oldest first."""
    rows = await connection.fetch(*_SQL.bind("archives", user_id=user_id))
    return [ArchiveFile(*row) for row in rows]
