"""Anomalies in costs: `…/user/{userId}/anomalies`, and all users' for administrators."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import checked_reason, read_json
from api.http.options import RequestLimits
from api.http.paging import (
    CURSOR,
    cursor_of,
    is_row_number,
    limit_of,
    page,
    row_limit,
)
from api.http.parameters import (
    FIRST_DAY,
    LAST_DAY,
    SERVICE,
    choice,
    choice_of,
    optional_days_of,
    service_of,
)
from api.http.problems import forbidden
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.anomalies.details import AnomalyDetails, read_anomaly
from ledger.anomalies.dismissals import dismiss_anomaly, undo_dismissal
from ledger.anomalies.lists import AnomalyFilter, AnomalyPosition, AnomalyRow, list_anomalies
from ledger.postgres.viewers import ReaderPool
from ledger.reports.lists import PagePosition
from schemas.anomalies import (
    ANOMALY_KINDS,
    Anomaly,
    AnomalyDay,
    AnomalyDetail,
    AnomalyDismissal,
    AnomalyList,
    DismissalRequest,
    ListedAnomaly,
    UsualCost,
)
from schemas.jsonio import decode
from schemas.money import Usd

LIMIT: Final = row_limit(50, 200)
KIND: Final = choice("kind", "Filters by kind.", ANOMALY_KINDS)
DISMISSED: Final = choice(
    "dismissed",
    "Whether anomalies are dismissed; `any` for both.",
    ("false", "true", "any"),
    "false",
)

_LIST_PATH: Final = "/api/costs/user/{userId}/anomalies"
_ANOMALY_PATH: Final = _LIST_PATH + "/{anomalyId}"
_DISMISSAL: Final = _ANOMALY_PATH + "/dismissal"

_SHOW: Final = Operation(
    name="getAnomaly",
    tag=Tag.SPENDING,
    summary="Get an anomaly with the costs that explain it",
    response=AnomalyDetail,
    has_etag=True,
)
_DISMISS: Final = Operation(
    name="dismissAnomaly",
    tag=Tag.SPENDING,
    summary="Dismiss an anomaly with a reason",
    response=ListedAnomaly,
    body=DismissalRequest,
    example={"reason": "Load test"},
)
_UNDO: Final = Operation(
    name="undoAnomalyDismissal",
    tag=Tag.SPENDING,
    summary="Undo the dismissal of an anomaly",
    response=ListedAnomaly,
)


class AnomalyRoutes:
    """The routes of anomalies."""

    def __init__(self, readers: ReaderPool, limits: RequestLimits) -> None:
        self._readers = readers
        self._limits = limits

    def routes(self) -> tuple[Route, ...]:
        of_user = _listing("listAnomalies", Tag.SPENDING, "List a user's anomalies")
        of_all = _listing("listAllAnomalies", Tag.ALL_USERS, "List all users' anomalies")
        return (
            Route("GET", _LIST_PATH, Access.SELF, self.of_user, of_user),
            Route("GET", _ANOMALY_PATH, Access.SELF, self.show, _SHOW),
            Route("PUT", _DISMISSAL, Access.SELF, self.dismiss, _DISMISS),
            Route("DELETE", _DISMISSAL, Access.SELF, self.undo, _UNDO),
            Route("GET", "/api/admin/costs/anomalies", Access.ADMIN, self.of_all_users, of_all),
        )

    async def of_user(self, request: web.Request) -> web.Response:
        """Return a page of a user's anomalies, latest first."""
        return await self._page(request, request.match_info["userId"])

    async def of_all_users(self, request: web.Request) -> web.Response:
        """Return a page of all users' anomalies, latest first."""
        return await self._page(request, None)

    async def show(self, request: web.Request) -> web.Response:
        """Return an anomaly with the costs that explain it."""
        details = await read_anomaly(
            self._readers, request[CALLER].viewer, request.match_info["userId"], id_of(request)
        )
        if details is None:
            raise forbidden()
        return tagged_reply(request, detail(details))

    async def dismiss(self, request: web.Request) -> web.Response:
        """Dismiss an anomaly; returns it."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        body = await read_json(request, self._limits, DismissalRequest)
        reason = checked_reason(body.reason, "Say why the anomaly needs no attention.")
        return _anomaly_reply(
            await dismiss_anomaly(self._readers, viewer, user_id, id_of(request), reason)
        )

    async def undo(self, request: web.Request) -> web.Response:
        """Remove the dismissal of an anomaly; returns the anomaly."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        return _anomaly_reply(await undo_dismissal(self._readers, viewer, user_id, id_of(request)))

    async def _page(self, request: web.Request, user_id: str | None) -> web.Response:
        limit = limit_of(request, LIMIT)
        rows = await list_anomalies(
            self._readers,
            request[CALLER].viewer,
            user_id,
            filter_of(request),
            after=position_of(request),
            limit=limit + 1,
        )
        shown, following = page(
            rows, limit, lambda row: PagePosition(row.occurred_at, str(row.seq))
        )
        return tagged_reply(
            request, AnomalyList(anomalies=[*map(listed, shown)], next_cursor=following)
        )


