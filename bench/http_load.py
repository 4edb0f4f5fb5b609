"""HTTP load over loopback, unlimited or on a fixed schedule, from a small client.

It is small because it shares the machine with the server: requests are prepared bytes, a connection
has one request at a time, and only status and length of a response are read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from devkit.embedded.ports import LOOPBACK

_LENGTH: Final = b"content-length:"
_TAG: Final = b"etag: "
_SUCCESSES: Final = (b"http/1.1 200", b"http/1.1 304")
_ANSWER_SECONDS_MAX: Final = 30


class LoadResult(NamedTuple):
    """The results of a load: duration, latencies, and the number of failed requests."""

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
        self._answer: asyncio.Future[bool] | None = None
        self._received = bytearray()
        self.tag = b""
        """The ETag of the last response, empty without one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Collect a response; once it is complete, report whether its status is 200 or 304."""
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self._received[:head_end]).lower()
        length = int(_value(head, _LENGTH) or 0)  # a 304 has none
        if len(self._received) < head_end + 4 + length:
            return
        self._received.clear()
        self.tag = _value(head, _TAG)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(head.startswith(_SUCCESSES))

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the pending request."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server closed the connection"))

    async def get(self, request: bytes) -> bool:
        """Send a request and return whether the response was 200 or 304."""
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
    """Return the value of a header, empty without it."""
    start = head.find(name)
    return head[start + len(name) :].split(b"\r\n", 1)[0].strip() if start >= 0 else b""


async def with_tags(port: int, requests: Sequence[bytes]) -> list[bytes]:
    """Return requests that ask again for what they have, each with the current ETag."""
    [connection] = await _connect(port, 1)
    tagged = []
    try:
        for request in requests:
            await connection.get(request)
            tagged.append(request[:-2] + b"If-None-Match: " + connection.tag + b"\r\n\r\n")
        return tagged
    finally:
        connection.close()


async def saturate(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: int
) -> LoadResult:
    """Send requests as fast as responses arrive, over `connections` connections."""
    opened = await _connect(port, connections)
    began = time.monotonic()
    end = began + seconds
    took: list[float] = []
    refused = 0

    async def send_requests(connection: HttpConnection, place: int) -> None:
        nonlocal refused
        now = time.monotonic()
        while now < end:
            refused += not await connection.get(requests[place % len(requests)])
            place += connections
            then, now = now, time.monotonic()
            took.append((now - then) * 1_000)

    try:
        async with asyncio.timeout(seconds + _ANSWER_SECONDS_MAX):
            await asyncio.gather(*(send_requests(each, place) for place, each in enumerate(opened)))
        return LoadResult(time.monotonic() - began, took, refused)
    finally:
        for connection in opened:
            connection.close()


async def offer(
    port: int, requests: Sequence[bytes], *, connections: int, rate: int, seconds: int
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
        refused += not await connection.get(request)
        took.append((time.monotonic() - due) * 1_000)
        free.put_nowait(connection)

    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds + _ANSWER_SECONDS_MAX), asyncio.TaskGroup() as asking:
            for place in range(rate * seconds):
                due = began + place / rate
                rest = due - time.monotonic()
                if rest > 0:
                    await asyncio.sleep(rest)
                request = requests[place % len(requests)]
                asking.create_task(send_requests(await free.get(), request, due))
        return LoadResult(time.monotonic() - began, took, refused)
    finally:
        for connection in opened:
            connection.close()
