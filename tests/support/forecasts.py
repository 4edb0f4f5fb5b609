"""Histories to forecast from, and budgets, as the store would return them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from ledger.budgets.limits import Limits
from ledger.calls.periods import period_of
from ledger.forecasts.forecast import CurrentSpend, DayTotals, LearnedRhythms, learn_rhythms
from schemas.alerts import SpendBasis

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
"""Noon of a Wednesday."""
USD = 10**9


def totals(costs: Sequence[int], now: datetime = NOON, scale: int = 1) -> list[DayTotals]:
    """Return the days before today with these costs, a call for each and twice the revenue."""
    first = now.date() - timedelta(days=len(costs))
    return [
        DayTotals(first + timedelta(days=number), int(cost > 0), cost * scale, 2 * cost * scale)
        for number, cost in enumerate(costs)
    ]


def rhythms(
    costs: Sequence[int],
    now: datetime = NOON,
    *,
    today: int = 0,
    scale: int = 1,
    first_day: date | None = None,
) -> LearnedRhythms:
    """Return the rhythms learned from such days; `today` is the cost of today so far."""
    days = totals(costs, now, scale)
    days.append(DayTotals(now.date(), int(today > 0), today * scale, 2 * today * scale))
    return learn_rhythms(days, first_day or days[0].day, now)


def spend(
    now: datetime = NOON,
    *,
    day: int = 0,
    month: int = 0,
    daily: int | None = None,
    monthly: int | None = None,
    zone: str = "UTC",
    basis: SpendBasis = "cost",
    burn_rate: int = 0,
) -> CurrentSpend:
    """Return the status of a budget."""
    limits = Limits(user_id="alice", daily_nano=daily, monthly_nano=monthly, timezone=zone)
    periods = (period_of("daily", now, zone), period_of("monthly", now, zone))
    return CurrentSpend(limits, basis, *periods, day, month, burn_rate)
