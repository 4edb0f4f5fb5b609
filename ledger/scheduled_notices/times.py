"""Decides when scheduled messages are due, and which days a digest is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple
from zlib import crc32
from zoneinfo import ZoneInfo

from ledger.calls.periods import period_of

ScheduledKind = Literal["forecast", "unpriced", "daily_digest", "weekly_digest"]
DigestKind = Literal["daily_digest", "weekly_digest"]

DIGEST_AT: Final = time(7)
"""When digests are due, by the user's clock. They are sent up to an hour later, to spread the
load."""
SPREAD_SECONDS: Final = 3_600
FORECAST_EVERY: Final = timedelta(hours=1)
UNPRICED_EVERY: Final = timedelta(minutes=5)

_DAY: Final = timedelta(days=1)
_WEEK_DAYS: Final = 7


class DigestWindow(NamedTuple):
    """The days of a digest in the user's time zone, and the same number of days before them.

    `label` is `2026-11-29`, or `2026-W48` for a week from Monday to Sunday. Times are in UTC.
    """

    label: str
    first_day: date
    before: datetime
    start: datetime
    end: datetime


def spread_of(user_id: str) -> timedelta:
    """Return how much later than DIGEST_AT a user's digests are due, the same for each digest."""
    return timedelta(seconds=crc32(user_id.encode()) % SPREAD_SECONDS)


def digest_window(kind: DigestKind, zone: str, now: datetime) -> DigestWindow:
    """Return the last whole day or week before `now`."""
    today = now.astimezone(ZoneInfo(zone)).date()
    if kind == "daily_digest":
        first, days = today - _DAY, 1
        label = first.isoformat()
    else:
        first, days = today - (today.weekday() + _WEEK_DAYS) * _DAY, _WEEK_DAYS
        label = f"{first:%G-W%V}"
    return DigestWindow(
        label,
        first,
        _start_of(first - days * _DAY, zone),
        _start_of(first, zone),
        _start_of(first + days * _DAY, zone),
    )


def next_due(kind: ScheduledKind, user_id: str, zone: str, now: datetime) -> datetime:
    """Return when a kind is due next, after `now`."""
    if kind == "forecast":
        return now + FORECAST_EVERY
    if kind == "unpriced":
        return now + UNPRICED_EVERY
    local, spread = ZoneInfo(zone), spread_of(user_id)
    day = now.astimezone(local).date()
    if kind == "weekly_digest":
        day -= day.weekday() * _DAY
    step = _DAY if kind == "daily_digest" else _WEEK_DAYS * _DAY
    while (due := datetime.combine(day, DIGEST_AT, local).astimezone(UTC) + spread) <= now:
        day += step
    return due


def _start_of(day: date, zone: str) -> datetime:
    """Return the start of a local day, in UTC."""
    noon = datetime.combine(day, time(12), ZoneInfo(zone)).astimezone(UTC)
    return period_of("daily", noon, zone).start
