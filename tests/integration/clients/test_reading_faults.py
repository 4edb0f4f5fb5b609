"""The reader of the Python client behind servers that answer what the product never does."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import pytest
from aiohttp import web

from cost_analytics_emitter.backoff import RETRY_AFTER_SECONDS_MAX, Backoff
from cost_analytics_emitter.reading import ApiError, CostReader, LiveChange
from cost_analytics_emitter.reading import requests as reading_requests

STEP_SECONDS = 30
LIMIT_BYTES = 64 * 1024
REDIRECTS = (301, 302, 303, 307, 308)
CLOSES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4401, 4999)
CALL: dict[str, object] = {
    "callId": "call-1",
    "userId": "alice",
    "personaId": None,
    "tags": {},
    "status": "active",
    "startedAt": None,
    "elapsedSeconds": 1,
    "totalCost": 0,
    "costByService": {},
    "chargedToUser": 0,
    "projectedCost": 0,
    "projection": None,
    "version": 1,
    "updatedAt": "2026-11-30T10:00:00Z",
}
EXACT = "9007199254740993.000000001"
CHANGE = json.dumps({"type": "call", "call": CALL}).replace(
    '"totalCost": 0', f'"totalCost": {EXACT}'
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Serve every path with a handler; yields the address."""
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class Amounts:
    amount: Decimal
    count: int


async def read_of(body: bytes, status: int = 200, **headers: str) -> Amounts:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    async with serving(answer) as url, CostReader(url, "token", retry_seconds=0) as reader:
        return await reader.read("/any", Amounts)


async def test_numbers_beyond_doubles_are_exact() -> None:
    body = f'{{"success": true, "data": {{"amount": {EXACT}, "count": 9007199254740993}}}}'
    assert await read_of(body.encode()) == Amounts(Decimal(EXACT), 9_007_199_254_740_993)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b'{"success": true, "data": {"amount": 1, "count"',
        b'{"success": true, "data": {"amount": NaN, "count": 1}}',
        b'{"success": true, "data": {"amount": Infinity, "count": 1}}',
        b'{"success": true, "data": {"amount": 1e99999999999999999999, "count": 1}}',
        b'{"success": true, "data": {"amount": "1", "count": 1}}',
        b'{"success": true, "data": {"amount": 1, "count": 1.5}}',
        b'{"success": true, "data": {"amount": 1, "count": %s}}' % (b"9" * 9_000),
        b'{"success": true, "data": "\xff"}',
        b"[" * 200_000,
    ],
)
async def test_answer_that_is_not_the_apis_is_a_clear_error(body: bytes) -> None:
    with pytest.raises(ApiError) as raised:
        await read_of(body)
    assert (raised.value.status, raised.value.code) == (200, "invalid_answer")


@pytest.mark.parametrize("status", [429, 503])
async def test_wait_of_a_proxy_with_a_page_is_known(status: int) -> None:
    with pytest.raises(ApiError) as raised:
        await read_of(b"<html>", status, **{"Retry-After": "7"})
    assert (raised.value.status, raised.value.retry_seconds) == (status, 7)
    assert raised.value.is_retryable


async def test_answer_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_requests, "CONTENT_BYTES_MAX", LIMIT_BYTES)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * LIMIT_BYTES)

    async with serving(answer) as url, CostReader(url, "token", retry_seconds=0) as reader:
        with pytest.raises(ApiError, match="invalid_answer: the response has more than"):
            await reader.read("/any", Amounts)


@pytest.mark.parametrize("status", REDIRECTS)
async def test_token_follows_no_redirect(status: int) -> None:
    followed: list[str] = []

    async def record(request: web.Request) -> web.Response:
        followed.append(request.path)
        return web.json_response({"success": True, "data": {"amount": 1, "count": 1}})

    async with serving(record) as other:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": other + request.path})

        async with serving(redirect) as url, CostReader(url, "token") as reader:
            with pytest.raises(ApiError, match="redirected: the server redirects to") as raised:
                await reader.read("/any", Amounts)
            assert raised.value.status == status
            with pytest.raises(ApiError, match="redirected: the server redirects to"):
                await anext(aiter(reader.feed()))
    assert followed == []


@asynccontextmanager
async def feeding(
    *conversations: Callable[[web.WebSocketResponse], Awaitable[object]],
) -> AsyncIterator[CostReader]:
    """Yield a reader whose connections of the feed are served by these functions, in order."""
    left = list(conversations)

    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await left.pop(0)(socket)
        return socket

    async with serving(answer) as url, CostReader(url, "token") as reader:
        yield reader


