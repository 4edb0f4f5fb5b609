"""A user's forecast: over days, by the month's end, and when limits are reached.

The forecast learns from the whole days before today. Today is what happened so far plus the
remaining part of the expected day. docs/forecasts.md explains the method.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from ledger.budgets.burn_rate import seconds_to_threshold
from ledger.budgets.limits import FULL, Limits
from ledger.calls.periods import CalendarPeriod, period_of
from ledger.forecasts.intervals import ForecastInterval, forecast_interval
from ledger.forecasts.rhythm import Rhythm, learn
from schemas.alerts import SpendBasis

HISTORY_DAYS_MAX: Final = 90
LIMIT_DAYS_MAX: Final = 30
"""How many days ahead are searched for one that reaches the daily limit."""

ForecastPeriod = Literal["daily", "weekly", "monthly"]
PERIOD_DAYS: Final[dict[ForecastPeriod, int]] = {"daily": 1, "weekly": 7, "monthly": 30}
"""The number of UTC days of a forecast, beginning with today."""

_DAY: Final = timedelta(days=1)
_HALF_CONFIDENT_DAYS: Final = 7
"""With a history of this many days the confidence is at most one half."""
_HUNDREDTHS: Final = 100


class DayTotals(NamedTuple):
    """The totals of a UTC day. Revenue is charges minus refunds; money is nano-dollars."""

    day: date
    calls: int = 0
    cost_nano: int = 0
    revenue_nano: int = 0


class CurrentSpend(NamedTuple):
    """The spend of a budget in the current day and month of the user's time zone.

    `burn_rate` is that of active calls, in nano-dollars an hour.
    """

    limits: Limits
    basis: SpendBasis
    day: CalendarPeriod
    month: CalendarPeriod
    day_nano: int
    month_nano: int
    burn_rate: int = 0


class LearnedRhythms(NamedTuple):
    """What was learned from a user's days up to yesterday; `today` are the totals until `now`.

    Calls are learned in hundredths, so that a call every other day is not rounded to zero.
    """

    days: Sequence[DayTotals]
    today: DayTotals
    now: datetime
    calls: Rhythm
    cost: Rhythm
    revenue: Rhythm


class PeriodForecast(NamedTuple):
    """The forecast of a period; `confidence` is from 0 to 1."""

    calls: Decimal
    cost: ForecastInterval
    revenue: ForecastInterval
    confidence: Decimal


class BudgetForecast(NamedTuple):
    """The spend at the month's end, and when limits are reached, if that is expected.

    `daily_on` and `monthly_on` are local days. `daily_seconds` and `monthly_seconds` are None if
    the active calls do not reach the limit today at their burn rate.
    """

    month_end: ForecastInterval
    daily_on: date | None
    monthly_on: date | None
    daily_seconds: int | None = None
    monthly_seconds: int | None = None


def learn_rhythms(
    totals: Sequence[DayTotals], first_day: date | None, now: datetime
) -> LearnedRhythms:
    """Learn from the days before today, in order; days of zeros may be missing.

    `first_day` is the user's first day ever; `now` is in UTC.
    """
    today = now.date()
    start = max(first_day or today, today - _DAY * HISTORY_DAYS_MAX)
    by_day = {total.day: total for total in totals}
    days = [by_day.get(day, DayTotals(day)) for day in _days(start, today)]
    weekday = start.weekday()
    return LearnedRhythms(
        days,
        by_day.get(today, DayTotals(today)),
        now,
        learn([day.calls * _HUNDREDTHS for day in days], weekday),
        learn([day.cost_nano for day in days], weekday),
        learn([day.revenue_nano for day in days], weekday),
    )


def _days(start: date, before: date) -> Iterator[date]:
    return (start + _DAY * number for number in range((before - start).days))


def period_forecast(rhythms: LearnedRhythms, period: ForecastPeriod) -> PeriodForecast:
    """Return the forecast of today and the days after it."""
    end = datetime.combine(rhythms.now.date(), time(), UTC) + _DAY * PERIOD_DAYS[period]
    shares = _day_fractions(rhythms.now, end)
    calls = rhythms.calls.unscaled(rhythms.calls.expected(shares))
    cost = forecast_interval(rhythms.cost, shares).plus(rhythms.today.cost_nano)
    revenue = forecast_interval(rhythms.revenue, shares).plus(rhythms.today.revenue_nano)
    confidence = min(_confidence(len(rhythms.days), interval) for interval in (cost, revenue))
    return PeriodForecast(
        rhythms.today.calls + Decimal(calls).scaleb(-2), cost, revenue, confidence
    )


def _day_fractions(start: datetime, end: datetime) -> list[Fraction]:
    """Return the fraction of each UTC day, from that of `start` on, between two times."""
    shares, midnight = [], datetime.combine(start.date(), time(), UTC)
    while midnight < end:
        inside = min(end, midnight + _DAY) - max(start, midnight)
        shares.append(Fraction(inside // timedelta.resolution, _DAY // timedelta.resolution))
        midnight += _DAY
    return shares


def _confidence(days: int, interval: ForecastInterval) -> Decimal:
    """Return days ÷ (days + 7) · forecast ÷ (forecast + half the interval), to two decimals."""
    half_width = Fraction(interval.high - interval.low, 2)
    expected = max(0, interval.expected)
    narrowness = Fraction(expected) / (expected + half_width) if half_width else Fraction(1)
    return Decimal(round(narrowness * days * 100 / (days + _HALF_CONFIDENT_DAYS))).scaleb(-2)


def budget_forecast(rhythms: LearnedRhythms, spend: CurrentSpend) -> BudgetForecast:
    """Return the forecast of the user's month and of the days on which limits are reached.

    A limit that the spend has reached already is reached today. Otherwise the expected spend, not
    its interval, decides: it must reach the monthly limit by the end of the current month, or the
    daily limit on one of the next days. Today the burn rate of active calls decides, too.
    """
    rhythm = rhythms.revenue if spend.basis == "charged" else rhythms.cost
    month_end = forecast_interval(rhythm, _day_fractions(rhythms.now, spend.month.end)).plus(
        spend.month_nano
    )
    daily_on = monthly_on = None
    so_far = spend.month_nano
    for number, day in enumerate(_local_days(spend)):
        today = spend.day_nano if number == 0 else 0
        expected = _expected_rest(rhythm, rhythms.now, day)
        so_far += expected
        if daily_on is None and _is_reached(spend.limits.daily_nano, today + expected):
            daily_on = _local_day(day)
        if day.end <= spend.month.end and monthly_on is None:
            monthly_on = _local_day(day) if _is_reached(spend.limits.monthly_nano, so_far) else None
    limits, now = spend.limits, rhythms.now
    daily_seconds = _seconds_to_limit(limits.daily_nano, spend.day_nano, spend, now)
    monthly_seconds = _seconds_to_limit(limits.monthly_nano, spend.month_nano, spend, now)
    today_on = _local_day(spend.day)
    return BudgetForecast(
        month_end,
        daily_on if daily_seconds is None else today_on,
        monthly_on if monthly_seconds is None else today_on,
        daily_seconds,
        monthly_seconds,
    )


def _seconds_to_limit(
    limit: int | None, spent: int, spend: CurrentSpend, now: datetime
) -> int | None:
    """Return the seconds until the active calls reach a limit today; None if they do not."""
    return seconds_to_threshold(limit, spent, [FULL], spend.burn_rate, spend.day.seconds_left(now))


def _local_days(spend: CurrentSpend) -> Iterator[CalendarPeriod]:
    """Yield the user's current local day and those after it, at least to the month's end."""
    day = spend.day
    for number in range(LIMIT_DAYS_MAX + 1):
        if number >= LIMIT_DAYS_MAX and day.end > spend.month.end:
            return
        yield day
        day = period_of("daily", day.end, spend.limits.timezone)


def _local_day(day: CalendarPeriod) -> date:
    return date.fromisoformat(day.label)


def _expected_rest(rhythm: Rhythm, now: datetime, day: CalendarPeriod) -> int:
    """Return the expected value of the rest of a day."""
    start = max(now, day.start)
    if start >= day.end:
        return 0
    first = (start.astimezone(UTC).date() - now.date()).days + 1
    return rhythm.unscaled(rhythm.expected(_day_fractions(start, day.end), first))


def _is_reached(limit_nano: int | None, spend_nano: int) -> bool:
    return limit_nano is not None and spend_nano >= limit_nano
