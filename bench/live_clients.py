"""Many sockets over loopback, from a small client that shares the machine with what it measures.

A message is looked at only for the moment of its commit; the rest of it is passed over.
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
_COMMITTED: Final = b'"updatedAt":"'
_SMALL_BUFFER: Final = 4_096
_SNAPSHOT: Final = b'{"type":"snapshot"'
_CHANGE: Final = b'{"type":"call"'
_PING: Final = 0x89
_PONG: Final = b"\x8a\x80\x00\x00\x00\x00"
_ANSWER_SECONDS_MAX: Final = 60


def upgrade(token: str) -> bytes:
    """Return the request that opens a socket."""
    return (
        f"GET /api/costs/live HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


class Listener(asyncio.Protocol):
    """One socket: how long each change took from its commit to here, while it is asked to note."""

    def __init__(self, request: bytes, crowd: Crowd) -> None:
        self._request = request
        self._crowd = crowd
        self._received = bytearray()
        self._is_open = False
        self.snapshot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the socket."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        """Count a connection that nobody here has closed."""
        if not self._crowd.is_leaving:
            self._crowd.dropped += 1
        if not self.snapshot.done():
            self.snapshot.set_exception(error or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Take whole frames off what has come."""
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
                self._take(bytes(received[bounds[0] : bounds[1]]), arrived_ns)
            start = bounds[1]
        del received[:start]

    def _take(self, text: bytes, arrived_ns: int) -> None:
        if text.startswith(_CHANGE):
            if self._crowd.is_noting:
                at = text.index(_COMMITTED) + len(_COMMITTED)
                committed = datetime.fromisoformat(text[at : text.index(b'"', at)].decode())
                self._crowd.milliseconds.append(arrived_ns / 1e6 - committed.timestamp() * 1e3)
        elif text.startswith(_SNAPSHOT) and not self.snapshot.done():
            self.snapshot.set_result(None)


def _frame(received: bytearray, start: int) -> tuple[int, int] | None:
    """Return where the content of a frame begins and ends, None while it is not whole."""
    if len(received) < start + 2:
        return None
    length, head = received[start + 1], start + 2
    if length >= 126:
        size = 2 if length == 126 else 8
        length = int.from_bytes(received[head : head + size])
        head += size
    return (head, head + length) if len(received) >= head + length else None


class Crowd:
    """Open sockets, and what they noted."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._mute: list[socket.socket] = []
        self.is_noting = self.is_leaving = False
        self.milliseconds: list[float] = []
        self.dropped = 0

    async def join(self, port: int, requests: Sequence[bytes]) -> None:
        """Open a socket for each request and wait for all snapshots; raises ConnectionError."""
        loop = asyncio.get_running_loop()
        for start in range(0, len(requests), CONNECTS_AT_ONCE):
            opened = []
            for request in requests[start : start + CONNECTS_AT_ONCE]:
                _, listener = await loop.create_connection(
                    lambda request=request: Listener(request, self),  # type: ignore[misc]
                    LOOPBACK,
                    port,
                )
                opened.append(listener)
            async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                await asyncio.gather(*(listener.snapshot for listener in opened))
            self._listeners += opened

    def join_mute(self, port: int, request: bytes) -> None:
        """Open a socket that nobody will ever read from."""
        mute = socket.create_connection((LOOPBACK, port))
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        mute.sendall(request)
        self._mute.append(mute)

    def leave(self) -> None:
        """Close them all."""
        self.is_leaving = True
        for listener in self._listeners:
            if listener.transport is not None:
                listener.transport.abort()
        for mute in self._mute:
            mute.close()
