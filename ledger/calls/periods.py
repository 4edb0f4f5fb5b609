"""Calendar periods: the UTC day of a moment, and days, weeks and months in a budget's time zone.

Spend is stored by quarter of an hour. The UTC offset of every time zone in use is a whole number of
quarters; a test verifies this. So a day in any zone is a sum of quarters, and a user who changes
the zone needs no other totals.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

Day = str
"""A UTC calendar day as `YYYY-MM-DD`."""

PeriodType = Literal["daily", "weekly", "monthly"]

QUARTER_MINUTES: Final = 15
_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CalendarPeriod(NamedTuple):
    """A calendar day (`2026-11-22`), week (`2026-W47`) or month (`2026-11`).

    It starts at `start` and ends before `end`; a week starts on Monday.
    """

    type: PeriodType
    label: str
    start: datetime
    end: datetime

    def seconds_left(self, now: datetime) -> int:
        """Return the whole seconds from `now` to the end."""
        return (self.end - now) // _SECOND


def day_of(moment: datetime) -> Day:
    """Return the UTC day of a time in UTC."""
    return _format_day(moment.date())


@lru_cache(maxsize=1024)
def _format_day(day: date) -> Day:
    return day.isoformat()


def quarter_of(moment: datetime) -> datetime:
    """Return the start of the quarter of an hour of a time in UTC."""
    minute = moment.minute
    return moment.replace(minute=minute - minute % QUARTER_MINUTES, second=0, microsecond=0)


def hours_of(moments: Iterable[datetime | None]) -> list[datetime]:
    """Return the starts of the hours of times in UTC, each once; None is left out."""
    hours: set[datetime] = set()
    starts = ends = _LONG_AGO
    for moment in moments:
        if moment is not None and not starts <= moment < ends:
            starts = moment.replace(minute=0, second=0, microsecond=0)
            ends = starts + _HOUR
            hours.add(starts)
    return sorted(hours)


def period_of(kind: PeriodType, moment: datetime, zone: str) -> CalendarPeriod:
    """Return the calendar period of a time in an IANA time zone, with its bounds in UTC."""
    return _period(kind, moment.astimezone(_zone(zone)).date(), zone)


@lru_cache(maxsize=4096)
def _period(kind: PeriodType, day: date, zone: str) -> CalendarPeriod:
    if kind == "daily":
        return CalendarPeriod(
            kind, day.isoformat(), _midnight(day, zone), _midnight(_next(day), zone)
        )
    if kind == "weekly":
        monday = day - timedelta(days=day.weekday())
        label = f"{monday:%G-W%V}"
        return CalendarPeriod(
            kind, label, _midnight(monday, zone), _midnight(_next(monday, 7), zone)
        )
    first = day.replace(day=1)
    following = _next(first.replace(day=28), 4).replace(day=1)
    return CalendarPeriod(
        kind, f"{first:%Y-%m}", _midnight(first, zone), _midnight(following, zone)
    )


def _next(day: date, days: int = 1) -> date:
    return day + timedelta(days=days)


def _midnight(day: date, zone: str) -> datetime:
    """Return the start of a day; if clocks skip midnight, the first time after it."""
    return datetime.combine(day, time(), _zone(zone)).astimezone(UTC)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
