"""A proxy to PostgreSQL that fails at a chosen round trip, before or after the server.

If it fails after the server, the statement was executed and its answer is lost; a COMMIT then
counts although its writer gets an error.
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_ASKS = frozenset(b"QSc")
"""Messages after which a client waits: a query, a sync, the end of a COPY."""
_ANSWERS = frozenset(b"ZG")
"""Messages that end the wait: ready for the next query, or for the rows of a COPY."""
_HEADER_BYTES = 5


class FailingProxy:
    """`async with FailingProxy(database_url) as proxy: connect(proxy.url)`."""

    def __init__(self, database_url: str) -> None:
        parts = urlsplit(database_url)
        self._target = parts.hostname or "127.0.0.1", parts.port or 5432
        self._form = parts._replace(query="sslmode=disable")
        self._server: asyncio.Server | None = None
        self._left: int | None = None
        self._answered = False
        self._wires: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address of the proxy, with the original credentials."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        user, _, _ = self._form.netloc.rpartition("@")
        return self._form._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()

    @property
    def has_failed(self) -> bool:
        """Whether it has failed since `fail_at`."""
        return self._left is None

    def fail_at(self, number: int, *, answered: bool) -> None:
        """Fail once, at a round trip counted from now on, 1 is the next; before or after the answer."""
        self._left, self._answered = number, answered

    def reset(self) -> None:
        """Do not fail any more."""
        self._left = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for wire in self._wires:
            wire.cancel()
        await asyncio.gather(*self._wires, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = asyncio.create_task(self._serve(reader, writer))
        self._wires.add(wire)
        wire.add_done_callback(self._wires.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        silent = asyncio.Event()
        ways = [
            asyncio.create_task(self._forward_requests(reader, up_writer, silent)),
            asyncio.create_task(self._forward_answers(up_reader, writer, silent)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, up_writer):
                end.transport.abort()

    async def _forward_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            size = await reader.readexactly(4)  # the first message of a connection has no type
            writer.write(size + await reader.readexactly(int.from_bytes(size, "big") - 4))
            while True:
                kind, message = await _message(reader)
                if kind in _ASKS and self._left is not None:
                    self._left -= 1
                    if self._left == 0:
                        self._left = None
                        if not self._answered:
                            return
                        silent.set()
                writer.write(message)
                await writer.drain()

    async def _forward_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event
    ) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, message = await _message(reader)
                if not silent.is_set():
                    writer.write(message)
                    await writer.drain()
                elif kind in _ANSWERS:
                    return


async def _message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one message; returns its type and all of its bytes."""
    header = await reader.readexactly(_HEADER_BYTES)
    return header[0], header + await reader.readexactly(int.from_bytes(header[1:], "big") - 4)
