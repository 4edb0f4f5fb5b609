"""Body of a forecast: the expected spend of the next days and the month, and the limits."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal

from msgspec import Struct

from schemas.alerts import SpendBasis
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd

INTERVAL_PERCENT: Final = 80
"""The share of forecasts, in percent, whose interval should contain the actual value."""


class Interval(Struct, kw_only=True, rename=wire_name):
    """The range that contains the actual amount with a probability of `interval_percent`."""

    low: Usd
    high: Usd


class TodaySoFar(Struct, kw_only=True, rename=wire_name):
    """Calls and money of the present UTC day, which the forecast includes."""

    calls: int
    cost: Usd
    revenue: Usd


class MonthEnd(Struct, kw_only=True, rename=wire_name):
    """The expected spend of the present month, on the same basis as the budget."""

    month: str
    spend_so_far: Usd
    expected_spend: Usd
    low: Usd
    high: Usd


class LimitForecast(Struct, kw_only=True, rename=wire_name):
    """A limit and the day, in the user's time zone, on which it should be reached.

    `reached_on` is null if the limit should not be reached, and today if `is_reached`.
    `reached_in_seconds` is the time until active calls reach it at their present pace, null if not
    today.
    """

    limit_usd: Usd
    is_reached: bool
    reached_on: date | None
    reached_in_seconds: int | None


class LimitForecasts(Struct, kw_only=True, rename=wire_name):
    """The limits of the day and the month; null without a limit."""

    daily: LimitForecast | None
    monthly: LimitForecast | None


class Forecast(Struct, kw_only=True, rename=wire_name):
    """The forecast of a user's calls; the period begins with the present UTC day.

    `historical_` fields are sums of the `based_on_days` whole days before today, `forecasted_`
    fields include today so far. Revenue is charges minus refunds, profit is revenue minus cost.
    `confidence` is from 0 to 1. `budget_basis` is what limits and the month's spend count.
    """

    user_id: str
    period: Literal["daily", "weekly", "monthly"]
    period_start: datetime
    period_end: datetime
    based_on_days: int
    historical_calls: int
    historical_cost: Usd
    historical_revenue: Usd
    today_so_far: TodaySoFar
    forecasted_calls: Exact
    forecasted_cost: Usd
    forecasted_revenue: Usd
    forecasted_profit: Usd
    interval_percent: int
    cost_interval: Interval
    revenue_interval: Interval
    confidence: Exact
    budget_basis: SpendBasis
    timezone: str
    month_end: MonthEnd
    limits: LimitForecasts
    warnings: list[str]
