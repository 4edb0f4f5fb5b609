"""Access rules of routes, declared as data and checked in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from aiohttp import web

from api.http.roles import Role
from api.openapi.operations import Operation, Tag
from ledger.postgres.viewers import Viewer
from schemas.api_keys import KeyScope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Caller:
    """The user and role of a verified token; `expires_at` in seconds since 1970.

    For a service with an API key, `scopes` restrict it and `key_id` is its key; None for a token.
    """

    user_id: str
    role: Role
    expires_at: int
    scopes: frozenset[KeyScope] | None = None
    key_id: int | None = None

    @property
    def author(self) -> str:
        """The name under which an administrator's changes are stored."""
        return f"admin {self.user_id}"

    @property
    def viewer(self) -> Viewer:
        """The identity that database reads use."""
        reads_all = self.role == "admin" if self.scopes is None else "read" in self.scopes
        return Viewer(self.user_id, reads_all=reads_all)


class Access(Enum):
    """Who may use a route."""

    ANYONE = "anyone, without a token"
    SIGNED = "vendors, who sign each request"
    SELF = "the user whom the path names, and admins"
    OWNER = "the owner of the call, which the query decides, and admins"
    ADMIN = "admins"
    EMITTER = "services that report costs, and admins"
    LISTENER = "users, each for their own data, and admins"

    def permits(self, caller: Caller, user_id: str | None) -> bool:
        """Return whether a caller may use the route; `user_id` is the user in the path, if any."""
        if self is Access.SIGNED:
            return False  # the handler checks the signature; a token permits nothing
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
    """Credentials for clients that cannot set the Authorization header."""

    def authorization(self, request: web.Request) -> str | None:
        """Return a replacement for the `Authorization` header; None to use the header itself."""

    async def caller(self, request: web.Request) -> Caller | None:
        """Return a caller that needs no token; None if the request must bring one."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with access rule, handler and OpenAPI operation.

    A route with `credential_sources` is a WebSocket, which only pages of allowed origins may open.
    `scope` is the scope that a key needs; by default it follows from the access rule.
    """

    method: str
    path: str
    access: Access
    handler: Handler
    operation: Operation | None = None
    credential_sources: CredentialSources | None = None
    scope: KeyScope | None = None

    def permits(self, caller: Caller, user_id: str | None) -> bool:
        """Return whether a caller may use the route; `user_id` is the user in the path, if any."""
        if caller.scopes is None:
            return self.access.permits(caller, user_id)
        return self.needed_scope in caller.scopes

    @property
    def needed_scope(self) -> KeyScope | None:
        """The scope of keys that may use the route, None if keys may not.

        No key reads notification channels: their addresses are personal data, not costs.
        """
        if self.scope is not None:
            return self.scope
        if self.access is Access.EMITTER:
            return "ingest"
        is_read = self.method == "GET" and self.access in {Access.SELF, Access.OWNER}
        is_of_channels = self.operation is not None and self.operation.tag is Tag.CHANNELS
        return "read" if is_read and not is_of_channels else None


ROUTES: Final = web.AppKey("routes", tuple[Route, ...])
"""Key of the routes that an application was built from."""

ROUTE: Final = web.RequestKey("route", Route)
"""Key of a request's guarded route."""

CALLER: Final = web.RequestKey("caller", Caller)
"""Key of a request's caller, set once the request is admitted."""

ADDRESS: Final = web.RequestKey("address", str)
"""Key of a request's client address, as limits count it."""

REPORTED_CALL: Final = web.RequestKey("reported_call", str)
"""Key of the call of the first event that a request reports, once its events are valid."""

REPORT_REFUSAL: Final = web.RequestKey("report_refusal", str)
"""Key of the reason why all events of a successful request are refused."""