def _listing(name: str, tag: Tag, summary: str) -> Operation:
    return Operation(
        name=name,
        tag=tag,
        summary=summary,
        response=AnomalyList,
        has_etag=True,
        query=(LIMIT, CURSOR, KIND, SERVICE, FIRST_DAY, LAST_DAY, DISMISSED),
    )


def _anomaly_reply(row: AnomalyRow | None) -> web.Response:
    if row is None:
        raise forbidden()
    return reply(listed(row))


def filter_of(request: web.Request) -> AnomalyFilter:
    """Return the requested filter; raises the 400 Problem."""
    first, last = optional_days_of(request)
    dismissed = choice_of(request, DISMISSED)
    return AnomalyFilter(
        choice_of(request, KIND),
        service_of(request),
        first,
        last,
        is_dismissed=None if dismissed == "any" else dismissed == "true",
    )


def position_of(request: web.Request) -> AnomalyPosition | None:
    """Return the requested position in a list; raises the 400 Problem."""
    position = cursor_of(request, is_row_number)
    return None if position is None else AnomalyPosition(position.time, int(position.key))


def id_of(request: web.Request) -> UUID:
    """Return the requested anomaly; raises the 403 Problem, as for one of another user."""
    try:
        return UUID(request.match_info["anomalyId"])
    except ValueError:
        raise forbidden() from None


def listed(row: AnomalyRow) -> ListedAnomaly:
    """Return a stored anomaly as a list item."""
    return ListedAnomaly(**_state(row))


def detail(details: AnomalyDetails) -> AnomalyDetail:
    """Return an anomaly with its costs."""
    usual, services = details.usual, details.services
    costs = None if services is None else {name: Usd(nano) for name, nano in services.items()}
    return AnomalyDetail(
        **_state(details.anomaly),
        cost_by_service=costs,
        days=[AnomalyDay(date=day, cost_usd=Usd(nano)) for day, nano in details.days.items()],
        usual_range=usual and UsualCost(low_usd=Usd(usual.low_nano), high_usd=Usd(usual.high_nano)),
    )


def _state(row: AnomalyRow) -> dict[str, Any]:
    anomaly = decode(Anomaly, row.data.encode())
    return {
        **msgspec.structs.asdict(anomaly),
        "resolved_at": row.resolved_at,
        "dismissal": dismissal(row),
    }


def dismissal(row: AnomalyRow) -> AnomalyDismissal | None:
    """Return the dismissal of an anomaly, if it has one."""
    if row.reason is None or row.dismissed_by is None or row.dismissed_at is None:
        return None
    return AnomalyDismissal(
        reason=row.reason, dismissed_by=row.dismissed_by, dismissed_at=row.dismissed_at
    )
