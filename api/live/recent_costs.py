"""`GET …/recent`: the costs of the last ten minutes, of a user or of all users."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.http.access import Access, Route
from api.http.problems import unavailable
from api.http.replies import tagged_reply
from api.live.feed import Feed
from api.live.history import STEP_SECONDS, RecentSteps
from api.openapi.operations import Operation, Tag
from schemas.live import RecentCosts
from schemas.money import Usd

_OF_USER: Final = "/api/costs/user/{userId}/recent"
_OF_ALL: Final = "/api/admin/costs/recent"


class RecentCostRoutes:
    """The routes of recent costs, from the memory of the live feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def routes(self) -> tuple[Route, ...]:
        of_user = _operation("getRecentCosts", "Get a user's costs of the last ten minutes")
        of_all = _operation("getAllRecentCosts", "Get all users' costs of the last ten minutes")
        return (
            Route("GET", _OF_USER, Access.SELF, self.of_user, of_user),
            Route("GET", _OF_ALL, Access.ADMIN, self.of_all, of_all),
        )

    async def of_user(self, request: web.Request) -> web.Response:
        """Return by how much a user's costs rose, in steps of five seconds."""
        return self._answer(request, request.match_info["userId"])

    async def of_all(self, request: web.Request) -> web.Response:
        """Return by how much the costs of all users rose, in steps of five seconds."""
        return self._answer(request, None)

    def _answer(self, request: web.Request, user_id: str | None) -> web.Response:
        if not self._feed.is_ready:
            raise unavailable("The live feed")
        return tagged_reply(request, recent_costs(self._feed.history.recent(user_id)))


def recent_costs(recent: RecentSteps) -> RecentCosts:
    """Return the response body; services without a cost are left out."""
    services = {service for sums in recent.steps for service, nano in sums.items() if nano}
    return RecentCosts(
        since=recent.since,
        step_seconds=STEP_SECONDS,
        steps=len(recent.steps),
        cost_by_service={
            service: [Usd(sums.get(service, 0)) for sums in recent.steps]
            for service in sorted(services)
        },
    )


def _operation(name: str, summary: str) -> Operation:
    return Operation(name=name, tag=Tag.LIVE, summary=summary, response=RecentCosts, has_etag=True)
