"""The journal of executed commands: which commands it has, and its import into a restored ledger.

The functions raise `database.TRANSIENT_ERRORS`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from ledger.postgres.database import Connection, affected_rows
from ledger.postgres.statements import statements
from ledger.recording.epochs import LedgerClosedError
from schemas.commands import ExecutedCommand

_SQL: Final = statements("commands/journal")


async def epoch_to_read(connection: Connection) -> int | None:
    """Return the current epoch if the journal was not read for it, else None.

    Raises LedgerClosedError during a restore.
    """
    row = await connection.fetchrow(_SQL["epoch_to_read"])
    if row is None:
        raise LedgerClosedError("a restore is running")
    return None if row["is_read"] else int(row["epoch"])


async def mark_executed(connection: Connection, records: Collection[ExecutedCommand]) -> int:
    """Mark commands as executed, each one once; returns how many were not marked before."""
    if not records:
        return 0
    unique = [*{record.command_id: record for record in records}.values()]
    mark_executed = _SQL.bind(
        "mark_executed",
        command_ids=[record.uuid for record in unique],
        call_ids=[record.call_id for record in unique],
        user_ids=[record.user_id for record in unique],
        kinds=[record.kind for record in unique],
        causes=[record.cause for record in unique],
        requested_by=[record.requested_by for record in unique],
        reasons=[record.reason for record in unique],
        payloads=[record.payload for record in unique],
        targets=[record.target for record in unique],
        requested_at=[record.requested_at for record in unique],
        executed_at=[record.executed_at for record in unique],
    )
    return affected_rows(await connection.execute(*mark_executed))


async def mark_read(connection: Connection, epoch: int) -> None:
    """Store that the journal was read for an epoch."""
    await connection.execute(*_SQL.bind("mark_read", epoch=epoch))


async def unjournaled(connection: Connection, limit: int) -> list[ExecutedCommand]:
    """Return executed commands that are not known to be in the journal, oldest first."""
    rows = await connection.fetch(*_SQL.bind("unjournaled", limit=limit))
    return [ExecutedCommand(**row) for row in rows]


async def mark_journaled(connection: Connection, command_ids: Sequence[str]) -> None:
    """Store that commands are in the journal."""
    await connection.execute(*_SQL.bind("mark_journaled", command_ids=command_ids))
