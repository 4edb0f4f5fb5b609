"""Assembles the REST application from its routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from aiohttp import web

from api.asyncapi.routes import AsyncApiRoutes
from api.dashboard import DashboardRoutes
from api.http.access import ROUTES, Route
from api.http.auth import Authenticator
from api.http.gate import PageNotFound, RequestGate
from api.http.limits import ignore_expectation
from api.http.options import ApiOptions
from api.http.replies import code_digest
from api.http.report_cache import ReportCache
from api.http.tracing import TRACER
from api.intake.event_stream import EventStream
from api.intake.routes import IntakeRoutes
from api.intake.sources import SourceOwnerStore
from api.live.routes import LiveRoutes, live_routes
from api.metrics.refusals import REFUSALS
from api.metrics.routes import MetricsRoutes
from api.openapi.routes import OpenApiRoutes
from api.people import PeopleRights
from api.routes.alerts import AlertRoutes
from api.routes.all_users import AllUsersRoutes
from api.routes.anomalies import AnomalyRoutes
from api.routes.api_keys import ApiKeyRoutes
from api.routes.authorizations import AuthorizationRoutes
from api.routes.budgets import BudgetRoutes
from api.routes.call_commands import CallCommandRoutes
from api.routes.call_lists import CallLists
from api.routes.call_vendors import CallVendorRoutes
from api.routes.calls import CallRoutes
from api.routes.channels import ChannelRoutes
from api.routes.charge_plans import ChargePlanRoutes
from api.routes.commands import CommandRoutes
from api.routes.credits import CreditRoutes
from api.routes.exports import ExportRoutes
from api.routes.forecasts import ForecastRoutes
from api.routes.global_budgets import GlobalBudgetRoutes
from api.routes.health import HealthRoutes, ReadinessCheck
from api.routes.held_calls import HeldCallRoutes
from api.routes.people import PeopleRoutes
from api.routes.prices import PriceRoutes
from api.routes.recommendations import RecommendationRoutes
from api.routes.reconciliation import ReconciliationRoutes
from api.routes.reservations import ReservationRoutes
from api.routes.scoped_budgets import ScopedBudgetRoutes
from api.routes.spending import SpendingRoutes
from api.routes.top_costs import TopCostRoutes
from api.routes.unsubscribe import UnsubscribeRoutes
from api.routes.users import UserRoutes
from api.routes.webhook_endpoints import WebhookEndpointRoutes
from api.routes.webhooks import WebhookRoutes
from api.traces.routes import TraceDeclarations, TraceRoutes
from ledger.budgets.budgets import Budgets
from ledger.credits.credits import Credits
from ledger.operations.api_keys import KeyStore
from ledger.operations.attached_traces import AttachedTraces
from ledger.operations.sources import SourceStore
from ledger.operations.webhooks import WebhookStore
from ledger.postgres.clock import Clock, system_time
from ledger.postgres.viewers import ReaderPool
from ledger.repricing.repricer import Repricer
from schemas.budgets import DEFAULT_ALERT_THRESHOLD_PERCENT

Application: TypeAlias = web.Application
"""Type of the application that `build_app` returns and `serving` serves."""

METRICS_APP: Final = web.AppKey("metrics_app", web.Application)
"""Key of the application for the separate metrics port, which serves `/metrics` only."""


def build_app(
    readers: ReaderPool,
    authenticator: Authenticator,
    options: ApiOptions | None = None,
    *,
    slow_readers: ReaderPool | None = None,
    events: EventStream | None = None,
    source_owners: SourceOwnerStore | None = None,
    declared_traces: TraceDeclarations | None = None,
    repricer: Repricer | None = None,
    people: PeopleRights | None = None,
    checks: Sequence[ReadinessCheck] = (),
    now: Clock = system_time,
    kafka: Mapping[str, Any] | None = None,
) -> web.Application:
    """Return the application; it closes the authenticator during its cleanup.

    `slow_readers` serve long queries (default: `readers`). `source_owners` and `declared_traces`
    default to the database. `checks` must pass, and the schema must be current, before `/ready`
    answers 200. The caller closes the pools. A route whose argument is None answers 503.
    """
    code_digest()
    gate = RequestGate(authenticator, KeyStore(readers), options := options or ApiOptions())
    dashboard = DashboardRoutes(options.dashboard)
    budgets = Budgets(readers, options.budget_basis, DEFAULT_ALERT_THRESHOLD_PERCENT)
    budget_routes = BudgetRoutes(budgets, _credit(readers, options), options, now)
    live = live_routes(readers, budget_routes.body, options, kafka)
    health = HealthRoutes(readers, [*checks, *live.checks()])
    reports = _reports(readers, events, declared_traces, options, now)
    metrics = _metrics(readers, slow_readers, live, gate, reports, options)
    routes = (
        *health.routes(),
        *(() if options.separate_metrics_port else metrics.routes()),
        *dashboard.routes(),
        *_costs(readers, options, now),
        *_decisions(readers, slow_readers or readers, budgets, options, now),
        *budget_routes.routes(),
        *ExportRoutes(slow_readers or readers, options.limits, now, gate.refusals.count).routes(),
        *_all_users(readers, slow_readers or readers, now),
        *_intake(readers, events, source_owners, reports, options, now),
        *live.routes(),
        *PeopleRoutes(people, options.limits, now, gate.refusals.count).routes(),
        *_administration(readers, repricer, options, now),
    )
    app = _application(_with_documents(routes), gate, options, dashboard.page_not_found)
    app[METRICS_APP] = _application(metrics.routes(), gate, options)
    health.attach(app)
    live.attach(app)
    app.on_cleanup.append(lambda _: gate.close())
    return app


def _reports(
    readers: ReaderPool,
    events: EventStream | None,
    declared_traces: TraceDeclarations | None,
    options: ApiOptions,
    now: Clock,
) -> tuple[TraceRoutes, WebhookRoutes]:
    """Return the routes that receive, and count, traces and vendors' webhooks."""
    declared = declared_traces or AttachedTraces(readers)
    return (
        TraceRoutes(events, declared, options, now),
        WebhookRoutes(events, WebhookStore(readers), options, now),
    )


