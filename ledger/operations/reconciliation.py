"""Reconciliation: compares the same money in all places that store it, and with vendors' bills.

Everything is read from one snapshot, so batches that are committed meanwhile make no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple, get_args

from ledger.operations.gaps import StreamGap, list_gaps
from ledger.postgres.database import Record
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("operations/reconciliation")

TotalsPlace = Literal["events", "calls", "user_days", "everyone"]
PLACES: Final[tuple[TotalsPlace, ...]] = get_args(TotalsPlace)
_DAYS_AT_ONCE: Final = timedelta(days=31)
"""The days of recorded events that one statement reads."""


class DayCount(NamedTuple):
    """The totals of a place for a UTC day; money is nano-dollars."""

    calls: int = 0
    cost_nano: int = 0
    charged_nano: int = 0
    refunded_nano: int = 0


class BilledServiceDay(NamedTuple):
    """What vendors billed for a service on a UTC day, and what was recorded; in nano-dollars."""

    day: date
    service: str
    quantity: Decimal | None
    billed_nano: int
    bills: list[str]
    recorded_nano: int


class ListedServiceDay(NamedTuple):
    """Costs of a service at the vendor's price and at ours, on a UTC day; in nano-dollars."""

    day: date
    service: str
    costs: int
    reported_nano: int
    listed_nano: int


class Reconciliation(NamedTuple):
    """The totals of each place by day, bills, and open gaps; days without any total are left out.

    `archived_events` is the number of archived events in the months of the span. `listed` has no
    archived costs.
    """

    days: Mapping[date, Mapping[TotalsPlace, DayCount]]
    archived_events: int
    billed: list[BilledServiceDay]
    listed: list[ListedServiceDay]
    gaps: list[StreamGap]


async def reconcile(
    readers: ReaderPool, viewer: Viewer, span: tuple[datetime, datetime]
) -> Reconciliation:
    """Compare everything from the start of `span` to before its end, both midnights in UTC.

    Empty for a viewer who may not read all users. Raises StoreUnavailableError.
    """
    found: dict[date, dict[TotalsPlace, DayCount]] = {}
    of_span = {"reads_all": viewer.reads_all, "since": span[0], "until": span[1]}
    async with readers.reading_snapshot(viewer) as connection:
        for place in PLACES:
            for since, until in _parts(span) if place == "events" else [span]:
                part = of_span | {"since": since, "until": until}
                for row in await connection.fetch(*_SQL.bind(f"from_{place}", **part)):
                    found.setdefault(row["day"], {})[place] = _count(row)
        archived = await connection.fetchval(*_SQL.bind("archived", **of_span))
        billed = await connection.fetch(*_SQL.bind("billed", **of_span))
        listed = [
            ListedServiceDay(row[0], row[1], *map(int, row[2:]))
            for since, until in _parts(span)
            for row in await connection.fetch(
                *_SQL.bind("listed", **(of_span | {"since": since, "until": until}))
            )
        ]
        gaps = await list_gaps(connection) if viewer.reads_all else []
    days = {
        day: {place: found[day].get(place, DayCount()) for place in PLACES} for day in sorted(found)
    }
    return Reconciliation(days, int(archived or 0), [_billed(row) for row in billed], listed, gaps)


def _parts(span: tuple[datetime, datetime]) -> Iterator[tuple[datetime, datetime]]:
    """Split a span, so that no statement takes too long however many days are compared."""
    since, until = span
    while since < until:
        end = min(since + _DAYS_AT_ONCE, until)
        yield since, end
        since = end


def _count(row: Record) -> DayCount:
    return DayCount(*(int(row[name]) for name in DayCount._fields))


def _billed(row: Record) -> BilledServiceDay:
    nano = {name: int(row[name]) for name in ("billed_nano", "recorded_nano")}
    return BilledServiceDay(**(dict(row) | nano))
