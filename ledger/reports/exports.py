"""Reads any number of rows in chunks: a server-side cursor inside one transaction.

A statement sees one snapshot of the database, so an export is consistent however long it takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from ledger.postgres.database import Record
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.lists import EventRow, ListedCall, listed_call
from ledger.reports.profit import Profit

_SQL: Final = statements("reports/exports")

ROWS_AT_ONCE: Final = 500

ExportKind = Literal["events", "calls", "daily"]

_sums: Final = msgspec.json.Decoder(dict[str, int])


class ExportedEvent(NamedTuple):
    """An event with export-only columns: its persona, and the operation as it was sent."""

    event: EventRow
    call_id: str
    persona_id: str | None
    operation_sent: str | None


class ExportedDay(NamedTuple):
    """The totals of a UTC day; `costs` are nano-dollars by service."""

    day: date
    calls: int
    duration_ms: int
    costs: dict[str, int]
    profit: Profit


Exported: TypeAlias = ExportedEvent | ListedCall | ExportedDay


@asynccontextmanager
async def exporting(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str,
    kind: ExportKind,
    span: tuple[datetime, datetime],
) -> AsyncIterator[AsyncIterator[list[Exported]]]:
    """Provide the rows of an export in lists of up to ROWS_AT_ONCE, for the duration of the block.

    `span` is from its first time to before its second. Raises StoreUnavailableError, also for
    network errors raised in the block.
    """
    async with readers.reading(viewer) as connection:
        since, until = span
        statement = _SQL.bind(kind, user_id=user_id, **viewer.parameters, since=since, until=until)
        cursor = await connection.cursor(*statement)
        exported = _EXPORTED_OF[kind]

        async def rows() -> AsyncIterator[list[Exported]]:
            while chunk := await cursor.fetch(ROWS_AT_ONCE):
                yield [exported(row) for row in chunk]

        yield rows()


def _event(row: Record) -> Exported:
    values = dict(row)
    call_id, persona_id = values.pop("call_id"), values.pop("persona_id")
    sent = values.pop("operation_sent")
    return ExportedEvent(EventRow(identity="", **values), call_id, persona_id, sent)


def _day(row: Record) -> Exported:
    costs = _sums.decode(row["costs"])
    charged, refunded = int(row["charged_nano"]), int(row["refunded_nano"])
    profit = Profit(charged, refunded, sum(costs.values()), 0)
    return ExportedDay(row["day"], int(row["calls"]), int(row["duration_ms"]), costs, profit)


_EXPORTED_OF: Final[dict[ExportKind, Callable[[Record], Exported]]] = {
    "events": _event,
    "calls": listed_call,
    "daily": _day,
}
