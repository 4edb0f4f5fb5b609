"""Reads any number of rows in chunks: a server-side cursor inside one transaction.

A statement sees one snapshot of the database, so an export is consistent however long it takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from ledger.postgres.database import Record
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.filters import NO_FILTER
from ledger.reports.grouping import read_grouped_report
from ledger.reports.lists import CallEventRow, CallFilter, ListedCall, listed_call
from ledger.reports.profit import Profit
from schemas.costs import UNKNOWN_PERSONA

_SQL: Final = statements("reports/exports")

ROWS_AT_ONCE: Final = 500
_MOMENT: Final = timedelta(microseconds=1)

ExportKind = Literal["events", "calls", "daily"]

_sums: Final = msgspec.json.Decoder(dict[str, int])


class ExportedEvent(NamedTuple):
    """An event with export-only columns: its persona, and the operation as it was sent."""

    event: CallEventRow
    call_id: str
    persona_id: str | None
    operation_sent: str | None


class ExportedDay(NamedTuple):
    """The totals of a UTC day; `costs` are nano-dollars by service.

    With `is_partial` they are narrowed to some services or models, so that profit has no meaning.
    """

    day: date
    calls: int
    duration_ms: int
    costs: dict[str, int]
    profit: Profit
    is_partial: bool = False


Exported: TypeAlias = ExportedEvent | ListedCall | ExportedDay


@asynccontextmanager
async def exporting(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str,
    kind: ExportKind,
    filters: CallFilter,
) -> AsyncIterator[AsyncIterator[list[Exported]]]:
    """Provide the rows of an export in lists of up to ROWS_AT_ONCE, for the duration of the block.

    `filters` must have both times. Raises StoreUnavailableError, also for network errors raised in
    the block.
    """
    if kind == "daily" and filters.having != NO_FILTER:
        filtered = await _filtered_days(readers, viewer, user_id, filters)

        async def days() -> AsyncIterator[list[Exported]]:
            yield filtered

        yield days()
        return
    async with readers.reading(viewer) as connection:
        statement = _SQL.bind(kind, **export_parameters(kind, viewer, user_id, filters))
        cursor = await connection.cursor(*statement)
        exported = _EXPORTED_OF[kind]

        async def rows() -> AsyncIterator[list[Exported]]:
            while chunk := await cursor.fetch(ROWS_AT_ONCE):
                yield [exported(row) for row in chunk]

        yield rows()


def export_parameters(
    kind: ExportKind, viewer: Viewer, user_id: str, filters: CallFilter
) -> dict[str, Any]:
    """Return the parameters of the statement of an export."""
    given = filters.parameters | {"user_id": user_id, **viewer.parameters}
    given |= {"since": given.pop("earliest"), "until": given.pop("before")}
    given["unknown_persona"] = UNKNOWN_PERSONA
    return {name: given[name] for name in _SQL.statement(kind).parameters}


async def _filtered_days(
    readers: ReaderPool, viewer: Viewer, user_id: str, filters: CallFilter
) -> list[Exported]:
    """Return the days of filtered costs, of which there are few."""
    if filters.earliest is None or filters.before is None:
        raise ValueError("an export needs its first and its last day")
    days = (filters.earliest.date(), (filters.before - _MOMENT).date())
    report = await read_grouped_report(readers, viewer, user_id, days, filters.having, None)
    return [
        ExportedDay(
            day.day, day.calls, day.duration_ms, day.costs, day.profit, filters.having.narrows_costs
        )
        for day in report.spending.daily
    ]


def _event(row: Record) -> Exported:
    values = dict(row)
    call_id, persona_id = values.pop("call_id"), values.pop("persona_id")
    sent = values.pop("operation_sent")
    return ExportedEvent(CallEventRow(identity="", **values), call_id, persona_id, sent)


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
