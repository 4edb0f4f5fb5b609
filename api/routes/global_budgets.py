"""Budgets of all users, of services and of tags, for administrators: `/api/admin/budgets`."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from msgspec.structs import asdict

from api.http.access import CALLER, Access
from api.http.bodies import read_json
from api.http.problems import Problem, invalid_body, not_found
from api.openapi.operations import Operation, Tag
from api.routes.scoped_budgets import (
    ScopedBudgetRoutes,
    checked_key,
    scope_value,
    wanted_budget,
)
from ledger.budgets.budgets import LATEST_ALERTS_MAX
from ledger.budgets.scoped import ALL_USERS, BUDGETS_MAX, GLOBAL_OWNER, SERVICE, TAG, SpendScope
from ledger.budgets.scoped_changes import BudgetSettings
from schemas import scoped_budgets as bodies
from schemas.alerts import ListedAlert
from schemas.jsonio import decode

_EXAMPLE: Final = {
    "scope": {"kind": "service", "value": "elevenlabs"},
    "period": "month",
    "limit_usd": 2000,
    "thresholds": [80],
}
_LIST: Final = Operation(
    name="listGlobalBudgets",
    tag=Tag.ALL_USERS,
    summary="List the budgets of all users, of services and of tags, and their newest alerts",
    response=bodies.GlobalBudgetList,
    has_etag=True,
)
_CREATE: Final = Operation(
    name="createGlobalBudget",
    tag=Tag.ALL_USERS,
    summary="Create a budget of all users, of a service or of a tag",
    response=bodies.ScopedBudget,
    body=bodies.WantedGlobalBudget,
    example=_EXAMPLE,
    error_statuses=(409,),
)
_REPLACE: Final = Operation(
    name="replaceGlobalBudget",
    tag=Tag.ALL_USERS,
    summary="Replace the settings of a global budget, or raise its limit for a time",
    response=bodies.ScopedBudget,
    body=bodies.WantedGlobalBudget,
    example={**_EXAMPLE, "raise": {"limit_usd": 2500, "until": "2026-12-24T00:00:00Z"}},
    error_statuses=(404,),
)
_DELETE: Final = Operation(
    name="deleteGlobalBudget",
    tag=Tag.ALL_USERS,
    summary="Delete a global budget; its alerts stay",
    response=bodies.GlobalBudgetList,
    error_statuses=(404,),
)


class GlobalBudgetRoutes(ScopedBudgetRoutes):
    """The routes of global budgets."""

    path = "/api/admin/budgets"
    access = Access.ADMIN
    operations = (_LIST, _CREATE, _REPLACE, _DELETE)
    too_many = f"There are {BUDGETS_MAX} global budgets at most. Delete one first."

    def owner(self, request: web.Request) -> str:  # noqa: ARG002 - it is the same for each
        return GLOBAL_OWNER

    def missing(self, budget_id: str) -> Problem:
        return not_found(f"There is no global budget {budget_id}.")

    async def listed(self, request: web.Request) -> bodies.GlobalBudgetList:
        found = await super().listed(request)
        viewer = request[CALLER].viewer
        page = await self.all.read_alerts(viewer, GLOBAL_OWNER, None, LATEST_ALERTS_MAX)
        alerts = [decode(ListedAlert, alert.encode()) for alert in page.alerts]
        return bodies.GlobalBudgetList(**asdict(found), alerts=alerts)

    async def wanted(self, request: web.Request) -> BudgetSettings:
        body = await read_json(request, self.limits, bodies.WantedGlobalBudget)
        return wanted_budget(body, _scope_of(body.scope), self.now())


def _scope_of(wanted: bodies.WantedGlobalScope) -> SpendScope:
    """Return the scope of a body; raises the 400 Problem, which names the field."""
    if (wanted.value is None) != (wanted.kind == "all"):
        raise invalid_body(
            "`scope.value` names the service or the tag's value: give it unless the kind is `all`."
        )
    key, value = checked_key(wanted.kind, wanted.key), scope_value(wanted.value)
    if key is not None:
        return SpendScope(f"{TAG}{key}", value)
    return SpendScope(ALL_USERS if wanted.kind == "all" else SERVICE, value)
