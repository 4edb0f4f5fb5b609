"""Budgets of all users, of services and of tags, for administrators: `/api/admin/budgets`."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.options import RequestLimits
from api.http.problems import Problem, invalid_body, not_found
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from api.routes.scoped_budgets import (
    budget_body,
    budget_list,
    checked_key,
    scope_value,
    wanted_budget,
)
from ledger.budgets.budgets import LATEST_ALERTS_MAX, Budgets
from ledger.budgets.scoped import ALL_USERS, BUDGETS_MAX, GLOBAL_OWNER, SERVICE, TAG, SpendScope
from ledger.budgets.scoped_changes import BudgetSettings, ScopedBudgets, TooManyBudgetsError
from ledger.postgres.clock import Clock
from schemas import scoped_budgets as bodies
from schemas.alerts import ListedAlert
from schemas.jsonio import decode

_LIST_PATH: Final = "/api/admin/budgets"
_BUDGET_PATH: Final = f"{_LIST_PATH}/{{budgetId}}"
_EXAMPLE: Final = {
    "scope": {"kind": "service", "value": "elevenlabs"},
    "period": "month",
    "limit_usd": 2000,
    "thresholds": [80],
}
_LIST: Final = Operation(
    name="listGlobalBudgets",
    tag=Tag.EVERYONE,
    summary="List the budgets of all users, of services and of tags, and their newest alerts",
    response=bodies.GlobalBudgetList,
    has_etag=True,
)
_CREATE: Final = Operation(
    name="createGlobalBudget",
    tag=Tag.EVERYONE,
    summary="Create a budget of all users, of a service or of a tag",
    response=bodies.ScopedBudget,
    body=bodies.WantedGlobalBudget,
    example=_EXAMPLE,
    error_statuses=(409,),
)
_REPLACE: Final = Operation(
    name="replaceGlobalBudget",
    tag=Tag.EVERYONE,
    summary="Replace the settings of a global budget, or raise its limit for a time",
    response=bodies.ScopedBudget,
    body=bodies.WantedGlobalBudget,
    example={**_EXAMPLE, "raise": {"limit_usd": 2500, "until": "2026-12-24T00:00:00Z"}},
    error_statuses=(404,),
)
_DELETE: Final = Operation(
    name="deleteGlobalBudget",
    tag=Tag.EVERYONE,
    summary="Delete a global budget; its alerts stay",
    response=bodies.GlobalBudgetList,
    error_statuses=(404,),
)


class GlobalBudgetRoutes:
    """The routes of global budgets."""

    def __init__(self, budgets: Budgets, limits: RequestLimits, now: Clock) -> None:
        self._all = budgets
        self._budgets = ScopedBudgets(budgets)
        self._limits = limits
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", _LIST_PATH, Access.ADMIN, self.list, _LIST),
            Route("POST", _LIST_PATH, Access.ADMIN, self.create, _CREATE),
            Route("PUT", _BUDGET_PATH, Access.ADMIN, self.replace, _REPLACE),
            Route("DELETE", _BUDGET_PATH, Access.ADMIN, self.delete, _DELETE),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return the global budgets."""
        return tagged_reply(request, await self._list(request))

    async def create(self, request: web.Request) -> web.Response:
        """Create a budget, and return it."""
        wanted, now = await self._wanted(request), self._now()
        try:
            created = await self._budgets.create(request[CALLER].viewer, GLOBAL_OWNER, wanted, now)
        except TooManyBudgetsError:
            message = f"There are {BUDGETS_MAX} global budgets at most. Delete one first."
            raise Problem(409, "too_many_budgets", message) from None
        return reply(budget_body(created, self._all.basis, now))

    async def replace(self, request: web.Request) -> web.Response:
        """Replace the settings of a budget, and return it."""
        wanted, now = await self._wanted(request), self._now()
        viewer, budget_id = request[CALLER].viewer, request.match_info["budgetId"]
        replaced = await self._budgets.replace(viewer, GLOBAL_OWNER, budget_id, wanted, now)
        if replaced is None:
            raise not_found(f"There is no global budget {budget_id}.")
        return reply(budget_body(replaced, self._all.basis, now))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a budget, and return the remaining ones."""
        viewer, budget_id = request[CALLER].viewer, request.match_info["budgetId"]
        if not await self._budgets.delete(viewer, GLOBAL_OWNER, budget_id, self._now()):
            raise not_found(f"There is no global budget {budget_id}.")
        return reply(await self._list(request))

    async def _list(self, request: web.Request) -> bodies.GlobalBudgetList:
        viewer, now = request[CALLER].viewer, self._now()
        statuses = await self._budgets.read(viewer, GLOBAL_OWNER, now)
        page = await self._all.alerts(viewer, GLOBAL_OWNER, None, LATEST_ALERTS_MAX)
        found = budget_list(statuses, self._all.basis, now)
        return bodies.GlobalBudgetList(
            budgets=found.budgets,
            budgets_max=found.budgets_max,
            budget_basis=found.budget_basis,
            alerts=[decode(ListedAlert, alert.encode()) for alert in page.alerts],
        )

    async def _wanted(self, request: web.Request) -> BudgetSettings:
        body = await read_json(request, self._limits, bodies.WantedGlobalBudget)
        return wanted_budget(body, _scope_of(body.scope), self._now())


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
