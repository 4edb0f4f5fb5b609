"""Bodies that are sent as they are made: at the client's pace, and never as if they were whole.

The client's pace must not hold a database's transaction for ever, so each piece has a time limit.
And a body that breaks off must be seen to: the connection is reset, so that neither a client nor a
proxy before it takes a part of a file for the file.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import Final

from aiohttp import web

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class ClientGoneError(Exception):
    """The client hung up, or does not take what it asked for."""


class Streamed:
    """A body under way; nothing is sent before the first piece."""

    def __init__(self, request: web.Request, headers: Mapping[str, str], send_seconds: int) -> None:
        self._request = request
        self._send_seconds = send_seconds
        self.response = web.StreamResponse(headers=headers)

    @property
    def has_begun(self) -> bool:
        """Whether the client has been told that all is well."""
        return self.response.prepared

    async def begin(self) -> None:
        """Send the head; raises ClientGoneError."""
        await self._limited(b"")

    async def send(self, piece: bytes) -> None:
        """Send a piece and wait until there is room for another; raises ClientGoneError."""
        await self._limited(piece)

    async def end(self) -> web.StreamResponse:
        """Say that this was all; raises ClientGoneError."""
        try:
            async with asyncio.timeout(self._send_seconds):
                await self.response.write_eof()
        except (ConnectionError, TimeoutError) as error:
            raise ClientGoneError(str(error) or "too slow") from None
        return self.response

    def break_off(self) -> web.StreamResponse:
        """Reset the connection and return what was begun."""
        transport = self._request.transport
        if transport is not None:
            wire = transport.get_extra_info("socket")
            if wire is not None:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()
        return self.response

    async def _limited(self, piece: bytes) -> None:
        try:
            async with asyncio.timeout(self._send_seconds):
                if not self.response.prepared:
                    await self.response.prepare(self._request)
                if piece:
                    await self.response.write(piece)
        except (ConnectionError, TimeoutError) as error:
            raise ClientGoneError(str(error) or "too slow") from None
