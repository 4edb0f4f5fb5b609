"""Who may use a route: data on the route, checked in one place and walked by the tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, Protocol

from aiohttp import web

from api.openapi.operations import Operation
from ledger.postgres.viewers import Viewer

Role = Literal["user", "admin", "service"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a verified token speaks for, and until when (seconds since 1970)."""

    user_id: str
    role: Role
    expires_at: int

    @property
    def viewer(self) -> Viewer:
        """On whose behalf the database is read."""
        return Viewer(self.user_id, reads_all=self.role == "admin")


class Access(Enum):
    """Who may use a route."""

    ANYONE = "anyone, without a token"
    SELF = "the user whom the path names, and admins"
    OWNER = "the owner of the call, which the query decides, and admins"
    ADMIN = "admins"
    EMITTER = "services that report costs, and admins"
    LISTENER = "users, each for what is their own, and admins"

    def permits(self, caller: Caller, user_id: str | None) -> bool:
        """Return whether a caller may go on; `user_id` is the user whom the path names, if any."""
        if caller.role == "admin" or self is Access.ANYONE:
            return True
        if self is Access.EMITTER:
            return caller.role == "service"
        if caller.role != "user":
            return False
        return self in {Access.OWNER, Access.LISTENER} or (
            self is Access.SELF and caller.user_id == user_id
        )


class CredentialSources(Protocol):
    """How a request may say who is calling where it cannot set a header."""

    def authorization(self, request: web.Request) -> str | None:
        """Return what to take for the header `Authorization`; None: the header itself."""

    async def caller(self, request: web.Request) -> Caller | None:
        """Return a caller who needs no token, None for a request that has to bring one."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, who may use it, what answers, and what the document says of it.

    A route with other `ways_in` than the header is a socket's, and only pages of ours may open it.
    """

    method: str
    path: str
    access: Access
    handler: Handler
    operation: Operation | None = None
    ways_in: CredentialSources | None = None


ROUTES: Final = web.AppKey("routes", tuple[Route, ...])
"""Where an application keeps the routes it was built from."""

ROUTE: Final = web.RequestKey("route", Route)
"""Where a request keeps the guarded route that it takes."""

CALLER: Final = web.RequestKey("caller", Caller)
"""Where a request keeps its caller once the gate has let it through."""

ADDRESS: Final = web.RequestKey("address", str)
"""Where a guarded request keeps the address that limits count it under."""
