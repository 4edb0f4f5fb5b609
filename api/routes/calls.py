"""`GET /api/costs/call/{callId}`: the cost and revenue of one call."""

from __future__ import annotations

from functools import partial
from typing import cast

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.replies import scope_of, versioned_reply
from api.http.report_cache import ReportCache
from api.openapi.operations import Operation, Tag
from api.routes.breakdown import api_costs, by_service, costs_of_class, rounding_costs
from api.routes.call_bodies import charge_plan_body, ended_by_limit_body
from ledger.postgres.viewers import ReaderPool
from ledger.reports.costs import CallReport, read_call_report
from schemas.costs import (
    INFRASTRUCTURE_SERVICES,
    TRANSACTION_SERVICES,
    CallCost,
    InfrastructureCost,
    TransactionCost,
)
from schemas.events import CallStatus
from schemas.exact import Exact
from schemas.money import Usd


class CallRoutes:
    """The route of a call's cost."""

    def __init__(self, readers: ReaderPool, cache: ReportCache) -> None:
        self._readers = readers
        self._cache = cache

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="getCallCost",
            tag=Tag.CALLS,
            summary="Get a call's cost",
            response=CallCost,
            has_etag=True,
        )
        path = "/api/costs/call/{callId}"
        return (Route("GET", path, Access.OWNER, self.cost, operation),)

    async def cost(self, request: web.Request) -> web.Response:
        """Return a call's cost; 403 for another user's call and for one that does not exist."""
        viewer, call_id = request[CALLER].viewer, request.match_info["callId"]
        read = partial(read_call_report, self._readers, viewer, call_id)
        scope = scope_of(request, call_id)
        return await versioned_reply(request, scope, self._cache, read, call_cost)


def call_cost(report: CallReport) -> CallCost:
    """Return the response body."""
    costs, profit = report.costs, report.profit
    return CallCost(
        call_id=report.call_id,
        user_id=report.user_id,
        persona_id=report.persona_id,
        tags=report.tags,
        status=cast(CallStatus, report.status),
        duration_seconds=Exact.of_milliseconds(report.duration_ms),
        api_costs=api_costs(costs, report.lines.listed),
        infrastructure_costs={
            service: InfrastructureCost(cost_per_call=cost)
            for service, cost in costs_of_class(
                costs, "infrastructure", INFRASTRUCTURE_SERVICES
            ).items()
        },
        transaction_costs={
            service: TransactionCost(total_fee=cost)
            for service, cost in costs_of_class(costs, "transaction", TRANSACTION_SERVICES).items()
        },
        total_api_cost=Usd(costs.total_nano("api")),
        total_infrastructure_cost=Usd(costs.total_nano("infrastructure")),
        total_transaction_cost=Usd(costs.total_nano("transaction")),
        total_cost=Usd(profit.cost_nano),
        cost_by_service=by_service(costs),
        charged_to_user=Usd(profit.charged_nano),
        refunded=Usd(profit.refunded_nano),
        net_revenue=Usd(profit.net_revenue_nano),
        gross_profit=Usd(profit.gross_nano),
        gross_margin=Exact(profit.margin),
        gross_margin_percent=profit.margin_percent,
        estimated=report.estimated,
        created_at=report.first_at,
        calculated_at=report.updated_at,
        started_at=report.started_at,
        ended_at=report.ended_at,
        archived_events=report.archived_events,
        unlisted_costs=report.lines.count - len(report.lines.listed),
        unpriced_events=report.unpriced_events,
        charge_plan=charge_plan_body(report.charge_plan),
        roundings=rounding_costs(report.roundings),
        ended_by_limit=ended_by_limit_body(report.ended_by_limit),
    )
