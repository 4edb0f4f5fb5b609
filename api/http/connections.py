"""HTTP connections with limits on their number and with timeouts in both directions.

aiohttp has no timeout for a request's head, nor for a client that reads its response slowly. It
answers malformed HTTP with an HTML page and logs a traceback that quotes the request,
tokens included. `GuardedConnection` fixes this.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, cast

from aiohttp import hdrs, web

from api.http.client_address import ClientAddresses, limit_key_of_peer
from api.http.common_headers import SECURITY_HEADERS, SERVER_HEADER
from api.http.masked_frames import FrameParser, MaskedFrames
from api.http.options import RequestLimits
from api.http.problems import (
    JSON_TYPE,
    Problem,
    problem_of_status,
    rate_limited,
    unavailable,
)
from api.metrics.refusals import RefusalMeter

_log: Final = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 5
_LINGER_SECONDS: Final = 2
_HEADERS_MAX: Final = 64
_LINE_BYTES_MAX: Final = 8_190


class ConnectionFactory:
    """Admits new connections up to the limits: in total and per address."""

    def __init__(
        self,
        server: web.Server,
        limits: RequestLimits,
        refusals: RefusalMeter | None = None,
    ) -> None:
        self._server = server
        self._limits = limits
        self._addresses = ClientAddresses(limits.trusted_proxies)
        self._refusals = refusals
        self._by_address: Counter[str] = Counter()
        self.open_connections = 0

    def __call__(self) -> asyncio.BaseProtocol:
        """Return the protocol of a newly accepted connection."""
        return _Admission(self)

    def admit(self, peer: str) -> Problem | None:
        """Count a connection, or return the Problem. Proxies have no limit per address."""
        limits, address = self._limits, limit_key_of_peer(peer)
        problem = None
        if self.open_connections >= limits.connections:
            problem = unavailable("Another connection", "connections")
        elif self._has_too_many(address) and not self._addresses.is_proxy(peer):
            problem = rate_limited(
                _RETRY_SECONDS,
                "connections_per_address",
                f"An address may have {limits.connections_per_address} open connections.",
            )
        if problem is None:
            self.open_connections += 1
            self._by_address[address] += 1
        elif problem.limit is not None and self._refusals is not None:
            self._refusals.count(problem.limit)
        return problem

    def _has_too_many(self, address: str) -> bool:
        return self._by_address[address] >= self._limits.connections_per_address

    def remove(self, peer: str) -> None:
        """Remove a connection from the counts."""
        address = limit_key_of_peer(peer)
        self.open_connections -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def connection(self, peer: str) -> GuardedConnection:
        """Return the handler of an admitted connection."""
        return GuardedConnection(self, peer, self._server, self._limits)


class _Admission(asyncio.Protocol):
    """A new connection before its peer is known."""

    def __init__(self, factory: ConnectionFactory) -> None:
        self._factory = factory

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection to its handler, or answer with the Problem and close."""
        tcp_transport = cast(asyncio.Transport, transport)
        name = tcp_transport.get_extra_info("peername")
        peer = str(name[0]) if isinstance(name, tuple) else ""
        problem = self._factory.admit(peer)
        if problem is not None:
            tcp_transport.write(_refusal(problem))
            tcp_transport.close()
            return
        connection = self._factory.connection(peer)
        tcp_transport.set_protocol(connection)
        connection.connection_made(tcp_transport)


class GuardedConnection(web.RequestHandler):
    """aiohttp's connection handler with timeouts and JSON errors."""

    __slots__ = ("_factory", "_head_timer", "_limits", "_peer", "_serving")

    def __init__(
        self, factory: ConnectionFactory, peer: str, server: web.Server, limits: RequestLimits
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # the framework checks for it
            keepalive_timeout=limits.keepalive_seconds,
            lingering_time=_LINGER_SECONDS,
            max_headers=_HEADERS_MAX,
            max_line_size=_LINE_BYTES_MAX,
            max_field_size=_LINE_BYTES_MAX,
            auto_decompress=False,  # `read_body` does it
        )
        self._factory = factory
        self._peer = peer
        self._limits = limits
        self._serving = False
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the timeout for the head of the first request."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Remove the connection from the counts."""
        self._factory.remove(self._peer)
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the timeout for a request's head at its first byte."""
        if not self._serving and self._head_timer is None:
            self._expect_head()
        super().data_received(data)

    def set_parser(
        self, parser: FrameParser, data_received_cb: Callable[[], None] | None = None
    ) -> None:
        """Refuse unmasked frames on a new WebSocket."""
        super().set_parser(cast(Any, MaskedFrames(parser)), data_received_cb)

    def request_began(self) -> None:
        """Record that a request's head has arrived; called by the middleware."""
        self._serving = True
        self._stop_timer()

    async def finish_response(self, *args: Any) -> tuple[web.StreamResponse, bool]:
        """Send the response; abort the connection of a client that does not read it in time."""
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                return await super().finish_response(*args)
        except TimeoutError:
            if self.transport is not None:
                cast(asyncio.WriteTransport, self.transport).abort()
            raise ConnectionError("the client did not read its response in time") from None
        finally:
            self._serving = False

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Answer malformed HTTP, and errors outside of handlers."""
        kind = type(exc).__name__
        _log.info("%d for %s: %s", status, request.remote, kind, extra={"action": "bad_request"})
        if request.writer.output_size > 0:
            raise ConnectionError("the response has already started")
        response = problem_of_status(status).response()
        response.headers.update({**SECURITY_HEADERS, **SERVER_HEADER})  # bypasses the gate
        response.force_close()
        return response

    def _expect_head(self) -> None:
        loop = asyncio.get_running_loop()
        self._head_timer = loop.call_later(self._limits.head_seconds, self._give_up)

    def _give_up(self) -> None:
        self._head_timer = None
        self.force_close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _refusal(problem: Problem) -> bytes:
    """Return the raw response to a refused connection."""
    body = problem.body()
    return (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\nConnection: close\r\n"
        f"Content-Type: {JSON_TYPE}\r\nContent-Length: {len(body)}\r\n"
        f"Server: {SERVER_HEADER[hdrs.SERVER]}\r\n"
        f"Retry-After: {problem.headers['Retry-After']}\r\n\r\n"
    ).encode() + body
