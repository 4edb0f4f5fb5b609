"""Credentials of a WebSocket: exactly one of header, ticket and subprotocol.

A page in a browser cannot set headers on a socket. It sends a single-use ticket in the query, or
its token among the subprotocols. A token in the query would appear in logs; it is ignored.
"""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from api.http.access import Caller
from api.http.parameters import is_given, value_of
from api.http.problems import Problem, unauthorized
from api.live.tickets import TicketRegistry
from api.openapi.operations import Parameter

PROTOCOL: Final = "cost.v1"
_BEARER: Final = "bearer."
TICKET: Final = Parameter("ticket", "A single-use ticket, in place of a token.")


def offered_protocols(request: web.Request) -> list[str]:
    """Return the subprotocols that a request offers."""
    lists = request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
    return [name for each in lists for name in map(str.strip, each.split(",")) if name]


class SocketCredentials:
    """Credentials of a WebSocket other than the header."""

    def __init__(self, tickets: TicketRegistry) -> None:
        self._tickets = tickets

    def authorization(self, request: web.Request) -> str | None:
        """Return a replacement for the `Authorization` header; None to use the header itself.

        Raises the 401 Problem for more than one credential, and the 400 Problem for subprotocols
        without ours: aiohttp would log an unknown list, with the token in it.
        """
        names = offered_protocols(request)
        tokens = [name.removeprefix(_BEARER) for name in names if name.startswith(_BEARER)]
        credentials = (
            len(tokens) + (hdrs.AUTHORIZATION in request.headers) + is_given(request, TICKET)
        )
        if credentials > 1:
            raise unauthorized("Send one credential only: header, ticket or subprotocol.")
        if names and PROTOCOL not in names:
            raise Problem(400, "bad_request", f"The supported subprotocol is `{PROTOCOL}`.")
        return f"Bearer {tokens[0]}" if tokens else None

    async def caller(self, request: web.Request) -> Caller | None:
        """Return the caller of the request's ticket; None if it has no ticket."""
        ticket = value_of(request, TICKET)
        return None if ticket is None else await self._tickets.redeem(ticket)
