"""Connections: limits, timeouts, and invalid HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from api.http.connections import GuardedConnection
from api.http.options import ApiOptions, RequestLimits
from api.http.serving import serving
from tests.support.api import ApiClient, served, token

ANSWER_BYTES = 64 * 1024 * 1024
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def limited(limits: RequestLimits) -> AsyncIterator[ApiClient]:
    async with served(options=ApiOptions(limits=limits)) as api:
        yield api


@asynccontextmanager
async def answering(
    response: Callable[[], Awaitable[web.Response]], limits: RequestLimits
) -> AsyncIterator[int]:
    """Serve one route, answered by the given function, and yield the port."""

    async def handle(request: web.Request) -> web.Response:
        assert isinstance(request.protocol, GuardedConnection)
        request.protocol.request_began()
        return await response()

    app = web.Application()
    app.router.add_get("/", handle)
    async with serving(app, "127.0.0.1", 0, limits) as address:
        yield address.port


async def test_request_head_has_a_timeout() -> None:
    async with limited(RequestLimits(head_seconds=0)) as api:
        assert await api.raw(b"") == b""
    async with limited(RequestLimits(head_seconds=1)) as api, asyncio.timeout(5):
        assert await api.raw(b"GET / HTTP/1.1\r\nHost:") == b""


async def test_later_request_head_has_a_timeout() -> None:
    async with limited(RequestLimits(head_seconds=1)) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        for _ in range(2):
            writer.write(GET)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            await reader.readuntil(b"}}")
        writer.write(GET[:20])
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_idle_connections_are_closed() -> None:
    async with limited(RequestLimits(keepalive_seconds=1)) as api:
        async with asyncio.timeout(5):
            response = await api.raw(GET)
        assert response.startswith(b"HTTP/1.1 200 ")


async def test_connections_are_limited() -> None:
    async with limited(RequestLimits(connections=1)) as api:
        _, writer = await asyncio.open_connection("127.0.0.1", api.port)
        await asyncio.sleep(0.05)
        refused = await api.raw(b"")
        assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"Retry-After: " in refused
        assert b"\r\nServer: cost-analytics\r\n" in refused
        assert refused.endswith(b'"code":"unavailable"}')
        writer.close()
        await asyncio.sleep(0.05)
        close = GET.replace(b"Host", b"Connection: close\r\nHost")
        assert (await api.raw(close)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00 this is TLS\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization: Bearer %s\x01\r\n\r\n",
        b"GET /%s HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: a\r\n" * 100 + b"\r\n",
        b"GET /a b HTTP/1.1\r\nAuthorization: Bearer %s\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["TLS", "control character", "long line", "many lines", "bad line", "two lengths"],
)
async def test_invalid_http_gets_our_error_and_is_not_logged(
    garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    bearer = token("alice")
    caplog.set_level(logging.DEBUG)
    async with served() as api:
        response = await api.raw(garbage.replace(b"%s", bearer.encode()))
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert b"application/json" in head
    assert b"\r\nServer: cost-analytics\r\n" in head
    assert b"\r\nX-Content-Type-Options: nosniff\r\n" in head
    assert b"aiohttp" not in head
    assert b"Python" not in head
    assert body == (
        b'{"success":false,"error":"The request cannot be understood.","code":"bad_request"}'
    )
    assert bearer not in caplog.text
    logged = [
        entry for entry in caplog.records if entry.name != "api.routes.health"
    ]  # has no database
    assert not [entry for entry in logged if entry.levelno >= logging.WARNING]


async def test_client_that_does_not_read_is_disconnected() -> None:
    async def large_answer() -> web.Response:
        return web.Response(body=bytes(ANSWER_BYTES))

    async with answering(large_answer, RequestLimits(send_seconds=1)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(GET.replace(b"/health", b"/"))
        await asyncio.sleep(2)
        received = 0
        with suppress(ConnectionError):
            while chunk := await reader.read(1024 * 1024):
                received += len(chunk)
        assert received < ANSWER_BYTES
        writer.close()


async def test_stop_finishes_requests_in_progress() -> None:
    begun = asyncio.Event()

    async def slow() -> web.Response:
        begun.set()
        await asyncio.sleep(0.3)
        return web.Response(text="done")

    async with answering(slow, RequestLimits()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET.replace(b"/health", b"/"))
        await begun.wait()
    response = await reader.read()
    assert response.endswith(b"done")
    writer.close()
    with pytest.raises(OSError, match=r"."):
        await asyncio.open_connection("127.0.0.1", port)


async def test_taken_port_is_an_error() -> None:
    async with limited(RequestLimits()) as api:
        with pytest.raises(OSError, match=r"."):
            async with serving(web.Application(), "127.0.0.1", api.port):
                pytest.fail("the port was given away twice")
