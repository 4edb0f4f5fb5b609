"""The WebSocket `GET /api/costs/live`, and `POST /api/costs/live/ticket`, its single-use ticket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from api.http.access import ADDRESS, CALLER, Access, Route
from api.http.options import ApiOptions
from api.http.problems import Problem, unavailable
from api.http.replies import reply
from api.live.credentials import PROTOCOL, TICKET, SocketCredentials, offered_protocols
from api.live.feed import Feed
from api.live.recent_costs import RecentCostRoutes
from api.live.session import SocketSession
from api.live.socket_handler import CLOSE_SECONDS, MESSAGE_BYTES_MAX, SocketHandler
from api.live.tickets import TicketRegistry
from api.openapi.operations import Operation, SocketMessages, Tag
from api.routes.health import ReadinessCheck
from ledger.live.tickets import TicketStore
from ledger.postgres.viewers import ReaderPool, Viewer
from schemas.budgets import Budget
from schemas.live import (
    LiveAlert,
    LiveBudget,
    LiveChange,
    LivePing,
    LivePong,
    LiveSnapshot,
    LiveSubscribe,
    LiveTicket,
)

_PATH: Final = "/api/costs/live"
_LISTEN: Final = Operation(
    name="listen",
    tag=Tag.LIVE,
    summary="Open the live feed of active calls, alerts and the budget",
    response=SocketMessages(
        "The socket is open. Authenticate in exactly one way: by the header `Authorization`, by "
        "`ticket`, or by the subprotocols `cost.v1` and `bearer.<token>`, of which only `cost.v1` "
        "is echoed. Each message is a JSON object with a `type`; the first one is a `snapshot`.",
        sent=LiveSnapshot | LiveChange | LiveAlert | LiveBudget | LivePong,
        received=LiveSubscribe | LivePing,
    ),
    query=(TICKET,),
    error_statuses=(426,),
)
_TICKET: Final = Operation(
    name="getTicket",
    tag=Tag.LIVE,
    summary="Create a ticket that opens one WebSocket within 30 seconds",
    response=LiveTicket,
)


class LiveRoutes:
    """The routes of the live feed."""

    def __init__(self, feed: Feed, tickets: TicketRegistry) -> None:
        self._feed = feed
        self._tickets = tickets
        self._credentials = SocketCredentials(tickets)
        self._handlers: set[SocketHandler] = set()

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", _PATH, Access.LISTENER, self.listen, _LISTEN, self._credentials),
            Route("POST", f"{_PATH}/ticket", Access.LISTENER, self.ticket, _TICKET),
            *RecentCostRoutes(self._feed).routes(),
        )

    async def ticket(self, request: web.Request) -> web.Response:
        """Return a ticket for the caller."""
        return reply(await self._tickets.issue(request[CALLER]))

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """Serve the client until either side closes the socket."""
        socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS,
            autoclose=False,
            autoping=False,
            compress=False,
            protocols=(PROTOCOL,) if offered_protocols(request) else (),
            max_msg_size=MESSAGE_BYTES_MAX,
        )
        if not socket.can_prepare(request):
            raise Problem(
                426,
                "upgrade_required",
                "Open a WebSocket here.",
                {"Upgrade": "websocket", "Connection": "Upgrade"},
            )
        if not self._feed.is_ready:
            raise unavailable("The live feed")
        with self._feed.sockets.admit(request[CALLER], request[ADDRESS]):
            await socket.prepare(request)
            transport = request.transport
            if transport is None:
                return socket
            session = SocketSession(request[CALLER], transport, self._feed.views)
            handler = SocketHandler(socket, session, self._feed)
            self._handlers.add(handler)
            try:
                await handler.run()
            finally:
                self._handlers.discard(handler)
        return socket

    def open_sockets(self) -> int:
        """Return the number of open sockets."""
        return len(self._feed.sockets)

    def checks(self) -> tuple[ReadinessCheck, ...]:
        """Return the readiness check of the feed; none without brokers."""
        return (ReadinessCheck("feed", self._feed.passes),) if self._feed.has_brokers else ()

    def attach(self, app: web.Application) -> None:
        """Run the feed as long as the application, and close all sockets at its shutdown."""
        app.cleanup_ctx.append(self._run)
        app.on_shutdown.append(self._stop_handlers)

    async def _run(self, _: web.Application) -> AsyncIterator[None]:
        async with self._feed.running():
            yield

    async def _stop_handlers(self, _: web.Application) -> None:
        for handler in list(self._handlers):
            handler.stop()


def live_routes(
    readers: ReaderPool,
    budget: Callable[[Viewer, str], Awaitable[Budget]],
    options: ApiOptions,
    kafka: Mapping[str, Any] | None,
) -> LiveRoutes:
    """Return the routes of a new feed; `budget` reads a user's budget."""
    feed = Feed(
        readers,
        lambda user_id: budget(Viewer(user_id), user_id),
        options.limits,
        options.budget_basis,
        kafka,
        options.tracer,
    )
    return LiveRoutes(feed, TicketRegistry(TicketStore(readers)))
