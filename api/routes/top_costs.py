"""`GET /api/admin/costs/top`: the most expensive users, personas, services and days."""

from __future__ import annotations

from typing import Final, cast, get_args

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.paging import limit_of, row_limit
from api.http.parameters import choice, choice_of
from api.http.problems import invalid_parameter
from api.http.replies import tagged_reply
from api.openapi.operations import Operation, Tag
from api.routes.spending import SPAN, DayRange, days_of
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from ledger.reports.top import (
    RankedTotals,
    TopKind,
    TopRanking,
    TopReport,
    TopSort,
    read_top_report,
)
from schemas import analytics
from schemas.exact import Exact
from schemas.money import Usd, percent_text

BY: Final = choice("by", "What is ranked.", get_args(TopKind), "user")
SORT: Final = choice("sort", "What the entries are sorted by.", get_args(TopSort), "cost")
ORDER: Final = choice(
    "order", "The direction; by default `desc`, but `asc` by name.", ["desc", "asc"]
)
LIMIT: Final = row_limit(10, 500)
SORTS_OF_SERVICES: Final = ("cost", "name")


class TopCostRoutes:
    """The route of rankings over all users."""

    def __init__(self, readers: ReaderPool, now: Clock) -> None:
        self._readers = readers
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="getTopCosts",
            tag=Tag.ALL_USERS,
            summary="Rank users, personas, services or days",
            response=analytics.TopCosts,
            has_etag=True,
            query=(BY, SORT, ORDER, LIMIT, *SPAN),
        )
        return (Route("GET", "/api/admin/costs/top", Access.ADMIN, self.top, operation),)

    async def top(self, request: web.Request) -> web.Response:
        """Return the first users, personas, services or days of the requested period."""
        ranking = ranking_of(request)
        days = days_of(request, self._now().date())
        viewer, span = request[CALLER].viewer, (days.first, days.last)
        report = await read_top_report(self._readers, viewer, span, ranking)
        return tagged_reply(request, top_costs(days, ranking, report))


def ranking_of(request: web.Request) -> TopRanking:
    """Return the requested ranking; raises the 400 Problem."""
    kind = cast(TopKind, choice_of(request, BY))
    sort = cast(TopSort, choice_of(request, SORT))
    if kind == "service" and sort not in SORTS_OF_SERVICES:
        raise invalid_parameter("sort", f"must be {' or '.join(SORTS_OF_SERVICES)} for services")
    order = choice_of(request, ORDER) or ("asc" if sort == "name" else "desc")
    return TopRanking(kind, sort, order == "desc", limit_of(request, LIMIT))


def top_costs(days: DayRange, ranking: TopRanking, report: TopReport) -> analytics.TopCosts:
    """Return the response body."""
    return analytics.TopCosts(
        period=days.period(),
        by=ranking.kind,
        sort=ranking.sort,
        order="desc" if ranking.descending else "asc",
        total_entries=report.found,
        total_cost=Usd(report.cost_nano),
        entries=[_entry(ranking.kind, entry, report.cost_nano) for entry in report.entries],
    )


def _entry(kind: TopKind, entry: RankedTotals, all_cost_nano: int) -> analytics.TopEntry:
    profit, has_calls = entry.profit, kind != "service"
    return analytics.TopEntry(
        name=entry.name,
        total_cost=Usd(profit.cost_nano),
        cost_percent=percent_text(profit.cost_nano, all_cost_nano),
        calls=entry.calls if has_calls else None,
        total_duration_seconds=Exact.of_milliseconds(entry.duration_ms) if has_calls else None,
        charged_to_user=Usd(profit.charged_nano) if has_calls else None,
        refunded=Usd(profit.refunded_nano) if has_calls else None,
        gross_profit=Usd(profit.gross_nano) if has_calls else None,
        gross_margin_percent=profit.margin_percent if has_calls else None,
    )
