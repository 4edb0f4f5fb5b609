"""`GET /api/admin/costs/analytics`: cost and revenue of all users."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.replies import tagged_reply
from api.openapi.operations import Operation, Tag
from api.routes.breakdown import by_service, day_cost, fill_days
from api.routes.filters import COST_FILTERS, GROUPING, cost_filter_of, grouping_of
from api.routes.groups import groups_body
from api.routes.spending import SPAN, DayRange, days_of
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from ledger.reports.all_users import AllUsersReport, read_all_users_report
from ledger.reports.filters import NO_FILTER, CostFilter
from ledger.reports.grouping import GroupedReport, read_grouped_report
from ledger.reports.insights import PeriodSums, insights
from ledger.reports.profit import Profit
from schemas.analytics import Analytics, CostBreakdown, InsightsBody
from schemas.costs import CostGroups
from schemas.exact import Exact
from schemas.money import Usd, half_even, ratio_decimal

_AVERAGE_PLACES: Final = 2


class AllUsersRoutes:
    """The route of analytics over all users."""

    def __init__(self, readers: ReaderPool, slow_readers: ReaderPool, now: Clock) -> None:
        """`slow_readers` read the calls of all users, which may take longer than a request may."""
        self._readers = readers
        self._slow_readers = slow_readers
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="getAnalytics",
            tag=Tag.ALL_USERS,
            summary="Get the cost and revenue of all users",
            response=Analytics,
            has_etag=True,
            query=(*SPAN, *COST_FILTERS, *GROUPING),
        )
        path = "/api/admin/costs/analytics"
        return (Route("GET", path, Access.ADMIN, self.analytics, operation),)

    async def analytics(self, request: web.Request) -> web.Response:
        """Return the analytics of the requested period, as filtered and grouped."""
        days = days_of(request, self._now().date())
        span, viewer = (days.first, days.last), request[CALLER].viewer
        filters, grouping = cost_filter_of(request), grouping_of(request)
        if not grouping and filters == NO_FILTER:
            report = await read_all_users_report(self._readers, viewer, span)
            return tagged_reply(request, analytics(days, report))
        grouped = await read_grouped_report(
            self._slow_readers, viewer, None, span, filters, grouping
        )
        groups = groups_body(grouping, grouped.groups, filters)
        body = analytics(days, report_of_groups(grouped), filters, groups)
        return tagged_reply(request, body)


def report_of_groups(grouped: GroupedReport) -> AllUsersReport:
    """Return a grouped report as a report of all users, without an earlier period."""
    spending = grouped.spending
    sums = {service: cost.cost_nano for service, cost in spending.costs.items()}
    return AllUsersReport(
        users=grouped.users,
        now=PeriodSums(spending.calls, sums, spending.profit),
        before=PeriodSums(0, {}, Profit(0, 0, 0, 0)),
        duration_ms=spending.duration_ms,
        costs=spending.costs,
        daily=spending.daily,
        unpriced_events=spending.unpriced_events,
    )


def analytics(
    days: DayRange,
    report: AllUsersReport,
    filters: CostFilter = NO_FILTER,
    groups: CostGroups | None = None,
) -> Analytics:
    """Return the response body."""
    users, costs, profit, calls = report.users, report.costs, report.now.profit, report.now.calls
    found_insights = insights(report.now, report.before, (days.last - days.first).days + 1)
    is_partial = filters.narrows_costs
    day = partial(day_cost, filters=filters, is_grouped=groups is not None)
    return Analytics(
        period=days.period(),
        total_users=users.total,
        active_users=users.active,
        new_users=users.began,
        total_calls=calls,
        total_duration_seconds=Exact.of_milliseconds(report.duration_ms),
        average_duration_seconds=Exact.of_milliseconds(
            half_even(report.duration_ms, calls) if calls > 0 else 0
        ),
        average_calls_per_user=Exact(ratio_decimal(calls, users.active, _AVERAGE_PLACES)),
        total_revenue=Usd(profit.charged_nano),
        total_refunded=Usd(profit.refunded_nano),
        total_cost=Usd(profit.cost_nano),
        total_profit=None if is_partial else Usd(profit.gross_nano),
        profit_margin_percent=None if is_partial else profit.margin_percent,
        cost_breakdown=CostBreakdown(
            api=Usd(costs.total_nano("api")),
            infrastructure=Usd(costs.total_nano("infrastructure")),
            transaction=Usd(costs.total_nano("transaction")),
        ),
        cost_by_service=by_service(costs),
        insights=InsightsBody(
            largest_cost_component=found_insights.largest,
            largest_cost_component_percent=found_insights.largest_percent,
            recommendations=[] if is_partial else found_insights.recommendations,
        ),
        daily=fill_days(days.first, days.last, report.daily, day),
        unpriced_events=report.unpriced_events,
        groups=groups,
    )
