"""A TCP proxy keeps its address while the server behind it is replaced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devkit.embedded.ports import LOOPBACK
from devkit.embedded.proxy import TcpProxy

SECONDS_MAX = 10


@asynccontextmanager
async def echo(name: bytes) -> AsyncIterator[int]:
    """Run a server that answers each line with its name and that line; yields its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(name + line)
        writer.close()

    server = await asyncio.start_server(answer, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class ProxyClient:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, text: bytes) -> bytes:
        self.writer.write(text + b"\n")
        return await self.answer()

    async def answer(self) -> bytes:
        return (await asyncio.wait_for(self.reader.readline(), SECONDS_MAX)).strip()


@asynccontextmanager
async def client_of(proxy: TcpProxy) -> AsyncIterator[ProxyClient]:
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
    try:
        yield ProxyClient(reader, writer)
    finally:
        writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    proxy = TcpProxy()
    await proxy.start()
    yield proxy
    await proxy.stop()


async def test_new_connections_wait_for_the_next_server(
    proxy: TcpProxy,
) -> None:
    async with echo(b"one ") as first, echo(b"two ") as second:
        proxy.open_to(first)
        async with client_of(proxy) as old:
            assert await old.ask(b"a") == b"one a"
            proxy.close()
            async with client_of(proxy) as new:
                new.writer.write(b"b\n")
                await asyncio.wait_for(proxy.has_waiting.wait(), SECONDS_MAX)
                assert await old.ask(b"c") == b"one c"
                await proxy.cut()
                assert await old.answer() == b""  # disconnected
                proxy.open_to(second)
                assert await new.answer() == b"two b"
        async with client_of(proxy) as newest:
            assert await newest.ask(b"d") == b"two d"


async def test_lost_server_closes_the_connection(proxy: TcpProxy) -> None:
    async with echo(b"") as gone:
        pass
    proxy.open_to(gone)
    async with client_of(proxy) as client:
        assert await client.answer() == b""


async def test_stop_closes_waiting_connections(proxy: TcpProxy) -> None:
    async with client_of(proxy) as waiting:
        await asyncio.wait_for(proxy.has_waiting.wait(), SECONDS_MAX)
        await proxy.stop()
        assert await waiting.answer() == b""
