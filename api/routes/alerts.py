"""A user's budget alerts: `/api/costs/user/{userId}/alerts`."""

from __future__ import annotations

from typing import Final, cast, get_args

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_optional_json
from api.http.options import RequestLimits
from api.http.paging import CURSOR, limit_of, row_limit, row_number_of
from api.http.parameters import choice, choice_of
from api.http.problems import forbidden
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.budgets.alert_reads import mark_alert
from ledger.budgets.budgets import AlertFilter, Budgets
from ledger.postgres.viewers import ReaderPool
from schemas.alerts import AlertType, ListedAlert
from schemas.budgets import AlertList, AlertReading
from schemas.jsonio import decode

LIMIT: Final = row_limit(50, 200)
TYPE: Final = choice("type", "Filters by the type of limit.", get_args(AlertType))
READ: Final = choice("read", "Filters by whether alerts are read.", ("true", "false"))

_LIST: Final = Operation(
    name="listAlerts",
    tag=Tag.BUDGETS,
    summary="List a user's budget alerts, latest first",
    response=AlertList,
    has_etag=True,
    query=(LIMIT, CURSOR, TYPE, READ),
)
_MARK: Final = Operation(
    name="markAlert",
    tag=Tag.BUDGETS,
    summary="Mark a budget alert as read or unread",
    response=ListedAlert,
    body=AlertReading,
    example={"read": True},
    optional=True,
)


class AlertRoutes:
    """The routes of budget alerts."""

    def __init__(self, budgets: Budgets, readers: ReaderPool, limits: RequestLimits) -> None:
        self._budgets = budgets
        self._readers = readers
        self._limits = limits

    def routes(self) -> tuple[Route, ...]:
        path = "/api/costs/user/{userId}/alerts"
        return (
            Route("GET", path, Access.SELF, self.list, _LIST),
            Route("PUT", path + "/{alertId}/read", Access.SELF, self.mark, _MARK),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return a page of a user's alerts, latest first; those of closed periods are `late`."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        page = await self._budgets.read_alerts(
            viewer, user_id, row_number_of(request), limit_of(request, LIMIT), filter_of(request)
        )
        body = AlertList(
            alerts=[decode(ListedAlert, alert.encode()) for alert in page.alerts],
            next_cursor=None if page.before is None else str(page.before),
        )
        return tagged_reply(request, body)

    async def mark(self, request: web.Request) -> web.Response:
        """Mark an alert as read, or as unread; returns it."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        requested = await read_optional_json(request, self._limits, AlertReading)
        alert = await mark_alert(
            self._readers, viewer, user_id, request.match_info["alertId"], is_read=requested.read
        )
        if alert is None:
            raise forbidden()
        return reply(decode(ListedAlert, alert.encode()))


def filter_of(request: web.Request) -> AlertFilter:
    """Return the requested filter; raises the 400 Problem."""
    read = choice_of(request, READ)
    return AlertFilter(
        cast("AlertType | None", choice_of(request, TYPE)), None if read is None else read == "true"
    )
