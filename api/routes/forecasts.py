"""A user's forecast: `GET /api/costs/user/{userId}/forecast`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, cast

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.parameters import choice, choice_of
from api.http.replies import tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.budgets.budgets import Budgets
from ledger.forecasts.forecast import (
    PERIOD_DAYS,
    BudgetForecast,
    CurrentSpend,
    ForecastPeriod,
    LearnedRhythms,
    budget_forecast,
    learn_rhythms,
    period_forecast,
)
from ledger.forecasts.intervals import ForecastInterval
from ledger.forecasts.rows import read_forecast_data
from ledger.forecasts.warnings import forecast_warnings
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from schemas.exact import Exact
from schemas.forecasts import (
    INTERVAL_PERCENT,
    Forecast,
    Interval,
    LimitForecast,
    LimitForecasts,
    MonthEnd,
    TodaySoFar,
)
from schemas.money import Usd

PERIOD: Final = choice(
    "period", "Today, or today and the 6 or 29 UTC days after it.", [*PERIOD_DAYS], "monthly"
)
_LAST_SECOND: Final = time(23, 59, 59, tzinfo=UTC)


class ForecastRoutes:
    """The route of a user's forecast."""

    def __init__(self, readers: ReaderPool, budgets: Budgets, now: Clock) -> None:
        self._readers = readers
        self._budgets = budgets
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="getForecast",
            tag=Tag.SPENDING,
            summary="Get a user's forecast",
            response=Forecast,
            has_etag=True,
            query=(PERIOD,),
        )
        path = "/api/costs/user/{userId}/forecast"
        return (Route("GET", path, Access.SELF, self.read, operation),)

    async def read(self, request: web.Request) -> web.Response:
        """Return the forecast of the requested period."""
        period = cast(ForecastPeriod, choice_of(request, PERIOD))
        viewer, user_id, now = request[CALLER].viewer, request.match_info["userId"], self._now()
        data = await read_forecast_data(self._readers, self._budgets, viewer, user_id, now)
        rhythms = learn_rhythms(data.history.days, data.history.first_day, now)
        return tagged_reply(request, forecast(user_id, period, rhythms, data.spend))


def forecast(
    user_id: str, period: ForecastPeriod, rhythms: LearnedRhythms, spend: CurrentSpend
) -> Forecast:
    """Return the response body."""
    ahead, budget = period_forecast(rhythms, period), budget_forecast(rhythms, spend)
    today, days = rhythms.today, rhythms.days
    last = today.day + timedelta(days=PERIOD_DAYS[period] - 1)
    return Forecast(
        user_id=user_id,
        period=period,
        period_start=datetime.combine(today.day, time(tzinfo=UTC)),
        period_end=datetime.combine(last, _LAST_SECOND),
        based_on_days=len(days),
        historical_calls=sum(day.calls for day in days),
        historical_cost=Usd(sum(day.cost_nano for day in days)),
        historical_revenue=Usd(sum(day.revenue_nano for day in days)),
        today_so_far=TodaySoFar(
            calls=today.calls, cost=Usd(today.cost_nano), revenue=Usd(today.revenue_nano)
        ),
        forecasted_calls=Exact(ahead.calls),
        forecasted_cost=Usd(ahead.cost.expected),
        forecasted_revenue=Usd(ahead.revenue.expected),
        forecasted_profit=Usd(ahead.revenue.expected - ahead.cost.expected),
        interval_percent=INTERVAL_PERCENT,
        cost_interval=_interval(ahead.cost),
        revenue_interval=_interval(ahead.revenue),
        confidence=Exact(ahead.confidence),
        budget_basis=spend.basis,
        timezone=spend.limits.timezone,
        month_end=_month_end(spend, budget),
        limits=_limits(spend, budget),
        warnings=forecast_warnings(rhythms, ahead, spend, budget),
    )


def _interval(interval: ForecastInterval) -> Interval:
    return Interval(low=Usd(interval.low), high=Usd(interval.high))


def _month_end(spend: CurrentSpend, budget: BudgetForecast) -> MonthEnd:
    end = budget.month_end
    return MonthEnd(
        month=spend.month.label,
        spend_so_far=Usd(spend.month_nano),
        expected_spend=Usd(end.expected),
        low=Usd(end.low),
        high=Usd(end.high),
    )


def _limits(spend: CurrentSpend, budget: BudgetForecast) -> LimitForecasts:
    limits = spend.limits
    return LimitForecasts(
        daily=_limit(limits.daily_nano, spend.day_nano, budget.daily_on, budget.daily_seconds),
        monthly=_limit(
            limits.monthly_nano, spend.month_nano, budget.monthly_on, budget.monthly_seconds
        ),
    )


def _limit(
    nano: int | None, spent_nano: int, on: date | None, seconds: int | None
) -> LimitForecast | None:
    if nano is None:
        return None
    return LimitForecast(
        limit_usd=Usd(nano),
        is_reached=spent_nano >= nano,
        reached_on=on,
        reached_in_seconds=seconds,
    )
