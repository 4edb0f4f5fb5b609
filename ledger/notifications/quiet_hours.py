"""Quiet hours of a channel: when they end, in any time zone, also when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo


class QuietTimes(NamedTuple):
    """Quiet hours from `start` to before `end`, as HH:MM of an IANA time zone."""

    start: str
    end: str
    zone: str


def quiet_until(times: QuietTimes, now: datetime) -> datetime | None:
    """Return the end, in UTC, of the quiet hours that `now` is in; None outside of them.

    A time that clocks show twice is the first of both; one that they skip is later by what they
    skip.
    """
    zone = _zone(times.zone)
    today = now.astimezone(zone).date()
    for days_back in (1, 0):
        day = today - timedelta(days=days_back)
        ends_on = day if times.end > times.start else day + timedelta(days=1)
        start, end = _utc(day, times.start, zone), _utc(ends_on, times.end, zone)
        if start <= now < end:
            return end
    return None


def _utc(day: date, clock: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    """Return a time zone; UTC for one that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError):
        return ZoneInfo("UTC")
