"""The delivery journal: which deliveries are in it, and what a restored ledger reads from it.

The functions raise `database.TRANSIENT_ERRORS`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from ledger.postgres.database import Connection, affected_rows
from ledger.postgres.statements import statements
from ledger.recording.epochs import LedgerClosedError
from schemas.deliveries import DeliveryRecord

_SQL: Final = statements("operations/delivery_journal")


async def epoch_to_read(connection: Connection) -> int | None:
    """Return the current epoch if the journal was not read for it, else None.

    Raises LedgerClosedError during a restore.
    """
    row = await connection.fetchrow(_SQL["epoch_to_read"])
    if row is None:
        raise LedgerClosedError("a restore is running")
    return None if row["unread"] is None else int(row["unread"])


async def mark_delivered(connection: Connection, records: Collection[DeliveryRecord]) -> int:
    """Mark deliveries as delivered, each one once; returns how many were not marked before."""
    if not records:
        return 0
    rows = [one.row() for one in {record.key: record for record in records}.values()]
    deliveries, channels, users, kinds, subjects, created, delivered = zip(*rows, strict=True)
    mark_delivered = _SQL.bind(
        "mark_delivered",
        delivery_ids=deliveries,
        channel_ids=channels,
        user_ids=users,
        kinds=kinds,
        subject_ids=subjects,
        created_at=created,
        delivered_at=delivered,
    )
    return affected_rows(await connection.execute(*mark_delivered))


async def mark_read(connection: Connection, epoch: int) -> None:
    """Store that the journal was read for an epoch."""
    await connection.execute(*_SQL.bind("mark_read", epoch=epoch))


async def unjournaled(connection: Connection, limit: int) -> list[DeliveryRecord]:
    """Return deliveries that are not known to be in the journal, oldest first."""
    rows = await connection.fetch(*_SQL.bind("unjournaled", limit=limit))
    return [DeliveryRecord(*row) for row in rows]


async def mark_journaled(connection: Connection, delivery_ids: Sequence[str]) -> None:
    """Store that deliveries are in the journal."""
    await connection.execute(*_SQL.bind("mark_journaled", delivery_ids=delivery_ids))
