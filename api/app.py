"""Assembles the REST interface: the one place that says which parts it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, TypeAlias

from aiohttp import web

from api.dashboard import DashboardRoutes
from api.http.access import ROUTES, Route
from api.http.auth import Authenticator
from api.http.gate import RequestGate
from api.http.limits import reject_expectation
from api.http.options import ApiOptions
from api.intake.event_stream import EventStream
from api.intake.routes import IntakeRoutes
from api.intake.sources import SourceOwners
from api.live.routes import LiveRoutes, live_routes
from api.metrics.refusals import REFUSALS
from api.metrics.routes import MetricsRoutes
from api.openapi.routes import OpenApiRoutes
from api.routes.alerts import AlertRoutes
from api.routes.all_users import AllUsersRoutes
from api.routes.anomalies import AnomalyRoutes
from api.routes.authorizations import AuthorizationRoutes
from api.routes.budgets import BudgetRoutes
from api.routes.call_lists import CallLists
from api.routes.calls import CallRoutes
from api.routes.channels import ChannelRoutes
from api.routes.exports import ExportRoutes
from api.routes.forecasts import ForecastRoutes
from api.routes.health import HealthRoutes, ReadinessCheck
from api.routes.prices import PriceRoutes
from api.routes.recommendations import RecommendationRoutes
from api.routes.reconciliation import ReconciliationRoutes
from api.routes.spending import SpendingRoutes
from api.routes.unsubscribe import UnsubscribeRoutes
from ledger.budgets.budgets import Budgets
from ledger.operations.sources import SourceStore
from ledger.postgres.viewers import ReaderPool
from ledger.repricing.repricer import Repricer
from schemas.budgets import DEFAULT_ALERT_THRESHOLD_PERCENT

Application: TypeAlias = web.Application
"""What `build_app` returns and `serving` serves."""

METRICS_APP: Final = web.AppKey("metrics_app", web.Application)
"""Where an application keeps the one for a port of its own, which serves `/metrics` only."""


def utc_today() -> date:
    """Return the present UTC day."""
    return datetime.now(UTC).date()


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def build_app(
    readers: ReaderPool,
    authenticator: Authenticator,
    options: ApiOptions | None = None,
    *,
    patient: ReaderPool | None = None,
    events: EventStream | None = None,
    source_owners: SourceOwners | None = None,
    rerater: Repricer | None = None,
    checks: Sequence[ReadinessCheck] = (),
    today: Callable[[], date] = utc_today,
    now: Callable[[], datetime] = utc_now,
    feed_from: Mapping[str, Any] | None = None,
) -> web.Application:
    """Return the application, which closes the authenticator when it is cleaned up.

    `patient` readers serve what takes long, so that it cannot starve the rest; without them the
    others do. `events` is where reported costs go; without it nothing is taken. Without
    `source_owners` the database keeps whose sources they name. `checks` have to
    hold, besides a current schema, for `/ready` to say yes. The caller closes what it passed.
    Without `feed_from`, where brokers are, or `rerater`, for late prices, these routes answer 503.
    """
    gate = RequestGate(authenticator, options := options or ApiOptions())
    budgets = Budgets(readers, options.budget_basis, DEFAULT_ALERT_THRESHOLD_PERCENT)
    budget_routes = BudgetRoutes(budgets, options, now)
    live = live_routes(readers, budget_routes.body, options, feed_from)
    health = HealthRoutes(readers, [*checks, *live.checks()])
    metrics = _metrics(readers, patient, live, gate, options)
    routes = (
        *health.routes(),
        *(() if options.metrics_apart else metrics.routes()),
        *DashboardRoutes(options.dashboard).routes(),
        *_costs(readers, today),
        *_decisions(readers, patient or readers, budgets, now),
        *budget_routes.routes(),
        *AuthorizationRoutes(budgets, options.limits, now).routes(),
        *ExportRoutes(patient or readers, options.limits, today, gate.refusals.count).routes(),
        *AllUsersRoutes(readers, today).routes(),
        *ReconciliationRoutes(patient or readers, today).routes(),
        *IntakeRoutes(events, source_owners or SourceStore(readers), options.limits, now).routes(),
        *live.routes(),
        *_channels(readers, options),
        *PriceRoutes(readers, rerater, options.limits, now).routes(),
    )
    app = _application((*routes, *OpenApiRoutes(routes).routes()), gate, options)
    app[METRICS_APP] = _application(metrics.routes(), gate, options)
    health.attach(app)
    live.attach(app)
    app.on_cleanup.append(lambda _: authenticator.close())
    return app


def _metrics(
    readers: ReaderPool,
    patient: ReaderPool | None,
    live: LiveRoutes,
    gate: RequestGate,
    options: ApiOptions,
) -> MetricsRoutes:
    """Return the route of what operators watch: what was answered, what is open, how all is."""
    pools = {"requests": readers} | ({"patient": patient} if patient else {})
    meters = (gate.meter, gate.refusals)
    return MetricsRoutes(meters, pools, live.open_sockets, options.limits.sockets)


def _channels(readers: ReaderPool, options: ApiOptions) -> tuple[Route, ...]:
    """Return the routes of notification channels and of the links in their mails."""
    unsubscribing = UnsubscribeRoutes(readers, options.limits)
    return (*ChannelRoutes(readers, options).routes(), *unsubscribing.routes())


def _costs(readers: ReaderPool, today: Callable[[], date]) -> tuple[Route, ...]:
    """Return the routes of what calls cost: one call, lists of them, a user's spending."""
    return (
        *CallRoutes(readers).routes(),
        *CallLists(readers).routes(),
        *SpendingRoutes(readers, today).routes(),
    )


def _decisions(
    readers: ReaderPool, patient: ReaderPool, budgets: Budgets, now: Callable[[], datetime]
) -> tuple[Route, ...]:
    """Return the routes that tell users what to do: alerts, anomalies, the forecast, advice."""
    return (
        *AlertRoutes(budgets).routes(),
        *AnomalyRoutes(readers).routes(),
        *ForecastRoutes(readers, budgets, now).routes(),
        *RecommendationRoutes(patient, now).routes(),
    )


def _application(
    routes: tuple[Route, ...], gate: RequestGate, options: ApiOptions
) -> web.Application:
    app = web.Application(
        middlewares=[gate.middleware()], client_max_size=options.limits.body_bytes
    )
    for route in routes:
        # By default the framework's parts of a path match neither `{` nor `}`.
        path = route.path.replace("}", ":[^/]+}")
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            app.router.add_route(method, path, gate.guard(route), expect_handler=reject_expectation)
    app.on_response_prepare.append(gate.finish)
    app[ROUTES] = routes
    app[REFUSALS] = gate.refusals
    return app
