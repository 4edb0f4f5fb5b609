"""What was unusual about costs: `…/user/{userId}/anomalies`, and everyone's for administrators."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from api.access import CALLER, Access, Route
from api.identifiers import is_identifier
from api.paging import limit_of, number_of
from api.parameters import day_or_none, one_of
from api.problems import invalid_parameter
from api.replies import tagged_reply
from ledger.store.anomaly_lists import AnomalyFilter, ListedRow, list_anomalies
from ledger.store.reading import ReaderPool
from schemas.anomalies import ANOMALY_KINDS, Anomaly, AnomalyList, ListedAnomaly
from schemas.jsonio import decode

_DEFAULT_LIMIT: Final = 50
_LIMIT_MOST: Final = 200


class AnomalyRoutes:
    """The routes about anomalies."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    def routes(self) -> tuple[Route, ...]:
        """Return the routes."""
        return (
            Route("GET", "/api/costs/user/{userId}/anomalies", Access.SELF, self.of_user),
            Route("GET", "/api/admin/costs/anomalies", Access.ADMIN, self.of_everyone),
        )

    async def of_user(self, request: web.Request) -> web.Response:
        """Answer with a page of a user's anomalies, latest first."""
        return await self._page(request, request.match_info["userId"])

    async def of_everyone(self, request: web.Request) -> web.Response:
        """Answer with a page of all users' anomalies, latest first."""
        return await self._page(request, None)

    async def _page(self, request: web.Request, user_id: str | None) -> web.Response:
        page = await list_anomalies(
            self._readers,
            request[CALLER].viewer,
            user_id,
            filter_of(request),
            before=number_of(request),
            most=limit_of(request, _DEFAULT_LIMIT, _LIMIT_MOST),
        )
        body = AnomalyList(
            anomalies=[*map(listed, page.rows)],
            next_cursor=None if page.before is None else str(page.before),
        )
        return tagged_reply(request, body)


def filter_of(request: web.Request) -> AnomalyFilter:
    """Return which anomalies the query asks for; raises the 400 Problem."""
    first, last = day_or_none(request, "startDate"), day_or_none(request, "endDate")
    if first and last and last < first:
        raise invalid_parameter("endDate", "must not be before `startDate`")
    kind, service = one_of(request, "kind"), one_of(request, "service")
    if kind is not None and kind not in ANOMALY_KINDS:
        raise invalid_parameter("kind", f"must be one of {', '.join(ANOMALY_KINDS)}")
    if service is not None and not is_identifier(service):
        raise invalid_parameter("service", "must be the name of a service")
    return AnomalyFilter(kind, service, first, last)


def listed(row: ListedRow) -> ListedAnomaly:
    """Return an anomaly as it stands."""
    anomaly = decode(Anomaly, row.data.encode())
    return ListedAnomaly(**msgspec.structs.asdict(anomaly), resolved_at=row.resolved_at)
