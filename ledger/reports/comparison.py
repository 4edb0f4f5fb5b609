"""Reads the totals of the period before another one, for a comparison of both."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from ledger.calls.periods import QUARTER_MINUTES, quarter_of
from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.profit import Profit

_READS: Final = reads("reports/comparison")
_QUARTER: Final = timedelta(minutes=QUARTER_MINUTES)
_DAY: Final = timedelta(days=1)


class TimeRange(NamedTuple):
    """The time from `earliest` to before `before`; both in UTC."""

    earliest: datetime
    before: datetime


class PreviousTotals(NamedTuple):
    """A user's totals in an earlier period; the transaction cost is not known separately."""

    range: TimeRange
    calls: int
    profit: Profit


def range_before(first: date, last: date, now: datetime, *, is_rolling: bool = False) -> TimeRange:
    """Return the range to compare the UTC days from `first` to `last` with.

    A month is compared with the month before, and so is one so far from its second day on; all
    other days, such as today, are compared with as many days before. So are the last days until
    today (`is_rolling`), although once a month they are a month so far. If the days are not over,
    only the same part of the earlier days is compared, up to the end of the present quarter of an
    hour, because spend is stored by quarter.
    """
    try:
        start, end = _midnight(first), _midnight(last) + _DAY
        now_end = quarter_of(now) + _QUARTER
        passed = max(min(end, now_end) - start, timedelta())
        if is_rolling or not _is_month(first, last, now.date()):
            earliest = start - (end - start)
            return TimeRange(earliest, earliest + passed)
        earliest = _midnight((first - _DAY).replace(day=1))
        return TimeRange(earliest, start if end <= now_end else min(earliest + passed, start))
    except OverflowError:  # At either end of the calendar.
        return TimeRange(now, now)


def _is_month(first: date, last: date, today: date) -> bool:
    """Return whether the days are a whole month, or two or more of a month so far."""
    in_month = first.day == 1 and first < last < _next_month(first)
    return in_month and (last + _DAY == _next_month(first) or last == today)


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(tzinfo=UTC))


async def previous_totals(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str,
    days: tuple[date, date],
    now: datetime,
    *,
    is_rolling: bool = False,
) -> PreviousTotals:
    """Return the user's totals of the range before the UTC days from the first to the last.

    `is_rolling` is that of `range_before`. Zeros for a viewer without access to the user. Raises
    StoreUnavailableError.
    """
    compared = range_before(*days, now, is_rolling=is_rolling)
    totals = _READS.bind(
        "totals_between", user_id=user_id, **viewer.parameters, **compared._asdict()
    )
    [row] = await readers.read(viewer, *totals)
    charged, refunded = int(row["charged_nano"]), int(row["refunded_nano"])
    profit = Profit(charged, refunded, int(row["cost_nano"]), 0)
    return PreviousTotals(compared, int(row["calls"]), profit)
