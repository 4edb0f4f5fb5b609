"""`/api/admin/prices/rerate`: previews and applies price changes to recorded costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
from aiohttp import web

from api.http.access import Access, Route
from api.http.parameters import (
    DATE_OR_TIME,
    DRY_RUN,
    SERVICE,
    flag,
    flag_of,
    invalid_time,
    service_of,
    value_of,
)
from api.http.problems import invalid_parameter, price_conflict, unavailable
from api.http.replies import reply
from api.openapi.operations import Operation, Parameter, Tag
from ledger.postgres.clock import Clock
from ledger.postgres.database import TRANSIENT_ERRORS
from ledger.postgres.viewers import StoreUnavailableError
from ledger.repricing.applying import RepricingRefusedError
from ledger.repricing.repricer import Repricer, RepricingBusyError, RepricingResult
from ledger.repricing.rows import RepricingScope
from ledger.repricing.settlement_preview import SettledChange
from ledger.repricing.sums import AlertDue, CostChange, RepricingReport, UserSum, margin
from schemas.exact import Exact
from schemas.money import Usd
from schemas.prices import (
    RerateAlert,
    RerateCharge,
    RerateCharges,
    RerateGroup,
    RerateReport,
    RerateSum,
    RerateUser,
)

COSTS_MAX: Final = 20_000
"""The maximum number of costs that one request corrects; repeat it to continue."""

FROM: Final = Parameter("from", "Costs since this time.", DATE_OR_TIME, required=True)
TO: Final = Parameter("to", "Costs before this time; by default now.", DATE_OR_TIME)
CHARGES: Final = flag(
    "charges", "Whether charges at cost plus a markup follow the corrected costs.", default=False
)


class RepricingRoutes:
    """The route that reprices recorded costs."""

    def __init__(self, repricer: Repricer | None, now: Clock) -> None:
        self._repricer = repricer
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="reratePrices",
            tag=Tag.PRICES,
            summary="Preview what late prices change; with `dryRun=false`, apply it",
            response=RerateReport,
            query=(FROM, TO, SERVICE, DRY_RUN, CHARGES),
            error_statuses=(409,),
        )
        path = "/api/admin/prices/rerate"
        return (Route("POST", path, Access.ADMIN, self.rerate, operation),)

    async def rerate(self, request: web.Request) -> web.Response:
        """Return what late prices change; with `dryRun=false`, after applying it."""
        scope, dry_run = self._scope(request), flag_of(request, DRY_RUN)
        changes_charges = flag_of(request, CHARGES)
        if self._repricer is None:
            raise unavailable("Repricing")
        try:
            report = await self._repricer.preview(scope, changes_charges=changes_charges)
            applied = (
                RepricingResult(0, 0, complete=False)
                if dry_run
                else await self._repricer.apply(
                    scope, costs_max=COSTS_MAX, changes_charges=changes_charges
                )
            )
        except RepricingBusyError:
            raise price_conflict("Repricing is already running; try again later.") from None
        except RepricingRefusedError as error:
            raise price_conflict(f"A correction was refused: {error}") from None
        except TRANSIENT_ERRORS as error:
            raise StoreUnavailableError(str(error) or type(error).__name__) from error
        return reply(body(report, applied, dry_run=dry_run))

    def _scope(self, request: web.Request) -> RepricingScope:
        since, until = _time(request, FROM), _time(request, TO) or self._now()
        if since is None:
            raise invalid_parameter(
                FROM.name, "is required: the time since which costs are repriced"
            )
        if since >= until:
            raise invalid_parameter(FROM.name, "must be before `to`")
        return RepricingScope(since, until, service_of(request))


def _time(request: web.Request, parameter: Parameter) -> datetime | None:
    text = value_of(request, parameter)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid_time(parameter) from None


def body(report: RepricingReport, applied: RepricingResult, *, dry_run: bool) -> RerateReport:
    """Return the response body."""
    change = report.total.difference_nano
    return RerateReport(
        dry_run=dry_run,
        from_=report.scope.since,
        to=report.scope.until,
        applied=applied.costs,
        complete=applied.complete,
        total=_sum(report.total),
        total_cost_before=Usd(report.earnings.cost_nano),
        total_cost_after=Usd(report.earnings.cost_nano + change),
        margin_percent_before=margin(report.earnings),
        margin_percent_after=margin(report.earnings, report.total),
        by_service=[_group(name, change) for name, change in report.services.items()],
        by_day=[_group(name, change) for name, change in report.days.items()],
        users=report.users,
        top_users=[_user(top_user) for top_user in report.top_users],
        charges=RerateCharges(
            calls=report.charges.calls,
            charged_before=Usd(report.charges.before_nano),
            charged_after=Usd(report.charges.after_nano),
            difference=Usd(report.charges.difference_nano),
            first_calls=[_charge(first_charge) for first_charge in report.first_charges],
        ),
        alerts=report.alerts,
        first_alerts=[_alert(first_alert) for first_alert in report.first_alerts],
    )


def _sum(change: CostChange) -> RerateSum:
    return RerateSum(
        costs=change.costs,
        cost_before=Usd(change.before_nano),
        cost_after=Usd(change.after_nano),
        difference=Usd(change.difference_nano),
    )


def _group(name: str, change: CostChange) -> RerateGroup:
    return RerateGroup(name=name, **msgspec.structs.asdict(_sum(change)))


def _user(user: UserSum) -> RerateUser:
    change, earnings = user.change, user.earnings
    return RerateUser(
        user_id=user.user_id,
        **msgspec.structs.asdict(_sum(change)),
        total_cost_before=Usd(earnings.cost_nano),
        total_cost_after=Usd(earnings.cost_nano + change.difference_nano),
        charged=Usd(earnings.charged_nano),
        refunded=Usd(earnings.refunded_nano),
        margin_percent_before=margin(earnings),
        margin_percent_after=margin(earnings, change),
    )


def _charge(charge: SettledChange) -> RerateCharge:
    return RerateCharge(
        user_id=charge.user_id,
        call_id=charge.call_id,
        charged_before=Usd(charge.before_nano),
        charged_after=Usd(charge.after_nano),
    )


def _alert(due: AlertDue) -> RerateAlert:
    position = due.position
    return RerateAlert(
        user_id=position.user_id,
        type=position.limit.type,
        period=position.period,
        threshold_percent=Exact(due.percent),
        limit_usd=Usd(position.limit.nano),
        spend_before=Usd(position.before_nano),
        spend_after=Usd(position.after_nano),
        late=position.closed,
    )
