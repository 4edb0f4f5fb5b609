"""Dismisses a user's anomalies with a reason, and undoes it, on behalf of a viewer."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from ledger.anomalies.lists import AnomalyRow
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("anomalies/dismissals")


async def dismiss_anomaly(
    readers: ReaderPool, viewer: Viewer, user_id: str, anomaly_id: UUID, reason: str
) -> AnomalyRow | None:
    """Dismiss an anomaly and return it; None if the viewer has no such anomaly.

    Repeating it with the same reason changes nothing. Raises StoreUnavailableError.
    """
    values = {"anomaly_id": anomaly_id, "user_id": user_id, **viewer.parameters}
    change = _SQL.bind("dismiss", reason=reason, **values)
    return await _execute_and_read(readers, viewer, change, values)


async def undo_dismissal(
    readers: ReaderPool, viewer: Viewer, user_id: str, anomaly_id: UUID
) -> AnomalyRow | None:
    """Remove the dismissal of an anomaly and return it; None if the viewer has no such anomaly.

    Repeating it changes nothing. Raises StoreUnavailableError.
    """
    values = {"anomaly_id": anomaly_id, "user_id": user_id, **viewer.parameters}
    return await _execute_and_read(readers, viewer, _SQL.bind("undo", **values), values)


async def _execute_and_read(
    readers: ReaderPool, viewer: Viewer, change: tuple[Any, ...], values: dict[str, Any]
) -> AnomalyRow | None:
    async with readers.writing(viewer) as connection:
        await connection.execute(*change)
        row = await connection.fetchrow(*_SQL.bind("dismissed", **values))
    return None if row is None else AnomalyRow(*row)
