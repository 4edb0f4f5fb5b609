"""`GET /api/costs/user/{userId}/spending`: a user's spending over a period."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final, NamedTuple, cast

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.parameters import DATE_OR_TIME, choice, day_of, flag, flag_of, is_given, value_of
from api.http.problems import invalid_parameter
from api.http.replies import scope_of, tagged_reply, versioned_reply
from api.http.report_cache import ReportCache
from api.openapi.operations import Operation, Parameter, Tag
from api.routes.breakdown import by_service, fill_days, spending_day
from api.routes.filters import COST_FILTERS, GROUPING, cost_filter_of, grouping_of
from api.routes.groups import groups_body
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from ledger.reports.comparison import PreviousTotals, previous_totals
from ledger.reports.costs import SpendingReport, read_spending_report
from ledger.reports.filters import NO_FILTER, CostFilter
from ledger.reports.grouping import read_grouped_report
from schemas.costs import CostGroups, Period, PersonaCost, PreviousSpending, Spending
from schemas.exact import Exact
from schemas.money import Usd, half_even

CUSTOM_DAYS_MAX: Final = 400

_DEFAULT_PERIOD: Final = "30d"
_DAYS_BACK: Final[Mapping[str, int]] = {"7d": 7, "30d": 30, "90d": 90}
_LAST_SECOND: Final = time(23, 59, 59, tzinfo=UTC)


def period_parameter(default: str = _DEFAULT_PERIOD) -> Parameter:
    """Declare the `period` parameter."""
    description = (
        "Whole UTC days: from that many days ago to today, or `custom`: from `startDate` to "
        "`endDate`."
    )
    return choice("period", description, [*_DAYS_BACK, "custom"], default)


PERIOD: Final = period_parameter()
START_DATE: Final = Parameter(
    "startDate", "The first UTC day of a custom period: a date or an ISO time.", DATE_OR_TIME
)
END_DATE: Final = Parameter(
    "endDate",
    f"The last UTC day of a custom period, included; at most {CUSTOM_DAYS_MAX} days.",
    DATE_OR_TIME,
)
COMPARE: Final = flag(
    "compare",
    "Adds `previous`, the totals of the preceding period: the month before a `custom` month, else "
    "the same number of days. While the period lasts, only the same part of the preceding period "
    "counts.",
    default=False,
)
SPAN: Final = (PERIOD, START_DATE, END_DATE)
"""The parameters that `days_of` reads."""


class DayRange(NamedTuple):
    """UTC days from the first to the last, both included, and their label."""

    first: date
    last: date
    label: str

    def period(self) -> Period:
        """Return the `period` of a response body."""
        return Period(
            start=datetime.combine(self.first, time(tzinfo=UTC)),
            end=datetime.combine(self.last, _LAST_SECOND),
            label=self.label,
        )


class SpendingRoutes:
    """The route of a user's spending."""

    def __init__(self, readers: ReaderPool, cache: ReportCache, now: Clock) -> None:
        self._readers = readers
        self._cache = cache
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="getSpending",
            tag=Tag.SPENDING,
            summary="Get a user's spending",
            response=Spending,
            has_etag=True,
            query=(*SPAN, COMPARE, *COST_FILTERS, *GROUPING),
        )
        path = "/api/costs/user/{userId}/spending"
        return (Route("GET", path, Access.SELF, self.spending, operation),)

    async def spending(self, request: web.Request) -> web.Response:
        """Return the user's spending in the requested period, as filtered and grouped."""
        user_id, viewer, now = request.match_info["userId"], request[CALLER].viewer, self._now()
        days = days_of(request, now.date())
        is_compared, span = flag_of(request, COMPARE), (days.first, days.last)
        filters, grouping = cost_filter_of(request), grouping_of(request)
        if is_compared and filters != NO_FILTER:
            raise invalid_parameter(COMPARE.name, "cannot be combined with a filter")
        if grouping or filters != NO_FILTER:
            report, groups, _ = await read_grouped_report(
                self._readers, viewer, user_id, span, filters, grouping
            )
            body = spending(user_id, days, report, filters, groups_body(grouping, groups, filters))
            if is_compared:
                body.previous = await self._previous(request, days, now)
            return tagged_reply(request, body)
        read = partial(read_spending_report, self._readers, viewer, user_id, span)
        if is_compared:
            report = cast(SpendingReport, (await read()).report)  # as no version was given
            body = spending(user_id, days, report)
            body.previous = await self._previous(request, days, now)
            return tagged_reply(request, body)
        scope = scope_of(request, user_id, *days)
        build = partial(spending, user_id, days)
        return await versioned_reply(request, scope, self._cache, read, build)

    async def _previous(
        self, request: web.Request, days: DayRange, now: datetime
    ) -> PreviousSpending:
        """Return the totals that the user's spending on these days is compared with."""
        user_id, viewer = request.match_info["userId"], request[CALLER].viewer
        span, is_rolling = (days.first, days.last), value_of(request, PERIOD) != "custom"
        return previous_body(
            await previous_totals(self._readers, viewer, user_id, span, now, is_rolling=is_rolling)
        )


