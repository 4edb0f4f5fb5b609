"""Charge plans, for administrators: `/api/admin/charge-plans`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.options import RequestLimits
from api.http.parameters import flag, flag_of
from api.http.problems import invalid_body, plan_conflict
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.charge_plans.descriptions import describe_terms
from ledger.charge_plans.entry import ListedPlan, PlanConflictError, add_plans, list_plans
from ledger.charge_plans.rows import FIELDS, InvalidPlanError, PlanRow, plan_row
from ledger.charge_plans.terms import PPM_PER_PERCENT
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from schemas.charge_plans import (
    ChargePlanEntered,
    ChargePlanEntry,
    ChargePlanItem,
    ChargePlanList,
)
from schemas.exact import Exact
from schemas.money import Usd

_PATH: Final = "/api/admin/charge-plans"
ALL_PLANS: Final = flag("all", "Whether to include superseded charge plans.", default=False)
_LIST: Final = Operation(
    name="listChargePlans",
    tag=Tag.PRICES,
    summary="List the charge plans",
    response=ChargePlanList,
    has_etag=True,
    query=(ALL_PLANS,),
)
_ENTER: Final = Operation(
    name="enterChargePlan",
    tag=Tag.PRICES,
    summary="Enter a charge plan",
    response=ChargePlanEntered,
    body=ChargePlanEntry,
    example={
        "userId": "user_123",
        "kind": "per_minute",
        "amount_usd": "0.35",
        "minimum_seconds": 60,
        "increment_seconds": 60,
        "includedMinutes": 1,
    },
    error_statuses=(409,),
)


class ChargePlanRoutes:
    """The routes of charge plans."""

    def __init__(self, readers: ReaderPool, limits: RequestLimits, now: Clock) -> None:
        self._readers = readers
        self._limits = limits
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", _PATH, Access.ADMIN, self.list, _LIST),
            Route("POST", _PATH, Access.ADMIN, self.enter, _ENTER),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return the charge plans."""
        with_past = flag_of(request, ALL_PLANS)
        async with self._readers.reading(request[CALLER].viewer) as connection:
            plans = await list_plans(connection, at=self._now())
        shown = [_item(plan) for plan in plans if with_past or plan.state != "past"]
        return tagged_reply(request, ChargePlanList(plans=shown))

    async def enter(self, request: web.Request) -> web.Response:
        """Enter a charge plan."""
        entry = await read_json(request, self._limits, ChargePlanEntry)
        caller = request[CALLER]
        row = _row(entry, caller.user_id, self._now())
        try:
            async with self._readers.writing(caller.viewer) as connection:
                entered = await add_plans(connection, [row], set_by=caller.author)
        except PlanConflictError as error:
            raise plan_conflict(str(error)) from None
        return reply(ChargePlanEntered(result="entered" if entered.new else "known"))


def _row(entry: ChargePlanEntry, user_id: str, now: datetime) -> PlanRow:
    """Return the validated row of a body; raises the 400 Problem with all errors."""
    given = {name: getattr(entry, name) for name in FIELDS}
    given["effective_from"] = (entry.effective_from or now).isoformat()
    fields = {name: str(value) for name, value in given.items() if value is not None}
    try:
        return plan_row(fields, source=f"entered by {user_id}")
    except InvalidPlanError as error:
        raise invalid_body(" ".join(error.reasons)) from None


def _item(plan: ListedPlan) -> ChargePlanItem:
    scope, since, terms, source = plan.row
    return ChargePlanItem(
        id=plan.plan_id,
        **scope._asdict(),
        effective_from=since,
        kind=terms.kind,
        amount_usd=Usd(terms.amount_nano),
        minimum_seconds=terms.minimum_seconds,
        increment_seconds=terms.increment_seconds,
        included_minutes=terms.included_minutes,
        markup_percent=Exact(Decimal(terms.markup_ppm) / PPM_PER_PERCENT),
        description=describe_terms(terms),
        state=plan.state,
        source=source,
        set_by=plan.set_by,
        created_at=plan.created_at,
    )
