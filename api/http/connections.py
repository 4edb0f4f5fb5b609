"""Connections with limits: on their number, and on the time of each direction.

The framework bounds neither how slowly a request's head may arrive nor how slowly a client may take
its answer, and it answers what is no HTTP with a page of its own and a trace that quotes the bytes,
tokens and all. This subclass of its connection handler closes those gaps.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, cast

from aiohttp import hdrs, web

from api.http.client_address import ClientAddresses, peer_counted_as
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

_COME_BACK_SECONDS: Final = 5
_LINGER_SECONDS: Final = 2
_HEADERS_MAX: Final = 64
_LINE_BYTES_MAX: Final = 8_190


class ConnectionFactory:
    """Admits each new connection, until there are too many, in all or from one address."""

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
        self._of_address: Counter[str] = Counter()
        self.open_connections = 0

    def __call__(self) -> asyncio.BaseProtocol:
        """Return the protocol for a connection that was just accepted."""
        return _Admission(self)

    def admit(self, peer: str) -> Problem | None:
        """Count a connection; returns the Problem of one too many. Proxies bring many clients."""
        limits, address = self._limits, peer_counted_as(peer)
        problem = None
        if self.open_connections >= limits.connections:
            problem = unavailable("Another connection", "connections")
        elif self._has_too_many(address) and not self._addresses.is_proxy(peer):
            problem = rate_limited(
                _COME_BACK_SECONDS,
                "connections_per_address",
                f"An address may have {limits.connections_per_address} open connections.",
            )
        if problem is None:
            self.open_connections += 1
            self._of_address[address] += 1
        elif problem.limit is not None and self._refusals is not None:
            self._refusals.count(problem.limit)
        return problem

    def _has_too_many(self, address: str) -> bool:
        return self._of_address[address] >= self._limits.connections_per_address

    def closed(self, peer: str) -> None:
        """Take a connection off the count."""
        address = peer_counted_as(peer)
        self.open_connections -= 1
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]

    def connection(self, peer: str) -> GuardedConnection:
        """Return the handler of an admitted connection."""
        return GuardedConnection(self, peer, self._server, self._limits)


class _Admission(asyncio.Protocol):
    """A new connection, until its peer is known."""

    def __init__(self, door: ConnectionFactory) -> None:
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection to its handler, or say why not and hang up."""
        wire = cast(asyncio.Transport, transport)
        name = wire.get_extra_info("peername")
        peer = str(name[0]) if isinstance(name, tuple) else ""
        problem = self._door.admit(peer)
        if problem is not None:
            wire.write(_refusal(problem))
            wire.close()
            return
        connection = self._door.connection(peer)
        wire.set_protocol(connection)
        connection.connection_made(wire)


class GuardedConnection(web.RequestHandler):
    """The framework's connection handler with time limits and answers in our own form."""

    __slots__ = ("_door", "_head_timer", "_limits", "_peer", "_serving")

    def __init__(
        self, door: ConnectionFactory, peer: str, server: web.Server, limits: RequestLimits
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
        self._door = door
        self._peer = peer
        self._limits = limits
        self._serving = False
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the head of its first request."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Take the connection off the count."""
        self._door.closed(self._peer)
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Begin to wait for a whole head with its first byte."""
        if not self._serving and self._head_timer is None:
            self._expect_head()
        super().data_received(data)

    def set_parser(
        self, parser: FrameParser, data_received_cb: Callable[[], None] | None = None
    ) -> None:
        """Take the parser of a socket that was just opened."""
        super().set_parser(cast(Any, MaskedFrames(parser)), data_received_cb)

    def request_began(self) -> None:
        """Note that a head has arrived; called by whatever handles requests."""
        self._serving = True
        self._stop_timer()

    async def finish_response(self, *args: Any) -> tuple[web.StreamResponse, bool]:
        """Send the answer, to a client that takes it in time."""
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                return await super().finish_response(*args)
        except TimeoutError:
            if self.transport is not None:
                cast(asyncio.WriteTransport, self.transport).abort()
            raise ConnectionError("the client did not take its answer in time") from None
        finally:
            self._serving = False

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what the client sent
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or what went wrong outside of any handler."""
        kind = type(exc).__name__
        _log.info("%d for %s: %s", status, request.remote, kind, extra={"action": "bad_request"})
        if request.writer.output_size > 0:
            raise ConnectionError("the answer was on its way already")
        response = problem_of_status(status).response()
        response.headers.update({**SECURITY_HEADERS, **SERVER_HEADER})  # the gate does not see it
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
    """Return the answer to a connection that is one too many."""
    body = problem.body()
    return (
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\nConnection: close\r\n"
        f"Content-Type: {JSON_TYPE}\r\nContent-Length: {len(body)}\r\n"
        f"Server: {SERVER_HEADER[hdrs.SERVER]}\r\n"
        f"Retry-After: {problem.headers['Retry-After']}\r\n\r\n"
    ).encode() + body
