"""Reads which users, personas, services and days cost the most, over all users."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, NamedTuple

from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.profit import Profit
from schemas.costs import UNKNOWN_PERSONA

_READS: Final = reads("reports/top")

TopKind = Literal["user", "persona", "service", "day"]
TopSort = Literal["cost", "charged", "profit", "calls", "name"]


class TopRanking(NamedTuple):
    """What is ranked, by what, in which direction, and how many entries are returned."""

    kind: TopKind
    sort: TopSort
    descending: bool
    limit: int


class RankedTotals(NamedTuple):
    """The totals of a user, persona, service or day; services have a cost only."""

    name: str
    calls: int
    duration_ms: int
    profit: Profit


class TopReport(NamedTuple):
    """The first entries, the number of all entries, and their cost in nano-dollars."""

    entries: list[RankedTotals]
    found: int
    cost_nano: int


async def read_top_report(
    readers: ReaderPool, viewer: Viewer, days: tuple[date, date], order: TopRanking
) -> TopReport:
    """Return the entries of the first to the last UTC day, both included.

    Empty for a viewer who may not read all users. Raises StoreUnavailableError.
    """
    statement = _READS.bind(
        "top",
        reads_all=viewer.reads_all,
        by=order.kind,
        sort=order.sort,
        descending=order.descending,
        limit=order.limit,
        first_day=days[0],
        last_day=days[1],
        unknown_persona=UNKNOWN_PERSONA,
    )
    rows = await readers.read(viewer, *statement)
    entries = [
        RankedTotals(
            row["name"],
            int(row["calls"]),
            int(row["duration_ms"]),
            Profit(int(row["charged_nano"]), int(row["refunded_nano"]), int(row["cost_nano"]), 0),
        )
        for row in rows
    ]
    total, cost_nano = (rows[0]["found"], int(rows[0]["all_cost_nano"])) if rows else (0, 0)
    return TopReport(entries, total, cost_nano)
