"""The totals outbox: batches whose totals are not published yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.calls.call import Call
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.recording.batch_rows import read_calls
from ledger.recording.epochs import current_epoch

_SQL: Final = statements("recording/outbox")


class UnpublishedTotals(NamedTuple):
    """Unpublished outbox rows with their calls as they are now, and the ledger's epoch."""

    ids: list[int]
    calls: list[Call]
    epoch: int


async def delete_published(connection: Connection, ids: Sequence[int]) -> None:
    """Delete the rows of batches whose totals are in Kafka."""
    await connection.execute(*_SQL.bind("delete_published", ids=list(ids)))


async def claim_orphans(
    connection: Connection, worker_id: str, known: Sequence[int], *, age_seconds: int, limit: int
) -> UnpublishedTotals:
    """Lock up to `limit` rows older than `age_seconds`, to the end of the caller's transaction.

    These are rows of dead workers, and rows of this worker except the `known` ones. Raises
    LedgerClosedError during a restore.
    """
    epoch = (await current_epoch(connection)).epoch
    rows = await connection.fetch(
        *_SQL.bind(
            "claim", age_seconds=age_seconds, limit=limit, worker_id=worker_id, known=list(known)
        )
    )
    call_ids = sorted({call_id for row in rows for call_id in row["call_ids"]})
    calls = await read_calls(connection, call_ids) if call_ids else {}
    owned = [call for call in calls.values() if call.user_id is not None]
    return UnpublishedTotals([row["id"] for row in rows], owned, epoch)
