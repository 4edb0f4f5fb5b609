"""A network link that a test can cut, stall or delay, and that can lose data."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

Fate = Literal["delivered", "request lost", "answer lost"]


@dataclass
class Link:
    """Connections to a server; a lost request or answer also ends its connection.

    `requests` counts the chunks of data sent to the server, which are the round trips of a client
    that waits for each answer.
    """

    host: str
    port: int
    is_flowing: asyncio.Event = field(default_factory=asyncio.Event)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    refuses: bool = False
    requests: int = 0
    delay_seconds: Callable[[], float] = lambda: 0.0
    """The delay of each chunk of data."""
    fate_of: Callable[[bytes], Fate] = lambda _: "delivered"
    """Decides the fate of each chunk of data from a client."""

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward a connection of a client until one side ends it."""
        if self.refuses:
            writer.close()
            return
        try:
            from_server, to_server = await asyncio.open_connection(self.host, self.port)
        except OSError:  # the server is down
            writer.close()
            return
        self.writers += [writer, to_server]
        is_lost = asyncio.Event()
        with suppress(OSError):
            await asyncio.gather(
                self._requests(reader, to_server, is_lost),
                self._answers(from_server, writer, is_lost),
            )

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_lost: asyncio.Event
    ) -> None:
        try:
            while data := await reader.read(65536):
                self.requests += 1
                fate = self.fate_of(data)
                if fate == "request lost":
                    break
                if fate == "answer lost":
                    is_lost.set()
                await self._pass(data, writer)
        finally:
            writer.close()

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_lost: asyncio.Event
    ) -> None:
        try:
            while (data := await reader.read(65536)) and not is_lost.is_set():
                await self._pass(data, writer)
        finally:
            writer.close()

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        await self.is_flowing.wait()
        await asyncio.sleep(self.delay_seconds())
        writer.write(data)

    def cut(self) -> None:
        """End all connections and refuse new ones until `refuses` is false again."""
        self.refuses = True
        for writer in self.writers:
            writer.close()
        self.writers.clear()


@asynccontextmanager
async def opened_link(link: Link, port: int = 0) -> AsyncIterator[int]:
    """Open a link; yields the port for clients."""
    link.is_flowing.set()
    server = await asyncio.start_server(link.forward, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        link.is_flowing.set()
        link.cut()
        server.close()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def linked(database_url: str) -> AsyncIterator[tuple[Link, str]]:
    """Open a link to a database; yields it and the address of the database through it."""
    parts = urlsplit(database_url)
    link = Link(parts.hostname or "127.0.0.1", parts.port or 5432)
    netloc = parts.netloc.rsplit("@", 1)
    credentials = f"{netloc[0]}@" if len(netloc) > 1 else ""
    async with opened_link(link) as port:
        yield link, parts._replace(netloc=f"{credentials}127.0.0.1:{port}").geturl()
