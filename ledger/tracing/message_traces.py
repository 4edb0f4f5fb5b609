"""Stores the trace contexts of messages that sampled events cause, and reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from schemas.crossings import Crossing
from schemas.trace_context import TRACED_EVENTS

_SQL: Final = statements("tracing/message_traces")

KEPT_DAYS: Final = 3
"""Deliveries of notifications are attempted for as long."""


async def note_traces(
    connection: Connection, causes: Iterable[tuple[str, Crossing | None]]
) -> None:
    """Store the trace contexts of messages, given with the event that caused each.

    Does nothing if no sampled event is being recorded, as usual.
    """
    traced = TRACED_EVENTS.get()
    if not traced:
        return
    found = {
        message_id: traced[cause.source, cause.id]
        for message_id, cause in causes
        if cause is not None and (cause.source, cause.id) in traced
    }
    if found:
        ids, contexts = list(found), list(found.values())
        await connection.execute(*_SQL.bind("prune", days=KEPT_DAYS))
        await connection.execute(*_SQL.bind("note", ids=ids, contexts=contexts))


async def read_traces(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return the trace contexts of messages that have one, by id."""
    rows = await connection.fetch(*_SQL.bind("read", ids=list(ids)))
    return {row["id"]: row["traceparent"] for row in rows}