def _with_documents(routes: Sequence[Route]) -> tuple[Route, ...]:
    """Return the routes, and those of the two documents that describe them."""
    described = (*routes, *AsyncApiRoutes(routes).routes())
    return (*described, *OpenApiRoutes(described).routes())


def _intake(
    readers: ReaderPool,
    events: EventStream | None,
    source_owners: SourceOwnerStore | None,
    reports: tuple[TraceRoutes, WebhookRoutes],
    options: ApiOptions,
    now: Clock,
) -> tuple[Route, ...]:
    """Return the routes by which services and vendors report costs, and admins grant credit."""
    owners = source_owners or SourceStore(readers)
    return (
        *IntakeRoutes(events, owners, options.limits, now).routes(),
        *(route for each in reports for route in each.routes()),
        *HeldCallRoutes(readers, events, options.limits, now).routes(),
        *CreditRoutes(_credit(readers, options), events, options.limits, now).routes(),
    )


def _credit(readers: ReaderPool, options: ApiOptions) -> Credits:
    return Credits(readers, by_cost=options.budget_basis == "cost")


def _metrics(
    readers: ReaderPool,
    slow_readers: ReaderPool | None,
    live: LiveRoutes,
    gate: RequestGate,
    reports: tuple[TraceRoutes, WebhookRoutes],
    options: ApiOptions,
) -> MetricsRoutes:
    """Return the route of the metrics: responses, reports, connections, the product's figures."""
    meters = (gate.meter, gate.refusals, *(each.meter for each in reports))
    pools = {"requests": readers} | ({"patient": slow_readers} if slow_readers else {})
    return MetricsRoutes(
        meters, pools, live.open_sockets, options.limits.sockets, options.metrics_cache_seconds
    )


def _channels(readers: ReaderPool, options: ApiOptions) -> tuple[Route, ...]:
    """Return the routes of notification channels and of unsubscribe links."""
    unsubscribing = UnsubscribeRoutes(readers, options.limits)
    return (*ChannelRoutes(readers, options).routes(), *unsubscribing.routes())


def _administration(
    readers: ReaderPool,
    repricer: Repricer | None,
    options: ApiOptions,
    now: Clock,
) -> tuple[Route, ...]:
    """Return the routes of channels, prices, plans, keys, endpoints, commands."""
    return (
        *_channels(readers, options),
        *PriceRoutes(readers, repricer, options.limits, now).routes(),
        *ChargePlanRoutes(readers, options.limits, now).routes(),
        *ApiKeyRoutes(readers, options.limits).routes(),
        *WebhookEndpointRoutes(readers, options.limits).routes(),
        *CommandRoutes(readers, options.limits).routes(),
    )


def _costs(readers: ReaderPool, options: ApiOptions, now: Clock) -> tuple[Route, ...]:
    """Return the routes of costs: one call, lists of calls, a user's spending."""
    cache = ReportCache(options.report_cache_bytes)
    return (
        *CallRoutes(readers, cache).routes(),
        *CallVendorRoutes(readers).routes(),
        *CallCommandRoutes(readers, options.limits, now).routes(),
        *CallLists(readers).routes(),
        *SpendingRoutes(readers, cache, now).routes(),
    )


def _all_users(readers: ReaderPool, slow_readers: ReaderPool, now: Clock) -> tuple[Route, ...]:
    """Return the routes about all users: totals, rankings, search, reconciliation."""
    return (
        *AllUsersRoutes(readers, slow_readers, now).routes(),
        *TopCostRoutes(slow_readers, now).routes(),
        *UserRoutes(readers).routes(),
        *ReconciliationRoutes(slow_readers, now).routes(),
    )


def _decisions(
    readers: ReaderPool,
    slow_readers: ReaderPool,
    budgets: Budgets,
    options: ApiOptions,
    now: Clock,
) -> tuple[Route, ...]:
    """Return the routes of decisions, budgets, alerts, anomalies, forecasts, recommendations."""
    return (
        *AuthorizationRoutes(budgets, options.limits, now).routes(),
        *ReservationRoutes(budgets, readers, options.limits, now).routes(),
        *ScopedBudgetRoutes(budgets, options.limits, now).routes(),
        *GlobalBudgetRoutes(budgets, options.limits, now).routes(),
        *AlertRoutes(budgets, readers, options.limits).routes(),
        *AnomalyRoutes(readers, options.limits).routes(),
        *ForecastRoutes(readers, budgets, now).routes(),
        *RecommendationRoutes(slow_readers, now).routes(),
    )


def _application(
    routes: tuple[Route, ...],
    gate: RequestGate,
    options: ApiOptions,
    page_not_found: PageNotFound | None = None,
) -> web.Application:
    app = web.Application(
        middlewares=[gate.middleware(page_not_found)], client_max_size=options.limits.body_bytes
    )
    for route in routes:
        # By default aiohttp's path variables match neither `{` nor `}`.
        path = route.path.replace("}", ":[^/]+}")
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            app.router.add_route(method, path, gate.guard(route), expect_handler=ignore_expectation)
    app.on_response_prepare.append(gate.finish)
    app[ROUTES] = routes
    app[REFUSALS] = gate.refusals
    if options.tracer is not None:
        app[TRACER] = options.tracer
    return app
