"""Warnings about a forecast, as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from ledger.forecasts.forecast import BudgetForecast, CurrentSpend, LearnedRhythms, PeriodForecast
from ledger.forecasts.scale import WEEK
from schemas.money import NANO_PER_USD
from schemas.sentences import day_name, dollars, times

RHYTHM_DAYS: Final = 14
"""The number of whole days from which a weekly rhythm can be recognized."""
QUIET_DAYS: Final = 14
LOW_CONFIDENCE: Final = Decimal("0.3")
DOUBLED_NANO_MIN: Final = NANO_PER_USD
"""The least increase in spending, besides doubling, that causes a warning; nano-dollars."""


def forecast_warnings(
    rhythms: LearnedRhythms, forecast: PeriodForecast, spend: CurrentSpend, budget: BudgetForecast
) -> list[str]:
    """Return warnings about the forecast's quality, then about limits that will be reached."""
    return [
        *_history_warnings(rhythms, forecast),
        *_growth_warnings(rhythms, spend),
        *_limit_warnings(spend, budget),
    ]


def _history_warnings(rhythms: LearnedRhythms, forecast: PeriodForecast) -> Iterator[str]:
    days = len(rhythms.days)
    if not days:
        yield "No full day of history yet: the forecast is the amount so far."
        return
    if days < RHYTHM_DAYS:
        full = "1 full day" if days == 1 else f"{days} full days"
        yield f"Only {full} of history: weekly patterns aren't known yet."
    quiet = next((n for n, day in enumerate(reversed(rhythms.days)) if _has_activity(day)), days)
    if quiet >= QUIET_DAYS and not rhythms.today.calls:
        yield f"No calls for {quiet} days: the forecast declines day by day."
    elif forecast.confidence < LOW_CONFIDENCE and days >= RHYTHM_DAYS:
        yield "Your days vary a lot; trust the range."


def _growth_warnings(rhythms: LearnedRhythms, spend: CurrentSpend) -> Iterator[str]:
    """Compare the last seven whole days with the seven days before."""
    amounts = [
        day.revenue_nano if spend.basis == "charged" else day.cost_nano for day in rhythms.days
    ]
    if len(amounts) < 2 * WEEK:
        return
    week, before = sum(amounts[-WEEK:]), sum(amounts[-2 * WEEK : -WEEK])
    if before > 0 and week >= 2 * before and week - before >= DOUBLED_NANO_MIN:
        name = "Charged" if spend.basis == "charged" else "Cost"
        yield (
            f"{name} in the last 7 days: {dollars(week)}, {times(week, before)} the "
            f"{dollars(before)} of the week before."
        )


def _has_activity(day: tuple[object, ...]) -> bool:
    return any(day[1:])


def _limit_warnings(spend: CurrentSpend, budget: BudgetForecast) -> Iterator[str]:
    limits = spend.limits
    for name, nano, spent, on, seconds in (
        ("daily", limits.daily_nano, spend.day_nano, budget.daily_on, budget.daily_seconds),
        (
            "monthly",
            limits.monthly_nano,
            spend.month_nano,
            budget.monthly_on,
            budget.monthly_seconds,
        ),
    ):
        if nano is None:
            continue
        limit = f"{name} limit of {dollars(nano)}"
        if spent >= nano:
            yield f"Your {limit} is reached."
        elif seconds is not None:
            yield f"At the pace of the active calls, your {limit} will be reached today."
        elif on is not None:
            yield f"Your {limit} is expected to be reached on {day_name(on)} ({limits.timezone})."
