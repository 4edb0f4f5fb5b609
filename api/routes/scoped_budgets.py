"""Scoped budgets of a user: `/api/costs/user/{userId}/budgets`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from aiohttp import web
from msgspec import UNSET

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.identifiers import identifier_error
from api.http.options import RequestLimits
from api.http.problems import Problem, forbidden, invalid_body
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from api.routes.budget_numbers import limit_nano, thresholds_of
from api.routes.call_steps import steps_body, steps_of
from ledger.budgets.alert_messages import scope_body, spend_basis
from ledger.budgets.budgets import Budgets
from ledger.budgets.scoped import BUDGETS_MAX, PERSONA, TAG, WHOLE_USER, Raise, SpendScope
from ledger.budgets.scoped_changes import (
    BudgetSettings,
    ScopedBudgets,
    ScopedStatus,
    TooManyBudgetsError,
)
from ledger.postgres.clock import Clock
from schemas import scoped_budgets as bodies
from schemas.alerts import AlertType, SpendBasis
from schemas.events import TAG_KEY
from schemas.exact import Exact
from schemas.money import Usd

_EXAMPLE: Final = {
    "scope": {"kind": "tag", "key": "customer", "value": "acme"},
    "period": "week",
    "limit_usd": 50,
    "thresholds": [80],
}
_LIST: Final = Operation(
    name="listBudgets",
    tag=Tag.BUDGETS,
    summary="List a user's scoped budgets",
    response=bodies.ScopedBudgetList,
    has_etag=True,
)
_CREATE: Final = Operation(
    name="createBudget",
    tag=Tag.BUDGETS,
    summary="Create a budget of a user, a persona or a tag",
    response=bodies.ScopedBudget,
    body=bodies.WantedBudget,
    example=_EXAMPLE,
    error_statuses=(409,),
)
_REPLACE: Final = Operation(
    name="replaceBudget",
    tag=Tag.BUDGETS,
    summary="Replace the settings of a budget, or raise its limit for a time",
    response=bodies.ScopedBudget,
    body=bodies.WantedBudget,
    example={**_EXAMPLE, "raise": {"limit_usd": 80, "until": "2026-12-01T00:00:00Z"}},
)
_DELETE: Final = Operation(
    name="deleteBudget",
    tag=Tag.BUDGETS,
    summary="Delete a budget; its alerts stay",
    response=bodies.ScopedBudgetList,
)
_ALERT_TYPES: Final[Mapping[bodies.BudgetPeriod, AlertType]] = {
    "day": "daily",
    "week": "weekly",
    "month": "monthly",
    "call": "call",
}
_PERIODS: Final = {kind: period for period, kind in _ALERT_TYPES.items()}
_TAG_KEY: Final = re.compile(TAG_KEY)


class ScopedBudgetRoutes:
    """The routes of a user's scoped budgets; a subclass has those of global budgets."""

    path = "/api/costs/user/{userId}/budgets"
    access = Access.SELF
    operations = (_LIST, _CREATE, _REPLACE, _DELETE)
    too_many = f"A user may have {BUDGETS_MAX} scoped budgets. Delete one first."

    def __init__(self, budgets: Budgets, limits: RequestLimits, now: Clock) -> None:
        self.all = budgets
        self.budgets = ScopedBudgets(budgets)
        self.limits = limits
        self.now = now

    def routes(self) -> tuple[Route, ...]:
        listing, creation, replacement, deletion = self.operations
        of_budget = f"{self.path}/{{budgetId}}"
        return (
            Route("GET", self.path, self.access, self.list, listing),
            Route("POST", self.path, self.access, self.create, creation),
            Route("PUT", of_budget, self.access, self.replace, replacement),
            Route("DELETE", of_budget, self.access, self.delete, deletion),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return the budgets."""
        return tagged_reply(request, await self.listed(request))

    async def create(self, request: web.Request) -> web.Response:
        """Create a budget, and return it."""
        wanted, now = await self.wanted(request), self.now()
        viewer = request[CALLER].viewer
        try:
            created = await self.budgets.create(viewer, self.owner(request), wanted, now)
        except TooManyBudgetsError:
            raise Problem(409, "too_many_budgets", self.too_many) from None
        return reply(budget_body(created, self.all.basis, now))

    async def replace(self, request: web.Request) -> web.Response:
        """Replace the settings of a budget, and return it."""
        wanted, now = await self.wanted(request), self.now()
        viewer, budget_id = request[CALLER].viewer, request.match_info["budgetId"]
        owner = self.owner(request)
        replaced = await self.budgets.replace(viewer, owner, budget_id, wanted, now)
        if replaced is None:
            raise self.missing(budget_id)
        return reply(budget_body(replaced, self.all.basis, now))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a budget, and return the remaining ones."""
        viewer, budget_id = request[CALLER].viewer, request.match_info["budgetId"]
        if not await self.budgets.delete(viewer, self.owner(request), budget_id, self.now()):
            raise self.missing(budget_id)
        return reply(await self.listed(request))

    def owner(self, request: web.Request) -> str:
        """Return the user whose budgets are requested."""
        return request.match_info["userId"]

    def missing(self, budget_id: str) -> Problem:  # noqa: ARG002 - it is not disclosed
        """Return the problem of a budget that the owner does not have."""
        return forbidden()

    async def listed(self, request: web.Request) -> bodies.ScopedBudgetList:
        """Return the body of the list."""
        now = self.now()
        statuses = await self.budgets.read(request[CALLER].viewer, self.owner(request), now)
        return bodies.ScopedBudgetList(
            budgets=[budget_body(status, self.all.basis, now) for status in statuses],
            budgets_max=BUDGETS_MAX,
            budget_basis=self.all.basis,
        )

    async def wanted(self, request: web.Request) -> BudgetSettings:
        """Return the requested settings; raises the 400 Problem, which names the field."""
        body = await read_json(request, self.limits, bodies.WantedBudget)
        return wanted_budget(body, scope_of(body.scope), self.now())


def scope_of(wanted: bodies.WantedScope) -> SpendScope:
    """Return the scope of a body; raises the 400 Problem, which names the field."""
    kind, value = wanted.kind, wanted.value
    key = checked_key(kind, wanted.key)
    if (value is None) != (kind == "user"):
        raise invalid_body("`scope.value` names the persona or the tag's value.")
    if key is not None:
        return SpendScope(f"{TAG}{key}", scope_value(value))
    return SpendScope(PERSONA if kind == "persona" else WHOLE_USER, scope_value(value))


def checked_key(kind: str, key: str | None) -> str | None:
    """Return the key of a tag, None for other kinds; raises the 400 Problem."""
    if (key is not None) != (kind == "tag"):
        raise invalid_body("`scope.key` is the key of a tag: give it with the kind `tag` only.")
    if key is not None and not _TAG_KEY.fullmatch(key):
        raise invalid_body(f"`scope.key` must match {TAG_KEY}.")
    return key


def scope_value(value: str | None) -> str:
    """Return the value of a scope, empty for none; raises the 400 Problem."""
    if value is not None and (error := identifier_error(value)) is not None:
        raise invalid_body(f"`scope.value` {error}.")
    return value or ""


def wanted_budget(
    body: bodies.WantedBudget | bodies.WantedGlobalBudget, scope: SpendScope, now: datetime
) -> BudgetSettings:
    """Return the requested budget; raises the 400 Problem, which names the field."""
    nano = limit_nano("limit_usd", body.limit_usd)
    raised = None
    if body.raise_ is not UNSET and body.raise_ is not None:
        raised = _raise(body.raise_, nano, now)
    thresholds = thresholds_of(body.thresholds)
    if not isinstance(body, bodies.WantedBudget):
        return BudgetSettings(scope, _ALERT_TYPES[body.period], nano, thresholds, False, raised)
    steps = steps_of(body.call_steps)
    if steps.is_on and body.period != "call":
        raise invalid_body("`callSteps` apply to budgets per call only.")
    return BudgetSettings(
        scope, _ALERT_TYPES[body.period], nano, thresholds, body.auto_cutoff, raised, steps
    )


def _raise(wanted: bodies.WantedRaise, limit: int, now: datetime) -> Raise:
    raised = limit_nano("raise.limit_usd", wanted.limit_usd)
    if raised <= limit:
        raise invalid_body("`raise.limit_usd` must be above `limit_usd`.")
    if wanted.until.tzinfo is None or wanted.until <= now:
        raise invalid_body("`raise.until` must be a time in the future with its offset.")
    try:
        return Raise(raised, wanted.until.astimezone(UTC))
    except OverflowError:
        raise invalid_body("`raise.until` is out of range.") from None


def budget_body(status: ScopedStatus, basis: SpendBasis, now: datetime) -> bodies.ScopedBudget:
    """Return the body of a budget."""
    budget, period, spend = status.budget, status.period, status.spend_nano
    current = budget.nano(now)
    raised = budget.raised if budget.is_raised(now) else None
    return bodies.ScopedBudget(
        budget_id=budget.budget_id,
        scope=scope_body(budget.scope),
        period=_PERIODS[budget.period],
        limit_usd=Usd(budget.limit_nano),
        current_limit_usd=Usd(current),
        raise_=None if raised is None else _raise_body(raised),
        thresholds=[Exact(percent) for percent in status.thresholds],
        auto_cutoff=budget.auto_cutoff,
        call_steps=steps_body(budget.call_steps),
        limit_version=budget.version_at(now),
        period_start=None if period is None else period.start,
        period_end=None if period is None else period.end,
        current_spend=None if spend is None else Usd(spend),
        remaining=None if spend is None else Usd(max(0, current - spend)),
        counts_from=budget.counts_from,
        created_at=budget.created_at,
        basis="cost" if budget.period == "call" else spend_basis(budget, basis),
    )


def _raise_body(raised: Raise) -> bodies.BudgetRaise:
    return bodies.BudgetRaise(limit_usd=Usd(raised.limit_nano), until=raised.until)