def days_of(request: web.Request, today: date, declared: Parameter = PERIOD) -> DayRange:
    """Return the days of `period`, `startDate` and `endDate`; raises the 400 Problem."""
    period = value_of(request, declared) or declared.default
    if period == "custom":
        return custom_days(request)
    back = _DAYS_BACK.get(period)
    if back is None:
        raise invalid_parameter("period", f"must be {', '.join(_DAYS_BACK)} or custom")
    for date_of in (START_DATE, END_DATE):
        if is_given(request, date_of):
            raise invalid_parameter(date_of.name, "requires period=custom")
    return DayRange(today - timedelta(days=back), today, f"Last {back} days")


def custom_days(request: web.Request) -> DayRange:
    """Return the days from `startDate` to `endDate`; raises the 400 Problem."""
    first, last = day_of(request, START_DATE), day_of(request, END_DATE)
    if last < first:
        raise invalid_parameter("endDate", "must not be before `startDate`")
    if (last - first).days >= CUSTOM_DAYS_MAX:
        raise invalid_parameter("endDate", f"must be within {CUSTOM_DAYS_MAX} days of `startDate`")
    return DayRange(first, last, f"{first} to {last}")


def spending(
    user_id: str,
    days: DayRange,
    report: SpendingReport,
    filters: CostFilter = NO_FILTER,
    groups: CostGroups | None = None,
) -> Spending:
    """Return the response body."""
    costs, profit, calls = report.costs, report.profit, report.calls
    is_partial = filters.narrows_costs
    day = partial(spending_day, filters=filters, is_grouped=groups is not None)
    return Spending(
        user_id=user_id,
        period=days.period(),
        total_calls=calls,
        total_duration_seconds=Exact.of_milliseconds(report.duration_ms),
        average_duration_seconds=Exact.of_milliseconds(_average(report.duration_ms, calls)),
        total_cost=Usd(profit.cost_nano),
        total_api_cost=Usd(costs.total_nano("api")),
        total_infrastructure_cost=Usd(costs.total_nano("infrastructure")),
        total_transaction_cost=Usd(costs.total_nano("transaction")),
        average_cost_per_call=Usd(_average(profit.cost_nano, calls)),
        total_charged=Usd(profit.charged_nano),
        total_refunded=Usd(profit.refunded_nano),
        total_net_revenue=None if is_partial else Usd(profit.net_revenue_nano),
        total_gross_profit=None if is_partial else Usd(profit.gross_nano),
        average_margin_percent=None if is_partial else profit.margin_percent,
        cost_by_service=by_service(costs),
        top_personas=[
            PersonaCost(
                persona_id=persona.persona_id,
                calls=persona.calls,
                total_cost=Usd(persona.cost_nano),
            )
            for persona in report.personas
        ],
        daily=fill_days(days.first, days.last, report.daily, day),
        unpriced_events=report.unpriced_events,
        groups=groups,
    )


def previous_body(totals: PreviousTotals) -> PreviousSpending:
    """Return the `previous` of a response body."""
    profit = totals.profit
    return PreviousSpending(
        start=totals.range.earliest,
        end=totals.range.before,
        total_calls=totals.calls,
        total_cost=Usd(profit.cost_nano),
        total_charged=Usd(profit.charged_nano),
        total_refunded=Usd(profit.refunded_nano),
        total_gross_profit=Usd(profit.gross_nano),
        average_margin_percent=profit.margin_percent,
    )


def _average(total: int, count: int) -> int:
    return half_even(total, count) if count else 0