async def change(socket: web.WebSocketResponse) -> None:
    await socket.send_str(CHANGE)
    await socket.receive()


@pytest.mark.parametrize("code", CLOSES)
async def test_feed_is_opened_again_after_any_close(
    code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def close(socket: web.WebSocketResponse) -> None:
        await socket.close(code=code, message=b"not now")

    async with asyncio.timeout(STEP_SECONDS), feeding(close, change) as reader:
        message = await anext(aiter(reader.feed()))
    assert isinstance(message, LiveChange)
    assert message.call.total_cost == Decimal(EXACT)
    assert f"the live feed is opened again: closed with code {code}" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "7",
        "null",
        "{}",
        "[" * 200_000,
        '{"type": ["call"]}',
        '{"type": "call"}',
        '{"type": "call", "call": {}}',
        CHANGE.replace(EXACT, "NaN"),
        CHANGE.replace(EXACT, "1e99999999999999999999"),
        CHANGE.replace(EXACT, '"1"'),
    ],
)
async def test_message_that_is_not_the_apis_ends_the_feed(text: str) -> None:
    async def send(socket: web.WebSocketResponse) -> None:
        await socket.send_str(text)
        await socket.receive()

    async with asyncio.timeout(STEP_SECONDS), feeding(send) as reader:
        with pytest.raises(ApiError, match="invalid_answer: a message is not the API's"):
            await anext(aiter(reader.feed()))


async def test_messages_of_unknown_types_and_pongs_are_ignored() -> None:
    async def send(socket: web.WebSocketResponse) -> None:
        for text in ('{"type": "pong"}', '{"type": "news", "call": 7}', CHANGE):
            await socket.send_str(text)
        await socket.receive()

    async with asyncio.timeout(STEP_SECONDS), feeding(send) as reader:
        assert isinstance(await anext(aiter(reader.feed())), LiveChange)


async def test_binary_message_is_a_lost_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def send(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(CHANGE.encode())
        await socket.receive()

    async with asyncio.timeout(STEP_SECONDS), feeding(send, change) as reader:
        assert isinstance(await anext(aiter(reader.feed())), LiveChange)
    assert "the live feed is opened again: BINARY" in caplog.text


async def test_message_that_is_too_large_ends_the_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_requests, "CONTENT_BYTES_MAX", LIMIT_BYTES)

    async def send(socket: web.WebSocketResponse) -> None:
        await socket.send_str('{"type": "call", "padding": "%s"}' % ("x" * 2 * LIMIT_BYTES))
        await socket.receive()

    async with asyncio.timeout(STEP_SECONDS), feeding(send) as reader:
        with pytest.raises(ApiError, match="invalid_answer: a message is too large"):
            await anext(aiter(reader.feed()))


async def test_silent_feed_is_pinged_and_opened_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("cost_analytics_emitter.reading.feed._SILENCE_SECONDS", 0.2)
    received: list[object] = []

    async def listen(socket: web.WebSocketResponse) -> None:
        received.extend([message.data async for message in socket])

    async with asyncio.timeout(STEP_SECONDS), feeding(listen, change) as reader:
        assert isinstance(await anext(aiter(reader.feed())), LiveChange)
    assert received == ['{"type":"ping"}']
    assert "the server does not answer a ping" in caplog.text


async def test_feed_waits_as_long_as_a_refusal_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def next_seconds(_: Backoff, asked_seconds: float = 0) -> float:
        asked.append(asked_seconds)
        return 0.01

    monkeypatch.setattr(Backoff, "next_seconds", next_seconds)
    refusals = [(429, "77"), (503, "9" * 4_000), (500, "soon"), (502, "")]

    async def answer(request: web.Request) -> web.StreamResponse:
        if refusals:
            status, wait = refusals.pop(0)
            return web.Response(status=status, text="<html>", headers={"Retry-After": wait})
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await change(socket)
        return socket

    async with (
        asyncio.timeout(STEP_SECONDS),
        serving(answer) as url,
        CostReader(url, "token") as reader,
    ):
        assert isinstance(await anext(aiter(reader.feed())), LiveChange)
    assert asked == [77, RETRY_AFTER_SECONDS_MAX, 0, 0]
