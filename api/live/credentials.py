"""How a socket says who it is for: by header, by ticket, or by subprotocol; by exactly one of them.

Pages in a browser can set no header on a socket. They send a ticket in the query, which is worth
nothing afterwards, or the token among the subprotocols. A token in the query would be written into
logs on its way; it is not looked at.
"""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from api.http.access import Caller
from api.http.parameters import is_given, one_of
from api.http.problems import Problem, unauthorized
from api.live.tickets import TicketRegistry
from api.openapi.operations import Parameter

PROTOCOL: Final = "cost.v1"
_BEARER: Final = "bearer."
TICKET: Final = Parameter("ticket", "Who is calling, in place of a token; good for one socket.")


def offered_protocols(request: web.Request) -> list[str]:
    """Return the subprotocols that a request offers."""
    lists = request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
    return [name for each in lists for name in map(str.strip, each.split(",")) if name]


class SocketCredentials:
    """The ways in beside the header, for the gate to try."""

    def __init__(self, tickets: TicketRegistry) -> None:
        self._tickets = tickets

    def authorization(self, request: web.Request) -> str | None:
        """Return what stands for the header `Authorization`, None to use the header itself.

        Raises the 401 Problem for more than one way in, the 400 Problem for subprotocols without
        ours: the framework would write a list that it does not know to the log, token and all.
        """
        names = offered_protocols(request)
        tokens = [name.removeprefix(_BEARER) for name in names if name.startswith(_BEARER)]
        ways = len(tokens) + (hdrs.AUTHORIZATION in request.headers) + is_given(request, TICKET)
        if ways > 1:
            raise unauthorized("Say who you are in one way only: header, ticket or subprotocol.")
        if names and PROTOCOL not in names:
            raise Problem(400, "bad_request", f"The subprotocol here is `{PROTOCOL}`.")
        return f"Bearer {tokens[0]}" if tokens else None

    async def caller(self, request: web.Request) -> Caller | None:
        """Return the caller whose ticket a request brings, None for a request without one."""
        ticket = one_of(request, TICKET)
        return None if ticket is None else await self._tickets.redeem(ticket)
