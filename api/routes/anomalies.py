"""Anomalies in costs: `…/user/{userId}/anomalies`, and all users' for administrators."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.paging import CURSOR, limit_of, number_of, row_limit
from api.http.parameters import (
    FIRST_DAY,
    LAST_DAY,
    SERVICE,
    choice,
    choice_of,
    day_or_none,
    service_of,
)
from api.http.problems import invalid_parameter
from api.http.replies import tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.anomalies.lists import AnomalyFilter, AnomalyRow, list_anomalies
from ledger.postgres.viewers import ReaderPool
from schemas.anomalies import ANOMALY_KINDS, Anomaly, AnomalyList, ListedAnomaly
from schemas.jsonio import decode

LIMIT: Final = row_limit(50, 200)
KIND: Final = choice("kind", "Filters by kind.", ANOMALY_KINDS)


class AnomalyRoutes:
    """The routes of anomalies."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    def routes(self) -> tuple[Route, ...]:
        path, everyones = "/api/costs/user/{userId}/anomalies", "/api/admin/costs/anomalies"
        of_user = _listing("listAnomalies", Tag.SPENDING, "List a user's anomalies")
        of_all = _listing("listAllAnomalies", Tag.EVERYONE, "List all users' anomalies")
        return (
            Route("GET", path, Access.SELF, self.of_user, of_user),
            Route("GET", everyones, Access.ADMIN, self.of_everyone, of_all),
        )

    async def of_user(self, request: web.Request) -> web.Response:
        """Return a page of a user's anomalies, latest first."""
        return await self._page(request, request.match_info["userId"])

    async def of_everyone(self, request: web.Request) -> web.Response:
        """Return a page of all users' anomalies, latest first."""
        return await self._page(request, None)

    async def _page(self, request: web.Request, user_id: str | None) -> web.Response:
        page = await list_anomalies(
            self._readers,
            request[CALLER].viewer,
            user_id,
            filter_of(request),
            before=number_of(request),
            limit=limit_of(request, LIMIT),
        )
        body = AnomalyList(
            anomalies=[*map(listed, page.rows)],
            next_cursor=None if page.before is None else str(page.before),
        )
        return tagged_reply(request, body)


def _listing(name: str, topic: Tag, summary: str) -> Operation:
    return Operation(
        name=name,
        tag=topic,
        summary=summary,
        response=AnomalyList,
        has_etag=True,
        query=(LIMIT, CURSOR, KIND, SERVICE, FIRST_DAY, LAST_DAY),
    )


def filter_of(request: web.Request) -> AnomalyFilter:
    """Return the requested filter; raises the 400 Problem."""
    first, last = day_or_none(request, FIRST_DAY), day_or_none(request, LAST_DAY)
    if first and last and last < first:
        raise invalid_parameter("endDate", "must not be before `startDate`")
    return AnomalyFilter(choice_of(request, KIND), service_of(request), first, last)


def listed(row: AnomalyRow) -> ListedAnomaly:
    """Return a stored anomaly as a list item."""
    anomaly = decode(Anomaly, row.data.encode())
    return ListedAnomaly(**msgspec.structs.asdict(anomaly), resolved_at=row.resolved_at)
