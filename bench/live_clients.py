"""Many WebSocket connections over loopback, from a small client on the measured machine.

Of a message, only the commit time is parsed.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

from devkit.embedded.ports import LOOPBACK

CONNECTS_AT_ONCE: Final = 50
COMMITTED: Final = b'"updatedAt":"'
_SMALL_BUFFER: Final = 4_096
_SNAPSHOT: Final = b'{"type":"snapshot"'
_CHANGE: Final = b'{"type":"call"'
_PING: Final = 0x89
_PONG: Final = b"\x8a\x80\x00\x00\x00\x00"
_RESPONSE_SECONDS_MAX: Final = 60


def upgrade(token: str) -> bytes:
    """Return the WebSocket upgrade request."""
    return (
        f"GET /api/costs/live HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


class LiveClient(asyncio.Protocol):
    """A connection that collects latencies from commit to arrival while `is_measuring` is set."""

    def __init__(self, request: bytes, clients: LiveClients) -> None:
        self._request = request
        self._all_clients = clients
        self._received = bytearray()
        self._is_open = False
        self.snapshot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the upgrade request."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        """Count a connection that the server closed."""
        if not self._all_clients.is_closing:
            self._all_clients.dropped += 1
        if not self.snapshot.done():
            self.snapshot.set_exception(
                error or ConnectionError("the server closed the connection")
            )

    def data_received(self, data: bytes) -> None:
        """Parse the complete frames."""
        arrived_ns = time.time_ns()
        received = self._received
        received += data
        if not self._is_open:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            if not received.startswith(b"HTTP/1.1 101"):
                self.snapshot.set_exception(ConnectionError(bytes(received[:end]).decode()))
                return
            del received[: end + 4]
            self._is_open = True
        start = 0
        while (bounds := _frame(received, start)) is not None:
            if received[start] == _PING and self.transport is not None:
                self.transport.write(_PONG)
            else:
                self._note_message(bytes(received[bounds[0] : bounds[1]]), arrived_ns)
            start = bounds[1]
        del received[:start]

    def _note_message(self, text: bytes, arrived_ns: int) -> None:
        if text.startswith(_CHANGE):
            if self._all_clients.is_measuring:
                self._all_clients.note_change(text, arrived_ns)
        elif text.startswith(_SNAPSHOT) and not self.snapshot.done():
            self.snapshot.set_result(None)


def text_field(text: bytes, start: bytes) -> str:
    """Return the text that follows `start`, up to the next quote."""
    at = text.index(start) + len(start)
    return text[at : text.index(b'"', at)].decode()


def _frame(received: bytearray, start: int) -> tuple[int, int] | None:
    """Return start and end of a frame's content, None if it is incomplete."""
    if len(received) < start + 2:
        return None
    length, head = received[start + 1], start + 2
    if length >= 126:
        size = 2 if length == 126 else 8
        length = int.from_bytes(received[head : head + size])
        head += size
    return (head, head + length) if len(received) >= head + length else None


class LiveClients:
    """Open connections and their latencies."""

    def __init__(self) -> None:
        self._clients: list[LiveClient] = []
        self._unread: list[socket.socket] = []
        self.is_measuring = self.is_closing = False
        self.milliseconds: list[float] = []
        self.dropped = 0

    def note_change(self, text: bytes, arrived_ns: int) -> None:
        """Collect the latency of a call's change from its commit."""
        committed = datetime.fromisoformat(text_field(text, COMMITTED))
        self.milliseconds.append(arrived_ns / 1e6 - committed.timestamp() * 1e3)

    async def open(self, port: int, requests: Sequence[bytes]) -> None:
        """Open a connection per request and wait for all snapshots; raises ConnectionError."""
        loop = asyncio.get_running_loop()
        for start in range(0, len(requests), CONNECTS_AT_ONCE):
            opened = []
            for request in requests[start : start + CONNECTS_AT_ONCE]:
                _, client = await loop.create_connection(
                    lambda request=request: LiveClient(request, self),  # type: ignore[misc]
                    LOOPBACK,
                    port,
                )
                opened.append(client)
            async with asyncio.timeout(_RESPONSE_SECONDS_MAX):
                await asyncio.gather(*(client.snapshot for client in opened))
            self._clients += opened

    def open_unread(self, port: int, request: bytes) -> None:
        """Open a connection that is never read."""
        unread = socket.create_connection((LOOPBACK, port))
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        unread.sendall(request)
        self._unread.append(unread)

    def close(self) -> None:
        """Close all connections."""
        self.is_closing = True
        for client in self._clients:
            if client.transport is not None:
                client.transport.abort()
        for unread in self._unread:
            unread.close()
