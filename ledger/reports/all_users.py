"""Reads the costs and revenue of all users, from running totals of days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, NamedTuple

import msgspec

from ledger.calls.call import sum_by_service
from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.costs import DaySum, ServiceCosts, add_classes, profit_of
from ledger.reports.insights import PeriodSums

_READS: Final = reads("reports/all_users")
_days: Final = msgspec.json.Decoder(list[DaySum])


class UserCounts(NamedTuple):
    """Users: in total at the end of a period, new in it, and active in it."""

    total: int
    began: int
    active: int


class AllUsersReport(NamedTuple):
    """The totals of a period and of each day, and those of the equal period before it."""

    users: UserCounts
    now: PeriodSums
    before: PeriodSums
    duration_ms: int
    costs: ServiceCosts
    daily: list[DaySum]
    unpriced_events: int = 0


async def read_all_users_report(
    readers: ReaderPool, viewer: Viewer, days: tuple[date, date]
) -> AllUsersReport:
    """Return the totals of all users from the first to the last UTC day, both included.

    Zeros for a viewer who may not read all users. Raises StoreUnavailableError.
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
    costs = add_classes(sum_by_service(day.costs for day in daily), row["classes"])
    earlier = [day for day in all_days if before[0] <= day.day <= before[1]]
    return AllUsersReport(
        users=UserCounts(row["total"], row["began"], row["active"]),
        now=_sums(daily, row["classes"]),
        before=_sums(earlier, row["classes"]),
        duration_ms=sum(day.duration_ms for day in daily),
        costs=costs,
        daily=daily,
        unpriced_events=row["unpriced_events"],
    )


def _days_before(first: date, count: int) -> tuple[date, date]:
    """Return `count` days before the first, or as many as there are."""
    if first == date.min:
        return first, first
    room = min(count, (first - date.min).days)
    return first - timedelta(days=room), first - timedelta(days=1)


def _sums(days: list[DaySum], classes: str | None) -> PeriodSums:
    by_service = sum_by_service(day.costs for day in days)
    charged, refunded = sum(d.charged_nano for d in days), sum(d.refunded_nano for d in days)
    profit = profit_of(charged, refunded, add_classes(by_service, classes))
    return PeriodSums(sum(day.calls for day in days), by_service, profit)
