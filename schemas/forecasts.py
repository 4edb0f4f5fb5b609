"""The body of a forecast: what the next days, the month and the limits will come to."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal

from msgspec import Struct

from schemas.alerts import SpendBasis
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd

INTERVAL_PERCENT: Final = 80
"""How many of a hundred forecasts should have the truth inside their interval."""


class Interval(Struct, kw_only=True, rename=wire_name):
    """Between what an amount will lie, `interval_percent` times of a hundred."""

    low: Usd
    high: Usd


class TodaySoFar(Struct, kw_only=True, rename=wire_name):
    """What happened on the present UTC day; part of what is forecast."""

    calls: int
    cost: Usd
    revenue: Usd


class MonthEnd(Struct, kw_only=True, rename=wire_name):
    """What the budget's present month will end with, by the basis that the budget counts."""

    month: str
    spend_so_far: Usd
    expected_spend: Usd
    low: Usd
    high: Usd


class LimitForecast(Struct, kw_only=True, rename=wire_name):
    """A limit, and the day of the user's time zone on which it is expected to be reached.

    `reached_on` is null where that is not to be expected, and today where it `is_reached` already.
    """

    limit_usd: Usd
    is_reached: bool
    reached_on: date | None


class LimitForecasts(Struct, kw_only=True, rename=wire_name):
    """The limits of the day and the month; null where there is none."""

    daily: LimitForecast | None
    monthly: LimitForecast | None


class Forecast(Struct, kw_only=True, rename=wire_name):
    """What is expected of a user's calls; the period begins with today, a UTC day.

    `historical_` fields are sums of the `based_on_days` whole days before today, `forecasted_` ones
    include what happened today. Revenue is charges less refunds, profit is revenue less cost.
    `confidence` is from 0 to 1. `budget_basis` says what limits and the month's spend count.
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
