"""Finds users by a part of their id, for administrators."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer

_READS: Final = reads("reports/users")


class FoundUser(NamedTuple):
    """A user, and the UTC days of the first and the last call; None without calls."""

    user_id: str
    first_day: date | None
    last_day: date | None


async def find_users(
    readers: ReaderPool, viewer: Viewer, part: str, limit: int
) -> tuple[list[FoundUser], int]:
    """Return up to `limit` users whose id contains `part`, and the number of all such users.

    Empty for a viewer who may not read all users. Raises StoreUnavailableError.
    """
    statement = _READS.bind("users", reads_all=viewer.reads_all, part=part, limit=limit)
    rows = await readers.read(viewer, *statement)
    matches = [FoundUser(row["user_id"], row["first_day"], row["last_day"]) for row in rows]
    return matches, rows[0]["found"] if rows else 0
