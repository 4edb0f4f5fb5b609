"""HTTP load over loopback, unlimited or on a fixed schedule, from a small client.

It is small because it shares the machine with the server: requests are prepared bytes, a connection
has one request at a time, and only status, length and ETag of a response are read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from bench.context import InvalidRunError
from devkit.embedded.ports import LOOPBACK

OK: Final = 200
NOT_MODIFIED: Final = 304
_LENGTH: Final = b"\r\ncontent-length:"
_TAG: Final = b"\r\netag:"
_STATUS: Final = slice(len("HTTP/1.1 "), len("HTTP/1.1 200"))
_RESPONSE_SECONDS_MAX: Final = 30


class LoadResult(NamedTuple):
    """The results of a load: duration, latencies, and the responses with another status."""

    seconds: float
    milliseconds: list[float]
    refused: int

    @property
    def rate(self) -> float:
        """Responses per second."""
        return len(self.milliseconds) / self.seconds


def request_bytes(path: str, token: str = "") -> bytes:
    """Return a GET request."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {LOOPBACK}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()


class HttpConnection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._received = bytearray()
        self.tag = b""
        """The ETag of the last response, empty without one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Collect a response; once it is complete, report its status."""
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self._received[:head_end])
        length = int(_value(head, _LENGTH) or 0)  # a 304 has none
        if len(self._received) < head_end + 4 + length:
            return
        self._received.clear()
        self.tag = _value(head, _TAG)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(int(head[_STATUS]))

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the pending request."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server closed the connection"))

    async def get(self, request: bytes) -> int:
        """Send a request and return the status of the response."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the server closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


async def _connect(port: int, number: int) -> list[HttpConnection]:
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(HttpConnection, LOOPBACK, port) for _ in range(number)]
    return [connection for _, connection in opened]


def _value(head: bytes, name: bytes) -> bytes:
    """Return the value of a header, empty without it; `name` is in lower case."""
    start = head.lower().find(name)
    return head[start + len(name) :].split(b"\r\n", 1)[0].strip() if start >= 0 else b""


async def with_tags(port: int, requests: Sequence[bytes]) -> list[bytes]:
    """Return conditional requests with the current ETags; raises InvalidRunError without one."""
    [connection] = await _connect(port, 1)
    tagged = []
    try:
        for request in requests:
            status = await connection.get(request)
            if status != OK or not connection.tag:
                raise InvalidRunError(
                    f"a response with status {status} and {connection.tag!r} as ETag"
                )
            tagged.append(request[:-2] + b"If-None-Match: " + connection.tag + b"\r\n\r\n")
        return tagged
    finally:
        connection.close()


async def saturate(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: int, status: int = OK
) -> LoadResult:
    """Send requests as fast as responses arrive; each response should have this status."""
    opened = await _connect(port, connections)
    began = time.monotonic()
    end = began + seconds
    took: list[float] = []
    refused = 0

    async def send_requests(connection: HttpConnection, index: int) -> None:
        nonlocal refused
        now = time.monotonic()
        while now < end:
            refused += await connection.get(requests[index % len(requests)]) != status
            index += connections
            then, now = now, time.monotonic()
            took.append((now - then) * 1_000)

    try:
        async with asyncio.timeout(seconds + _RESPONSE_SECONDS_MAX):
            await asyncio.gather(*(send_requests(each, index) for index, each in enumerate(opened)))
        return LoadResult(time.monotonic() - began, took, refused)
    finally:
        for connection in opened:
            connection.close()


async def offer(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    rate: int,
    seconds: int,
    status: int = OK,
) -> LoadResult:
    """Send requests on a fixed schedule; each latency counts from the scheduled time."""
    opened = await _connect(port, connections)
    free: asyncio.Queue[HttpConnection] = asyncio.Queue()
    for connection in opened:
        free.put_nowait(connection)
    took: list[float] = []
    refused = 0

    async def send_requests(connection: HttpConnection, request: bytes, due: float) -> None:
        nonlocal refused
        refused += await connection.get(request) != status
        took.append((time.monotonic() - due) * 1_000)
        free.put_nowait(connection)

    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds + _RESPONSE_SECONDS_MAX), asyncio.TaskGroup() as asking:
            for index in range(rate * seconds):
                due = began + index / rate
                rest = due - time.monotonic()
                if rest > 0:
                    await asyncio.sleep(rest)
                request = requests[index % len(requests)]
                asking.create_task(send_requests(await free.get(), request, due))
        return LoadResult(time.monotonic() - began, took, refused)
    finally:
        for connection in opened:
            connection.close()
