"""Reads what all users' calls cost and earned, from running totals of whole days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, NamedTuple

import msgspec

from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.costs import Costs, DaySum, classified, profit_of
from ledger.reports.insights import Sums

_READS: Final = reads("reports/all_users")


class EveryoneDay(DaySum, rename="camel"):
    """What one UTC day's calls of all users came to."""

    duration_ms: int = 0


_days: Final = msgspec.json.Decoder(list[EveryoneDay])


class Users(NamedTuple):
    """How many users there are by the end of a period, began in it, and made calls in it."""

    total: int
    began: int
    active: int


class EveryoneReport(NamedTuple):
    """What a period came to, in sum and day by day, and the equal period before it in sum."""

    users: Users
    now: Sums
    before: Sums
    duration_ms: int
    costs: Costs
    daily: list[EveryoneDay]


async def everyone_report(
    readers: ReaderPool, viewer: Viewer, days: tuple[date, date]
) -> EveryoneReport:
    """Return what all users' calls came to from the first to the last UTC day, both included.

    Zeros for whoever may not read all. Raises StoreUnavailableError.
    """
    first, last = days
    before = _days_before(first, (last - first).days + 1)
    everyone = _READS.bind(
        "everyone",
        reads_all=viewer.reads_all,
        first_day=first,
        last_day=last,
        compared_from=before[0],
        compared_to=before[1],
    )
    [row] = await readers.read(viewer, *everyone)
    all_days = _days.decode(row["daily"] or "[]")
    daily = [day for day in all_days if first <= day.day <= last]
    costs = classified(_by_service(daily), row["classes"])
    earlier = [day for day in all_days if before[0] <= day.day <= before[1]]
    return EveryoneReport(
        users=Users(row["total"], row["began"], row["active"]),
        now=_sums(daily, row["classes"]),
        before=_sums(earlier, row["classes"]),
        duration_ms=sum(day.duration_ms for day in daily),
        costs=costs,
        daily=daily,
    )


def _days_before(first: date, count: int) -> tuple[date, date]:
    """Return the days before the first, as many, or as many as there are."""
    if first == date.min:
        return first, first
    room = min(count, (first - date.min).days)
    return first - timedelta(days=room), first - timedelta(days=1)


def _by_service(days: list[EveryoneDay]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for day in days:
        for service, nano in day.costs.items():
            sums[service] = sums.get(service, 0) + nano
    return sums


def _sums(days: list[EveryoneDay], classes: str | None) -> Sums:
    by_service = _by_service(days)
    charged, refunded = sum(d.charged_nano for d in days), sum(d.refunded_nano for d in days)
    profit = profit_of(charged, refunded, classified(by_service, classes))
    return Sums(sum(day.calls for day in days), by_service, profit)
