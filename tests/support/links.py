"""A wire between the product and its database that a test can cut or silence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Link:
    """A wire to the database that can be cut, and that can go silent.

    `requests` counts what was sent to the database: for a client that waits for each answer, its
    round trips.
    """

    host: str
    port: int
    flows: asyncio.Event = field(default_factory=asyncio.Event)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    refuses: bool = False
    requests: int = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.close()
            return
        there, back = await asyncio.open_connection(self.host, self.port)
        self.writers += [writer, back]
        await asyncio.gather(self._copy(reader, back, 1), self._copy(there, writer, 0))

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: int
    ) -> None:
        while data := await reader.read(65536):
            await self.flows.wait()
            self.requests += requests
            writer.write(data)
        writer.close()

    def cut(self) -> None:
        self.refuses = True
        for writer in self.writers:
            writer.close()
        self.writers.clear()


@asynccontextmanager
async def linked(database_url: str) -> AsyncIterator[tuple[Link, str]]:
    parts = urlsplit(database_url)
    link = Link(parts.hostname or "127.0.0.1", parts.port or 5432)
    link.flows.set()
    server = await asyncio.start_server(link.carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    netloc = parts.netloc.rsplit("@", 1)
    credentials = f"{netloc[0]}@" if len(netloc) > 1 else ""
    try:
        yield link, parts._replace(netloc=f"{credentials}127.0.0.1:{port}").geturl()
    finally:
        link.flows.set()
        link.cut()
        server.close()
        await asyncio.sleep(0.05)
