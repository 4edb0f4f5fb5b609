"""Limits of one client: request rate, body size, body time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiohttp import HttpVersion11, hdrs, web

from api.http.encodings import decode_body, encoding_of
from api.http.options import RequestLimits
from api.http.problems import payload_too_large, problem_of_status

_SECOND_NS: Final = 1_000_000_000
_CONTINUE: Final = "100-continue"


class RateLimiter:
    """Limits each client's requests per second, with bursts (GCRA).

    Stores one number per client, the theoretical arrival time of its next request. The table is
    bounded: the client that was idle longest is removed first.
    """

    def __init__(
        self,
        per_second: int | None,
        burst: int,
        clients_max: int,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`per_second` None turns the limit off."""
        self._interval_ns = _SECOND_NS // per_second if per_second else 0
        self._tolerance_ns = self._interval_ns * max(burst - 1, 0)
        self._clients_max = clients_max
        self._clock_ns = clock_ns
        self._arrivals_ns: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._arrivals_ns)

    def take(self, client: str) -> int:
        """Count a request and return 0, or return the seconds to wait if it is refused."""
        if not self._interval_ns:
            return 0
        now = self._clock_ns()
        arrival_ns, wait_seconds = self._state(client, now)
        if wait_seconds:
            return wait_seconds
        self._arrivals_ns[client] = arrival_ns + self._interval_ns
        self._arrivals_ns.move_to_end(client)
        if len(self._arrivals_ns) > self._clients_max:
            self._arrivals_ns.popitem(last=False)
        return 0

    def has_room(self, client: str) -> bool:
        """Return whether a request would be admitted, without counting it."""
        return not self._interval_ns or not self._state(client, self._clock_ns())[1]

    def _state(self, client: str, now: int) -> tuple[int, int]:
        arrival_ns = max(self._arrivals_ns.get(client, now), now)
        early_ns = arrival_ns - now - self._tolerance_ns
        return arrival_ns, -(-early_ns // _SECOND_NS) if early_ns > 0 else 0


async def ignore_expectation(request: web.Request) -> None:
    """Replace aiohttp's handler of `Expect`, which requests the body before authentication.

    `check_head` and `read_body` handle the header.
    """


def check_head(request: web.Request, limits: RequestLimits) -> None:
    """Raise the Problem for a query that is too long, or for an unknown `Expect` header."""
    if len(request.rel_url.raw_query_string) > limits.query_bytes:
        raise problem_of_status(414)
    if request.headers.get(hdrs.EXPECT, _CONTINUE).lower() != _CONTINUE:
        raise problem_of_status(417)


async def read_body(
    request: web.Request, limits: RequestLimits, max_bytes: int | None = None
) -> bytes:
    """Return the decoded body; raises the Problem if it is too large, too slow or invalid.

    `max_bytes` limits both the compressed and the decoded body; by default the configured limit.
    """
    max_bytes = limits.body_bytes if max_bytes is None else max_bytes
    encoding = encoding_of(request)
    if (request.content_length or 0) > max_bytes:
        raise payload_too_large(max_bytes)
    try:
        async with asyncio.timeout(limits.body_seconds):
            if hdrs.EXPECT in request.headers and request.version >= HttpVersion11:
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                # An interim response does not count as the start of the response.
                request.writer.output_size = 0
            body = await _read(request, max_bytes)
    except TimeoutError:
        raise problem_of_status(408, {"Connection": "close"}) from None
    return decode_body(body, encoding, max_bytes)


async def _read(request: web.Request, max_bytes: int) -> bytes:
    body = bytearray()
    while piece := await request.content.readany():
        body += piece
        if len(body) > max_bytes:
            raise payload_too_large(max_bytes)
    return bytes(body)
