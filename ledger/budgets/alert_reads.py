"""Marks a user's alerts as read or unread, on behalf of a viewer."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("budgets/budgets")


async def mark_alert(
    readers: ReaderPool, viewer: Viewer, user_id: str, alert_id: str, *, is_read: bool
) -> str | None:
    """Mark an alert and return it as JSON; None if the viewer has no such alert.

    Repeating it changes nothing. Raises StoreUnavailableError.
    """
    try:
        uuid = UUID(alert_id)
    except ValueError:
        return None
    values = {"alert_id": uuid, "user_id": user_id, **viewer.parameters}
    change = "mark_alert_read" if is_read else "mark_alert_unread"
    async with readers.writing(viewer) as connection:
        await connection.execute(*_SQL.bind(change, **values))
        stored: str | None = await connection.fetchval(*_SQL.bind("alert", **values))
    return stored
