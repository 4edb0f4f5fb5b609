"""Access rules of routes, declared as data and checked in one place."""

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
    """The user and role of a verified token; `expires_at` in seconds since 1970."""

    user_id: str
    role: Role
    expires_at: int

    @property
    def viewer(self) -> Viewer:
        """The identity that database reads use."""
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
        """Return whether a caller may use the route; `user_id` is the user in the path, if any."""
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
    """Other credentials than the Authorization header, for clients that cannot set one."""

    def authorization(self, request: web.Request) -> str | None:
        """Return a replacement for the `Authorization` header; None to use the header itself."""

    async def caller(self, request: web.Request) -> Caller | None:
        """Return a caller that needs no token; None if the request must bring one."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with access rule, handler and OpenAPI operation.

    A route with `credential_sources` is a WebSocket, which only pages of allowed origins may open.
    """

    method: str
    path: str
    access: Access
    handler: Handler
    operation: Operation | None = None
    credential_sources: CredentialSources | None = None


ROUTES: Final = web.AppKey("routes", tuple[Route, ...])
"""Key of the routes that an application was built from."""

ROUTE: Final = web.RequestKey("route", Route)
"""Key of a request's guarded route."""

CALLER: Final = web.RequestKey("caller", Caller)
"""Key of a request's caller, set once the request is admitted."""

ADDRESS: Final = web.RequestKey("address", str)
"""Key of the client address that limits use for a request."""
