"""Sums the calls of all users by period, so that reports of many calls read few rows.

A period is an hour; some time after a day, its hours become one period. A transaction that changes
a call marks its period, and the sums of a marked period are not used. So reports are right however
far the summing has come. One process at a time computes the sums.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("reports/summing")

TAG_KEYS_MAX: Final = 20
TAG_VALUES_MAX: Final = 1_000
COMBINATIONS_MAX: Final = 5_000
"""The maximum number of combinations of a persona and tags in a period. To keep it, the keys with
the most values are left out; a report that names such a key reads the calls."""

_SECONDS_MAX: Final = 600
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


class SummedRange(NamedTuple):
    """The calls with a first event from `starts` to before `ends`."""

    starts: datetime
    ends: datetime


class SummedPeriod(NamedTuple):
    """A summed period, and when a call of it last changed since; None if none did."""

    span: SummedRange
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SummingDelays:
    """`quiet`: after the last change of a period. `hour` and `day`: after their ends."""

    quiet: timedelta = timedelta(seconds=20)
    hour: timedelta = timedelta(minutes=15)
    day: timedelta = timedelta(days=1)


def next_spans(
    periods: Sequence[SummedPeriod],
    first_day: datetime | None,
    now: datetime,
    delays: SummingDelays,
) -> Iterator[SummedRange]:
    """Yield the due periods: changed ones, missing ones, days of hours, and new ones.

    `periods` are sorted. `first_day` is the day of the first call before them, if there is one.
    """
    merged = {_day_of(p.span) for p in periods if p.span.ends - p.span.starts < _DAY}
    merged = {day for day in merged if day.ends + delays.day <= now}
    for span, changed_at in periods:
        if changed_at and changed_at + delays.quiet <= now and _day_of(span) not in merged:
            yield span
    starts = first_day or periods[0].span.starts
    for span, _ in periods:
        while starts < span.starts:
            ends = min(_day_of(SummedRange(starts, starts)).ends, span.starts)
            yield SummedRange(starts, ends)
            starts = ends
        starts = span.ends
    for day in sorted(merged):
        yield day
        starts = max(starts, day.ends)
    while True:
        day = _day_of(SummedRange(starts, starts))
        if starts == day.starts and day.ends + delays.day <= now:
            span = day
        elif starts + _HOUR + delays.hour <= now:
            span = SummedRange(starts, starts + _HOUR)
        else:
            return
        yield span
        starts = span.ends


def _day_of(span: SummedRange) -> SummedRange:
    starts = span.starts.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return SummedRange(starts, starts + _DAY)


async def lock_summing(connection: Connection) -> bool:
    """Return whether this process may compute the sums, until the connection is closed."""
    return bool(await connection.fetchval(_SQL["lock_summing"]))


async def sum_periods(
    connection: Connection,
    now: datetime,
    stopped: Callable[[], bool] = lambda: False,
    *,
    delays: SummingDelays | None = None,
    seconds_max: int | None = None,
) -> int:
    """Sum the due periods, for about `seconds_max`; returns the number of summed periods.

    Each is a transaction of its own. Raises a PostgreSQL error; earlier periods stay summed.
    """
    began = time.monotonic()
    await connection.execute(_SQL["combine_marks"])
    if await connection.fetchval(_SQL["all_changed"]):
        async with connection.transaction(isolation="repeatable_read"):
            await connection.execute(_SQL["forget_all"])
    periods = [
        SummedPeriod(SummedRange(row["starts"], row["ends"]), row["changed_at"])
        for row in await connection.fetch(_SQL["periods"])
    ]
    first_day = await connection.fetchval(_SQL["first_day"], timeout=_SECONDS_MAX)
    if first_day is None and not periods:
        return 0
    number = 0
    for span in next_spans(periods, first_day, now, delays or SummingDelays()):
        if stopped() or (seconds_max is not None and time.monotonic() - began > seconds_max):
            break
        await _sum_period(connection, span)
        number += 1
    return number


async def _sum_period(connection: Connection, span: SummedRange) -> None:
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute(_SQL["no_usual_limits"])
        await connection.execute(*_SQL.bind("forget_period", **span._asdict()))
        keys = await tag_keys(connection, span)
        of_span = {**span._asdict(), "tag_keys": keys}
        await connection.execute(*_SQL.bind("add_period", **of_span))
        sums = _SQL.bind("add_sums", **of_span, viewer_id="", reads_all=True)
        await connection.execute(*sums, timeout=_SECONDS_MAX)


async def tag_keys(connection: Connection, span: SummedRange) -> list[str] | None:
    """Return the keys of tags that the sums distinguish; None for all keys of the calls."""
    fewest = _SQL.bind(
        "tag_keys", **span._asdict(), keys_max=TAG_KEYS_MAX, values_max=TAG_VALUES_MAX
    )
    [found] = await connection.fetch(*fewest, timeout=_SECONDS_MAX)
    kept: list[str] = found["kept"]
    keys = None if found["all_keys"] == len(kept) else kept
    while kept:
        combinations = _SQL.bind("combinations", **span._asdict(), tag_keys=keys)
        if await connection.fetchval(*combinations, timeout=_SECONDS_MAX) <= COMBINATIONS_MAX:
            break
        kept = keys = kept[:-1]
    return keys
