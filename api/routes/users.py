"""`GET /api/admin/users`: finds users by their id or a part of it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.identifiers import ID_CHARACTERS_MAX, identifier_error
from api.http.paging import limit_of, row_limit
from api.http.parameters import value_of
from api.http.problems import invalid_parameter
from api.http.replies import tagged_reply
from api.openapi.operations import Operation, Parameter, Tag
from ledger.postgres.viewers import ReaderPool
from ledger.reports.users import find_users
from schemas.analytics import UserEntry, UserList

PART: Final = Parameter(
    "q",
    "A user id or a part of it, case-insensitive. Without it, all users.",
    {"type": "string", "maxLength": ID_CHARACTERS_MAX},
)
LIMIT: Final = row_limit(10, 100)


class UserRoutes:
    """The route of the search for users."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="findUsers",
            tag=Tag.ALL_USERS,
            summary="Find users by a part of their id",
            response=UserList,
            has_etag=True,
            query=(PART, LIMIT),
        )
        return (Route("GET", "/api/admin/users", Access.ADMIN, self.users, operation),)

    async def users(self, request: web.Request) -> web.Response:
        """Return the users whose id contains `q`: the equal id first, then the latest active."""
        part = value_of(request, PART) or ""
        if part and (flaw := identifier_error(part)):
            raise invalid_parameter(PART.name, flaw)
        limit = limit_of(request, LIMIT)
        matches, total = await find_users(self._readers, request[CALLER].viewer, part, limit)
        users = [UserEntry(**user._asdict()) for user in matches]
        return tagged_reply(request, UserList(total_users=total, users=users))
