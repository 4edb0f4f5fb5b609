"""Streamed response bodies: paced by the client; an incomplete one is never taken for complete.

A slow client holds a slot and a database transaction, so there is a minimum speed: a client may
fall behind by `send_seconds` in total, and catches up by reading faster. A body that is cut short
resets the connection, so that neither a client nor a proxy takes a part of a file for the whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import Final

from aiohttp import web

from api.http.connection_reset import reset_connection

CHUNK_BYTES_MAX: Final = 64 * 1024
_NS_PER_SECOND: Final = 1_000_000_000


class ClientGoneError(Exception):
    """The client disconnected, or does not read the response."""


class ClientTooSlowError(ClientGoneError):
    """The client reads the response below the minimum speed."""


class StreamedBody:
    """A streamed response; nothing is sent before the first chunk."""

    def __init__(
        self,
        request: web.Request,
        headers: Mapping[str, str],
        send_seconds: int,
        bytes_per_second_min: int,
    ) -> None:
        self._request = request
        self._allowed_ns_max = self._allowed_ns = send_seconds * _NS_PER_SECOND
        self._ns_per_byte = _NS_PER_SECOND // bytes_per_second_min
        self.response = web.StreamResponse(headers=headers)

    @property
    def has_begun(self) -> bool:
        """Whether the success status was sent."""
        return self.response.prepared

    async def begin(self) -> None:
        """Send the headers; raises ClientGoneError."""
        await self._wait_for_pace(self._send_head(), 0)

    async def send(self, piece: bytes) -> None:
        """Send data, and wait until there is room for more; raises ClientGoneError."""
        if not self.response.prepared:
            await self.begin()
        for start in range(0, len(piece), CHUNK_BYTES_MAX):
            chunk = piece[start : start + CHUNK_BYTES_MAX]
            await self._wait_for_pace(self.response.write(chunk), len(chunk))

    async def end(self) -> web.StreamResponse:
        """Complete the response; raises ClientGoneError."""
        await self._wait_for_pace(self.response.write_eof(), 0)
        return self.response

    def abort(self) -> web.StreamResponse:
        """Reset the connection and return the incomplete response."""
        if self._request.transport is not None:
            reset_connection(self._request.transport)
        return self.response

    async def _send_head(self) -> None:
        await self.response.prepare(self._request)

    async def _wait_for_pace(self, sending: Awaitable[None], size: int) -> None:
        """Wait until the client has read `size` bytes, at the minimum speed or faster."""
        self._allowed_ns += size * self._ns_per_byte
        began_ns = time.monotonic_ns()
        try:
            async with asyncio.timeout(self._allowed_ns / _NS_PER_SECOND):
                await sending
        except ConnectionError as error:
            raise ClientGoneError(str(error) or "the client disconnected") from None
        except TimeoutError:
            raise ClientTooSlowError("the client reads below the minimum speed") from None
        took_ns = time.monotonic_ns() - began_ns
        self._allowed_ns = min(self._allowed_ns - took_ns, self._allowed_ns_max)
