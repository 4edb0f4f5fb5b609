"""`GET /api/costs/user/{userId}/alerts`: a user's budget alerts."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.paging import CURSOR, limit_of, number_of, row_limit
from api.http.replies import tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.budgets.budgets import Budgets
from schemas.alerts import BudgetAlert
from schemas.budgets import AlertList
from schemas.jsonio import decode

LIMIT: Final = row_limit(50, 200)


class AlertRoutes:
    """The route of budget alerts."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="listAlerts",
            topic=Tag.BUDGETS,
            summary="List a user's budget alerts, latest first",
            answers=AlertList,
            tagged=True,
            query=(LIMIT, CURSOR),
        )
        path = "/api/costs/user/{userId}/alerts"
        return (Route("GET", path, Access.SELF, self.list, operation),)

    async def list(self, request: web.Request) -> web.Response:
        """Return a page of a user's alerts, latest first; those of closed periods are `late`."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        page = await self._budgets.alerts(
            viewer, user_id, number_of(request), limit_of(request, LIMIT)
        )
        body = AlertList(
            alerts=[decode(BudgetAlert, alert.encode()) for alert in page.alerts],
            next_cursor=None if page.before is None else str(page.before),
        )
        return tagged_reply(request, body)
