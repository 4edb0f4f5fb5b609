"""A constant loopback address whose server can be replaced.

Bytes are forwarded in both directions. The server must advertise this address as its own.
"""

import asyncio
import contextlib

from devkit.embedded.ports import LOOPBACK

_READ_BYTES = 256 * 1024


class TcpProxy:
    """Forwards connections to one server at a time.

    While it is closed, new connections are accepted and wait; no data is lost.
    """

    def __init__(self) -> None:
        """Create it closed; `start` takes a free port."""
        self.port = 0
        self.has_waiting = asyncio.Event()
        """Set when a connection waits."""
        self._target_port = 0
        self._is_open = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._waiting: set[asyncio.Task[None]] = set()
        self._connected: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """`host:port`, valid after `start`."""
        return f"{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Accept connections, which wait until it opens; raises OSError."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0, limit=_READ_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Accept no more connections and close the existing ones. Safe to repeat."""
        if self._server is not None:
            self._server.close()
        await _cancel(self._waiting | self._connected)

    def open_to(self, port: int) -> None:
        """Forward waiting and new connections to a server on this machine."""
        self._target_port = port
        self._is_open.set()

    def close(self) -> None:
        """Let new connections wait. Open ones continue."""
        self.has_waiting.clear()
        self._is_open.clear()

    async def cut(self) -> None:
        """Close all open connections; data in flight is discarded."""
        await _cancel(self._connected)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has a task
        self._waiting.add(task)
        try:
            if not self._is_open.is_set():
                self.has_waiting.set()
            await self._is_open.wait()
            self._waiting.discard(task)
            self._connected.add(task)
            await _forward(reader, writer, self._target_port)
        except (OSError, asyncio.CancelledError):
            pass  # one side closed the connection, or we did
        finally:
            self._waiting.discard(task)
            self._connected.discard(task)
            writer.transport.abort()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Forward bytes in both directions until one side closes; raises OSError."""
    server_reader, server_writer = await asyncio.open_connection(LOOPBACK, port, limit=_READ_BYTES)
    directions = {
        asyncio.create_task(_pump(reader, server_writer)),
        asyncio.create_task(_pump(server_reader, writer)),
    }
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server_writer.transport.abort()
        await _cancel(directions)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_READ_BYTES):
            writer.write(data)
            await writer.drain()


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    tasks = set(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
