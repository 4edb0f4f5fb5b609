"""The sender of `follow` behind servers that answer what the product never does."""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohappyeyeballs
import pytest
from aiohttp import web

from cost_analytics.configuration.secret import Secret
from cost_analytics.following.intake_client import IntakeClient
from tests.support.raw_server import raw_server, read_head

STEP_SECONDS = 60
LIMIT_BYTES = 64 * 1024
Answer = Callable[[list[dict[str, Any]]], web.Response]


def events(number: int, padding: str = "") -> list[bytes]:
    return [
        json.dumps({"source": "/bots", "id": f"event-{each}", "data": padding}).encode()
        for each in range(number)
    ]


def accept(listed: list[dict[str, Any]]) -> web.Response:
    references = [{"source": event["source"], "id": event["id"]} for event in listed]
    return web.json_response({"success": True, "data": {"accepted": references}}, status=202)


def answer_with(status: int, body: bytes, **headers: str) -> Answer:
    return lambda _: web.Response(status=status, body=body, headers=headers)


class Intake:
    """Answers in order, then accepts everything; counts how often each event was stored."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.stored: list[str] = []
        self.requests = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        received = await request.json()
        if self.answers:
            return self.answers.pop(0)(received)
        self.stored += [event["id"] for event in received]
        return accept(received)


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    application = web.Application(client_max_size=2**20)
    application.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def sending(url: str) -> AsyncIterator[IntakeClient]:
    async with (
        asyncio.timeout(STEP_SECONDS),
        IntakeClient(url, Secret("cak_x"), asyncio.Event()) as client,
    ):
        yield client


ANSWERS: dict[str, Answer] = {
    "success without a list": answer_with(202, b'{"success": true}'),
    "success of another product": answer_with(200, b'{"success": true, "data": "ok"}'),
    "an empty list": answer_with(202, b'{"success": true, "data": {"accepted": []}}'),
    "other events": answer_with(
        202, b'{"success": true, "data": {"accepted": [{"source": "/x", "id": [7]}, null]}}'
    ),
    "no JSON": answer_with(202, b"{"),
    "too deep": answer_with(202, b"[" * 200_000),
    "too many digits": answer_with(202, b'{"success": %s}' % (b"9" * 9_000)),
    "a page": answer_with(200, b"<html>", **{"Content-Type": "text/html"}),
    "a body that is not gzip": answer_with(202, b"{}", **{"Content-Encoding": "gzip"}),
    "500": answer_with(500, b"\xff"),
    "an absurd wait": answer_with(500, b"", **{"Retry-After": "9" * 5_000}),
    "a date": answer_with(429, b"", **{"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}),
    "other digits": answer_with(429, b"", **{"Retry-After": "\u0663"}),
    "a negative wait": answer_with(503, b"", **{"Retry-After": "-3"}),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_events_are_stored_once_after(name: str) -> None:
    intake = Intake(ANSWERS[name])
    async with serving(intake.handle) as url, sending(url) as client:
        assert await client.send(events(5)) == {}
    assert sorted(intake.stored) == [f"event-{each}" for each in range(5)]
    assert (client.retries, intake.requests) == (1, 2)


async def test_only_events_that_are_not_listed_are_sent_again() -> None:
    intake = Intake(lambda listed: accept(listed[:3]), lambda listed: accept(listed[1:]))
    async with serving(intake.handle) as url, sending(url) as client:
        assert await client.send(events(5)) == {}
    assert intake.stored == ["event-3"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_token_and_events_follow_no_redirect(status: int) -> None:
    other = Intake()
    async with serving(other.handle) as elsewhere:
        intake = Intake(answer_with(status, b"", Location=f"{elsewhere}/api/costs/events"))
        async with serving(intake.handle) as url, sending(url) as client:
            assert await client.send(events(2)) == {}
    assert (other.requests, intake.stored) == (0, ["event-0", "event-1"])


async def test_answer_without_an_end_is_not_kept() -> None:
    intake, endless = Intake(), [True]

    async def answer(request: web.Request) -> web.StreamResponse:
        if not endless:
            return await intake.handle(request)
        endless.clear()
        response = web.StreamResponse(status=202)
        await response.prepare(request)
        while True:
            await response.write(b" " * LIMIT_BYTES)

    async with serving(answer) as url, sending(url) as client:
        assert await client.send(events(2)) == {}
    assert (client.retries, intake.stored) == (1, ["event-0", "event-1"])


async def test_batch_above_the_limit_of_a_proxy_is_sent_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy answers 413 and closes the connection before it has read the body."""
    connect = aiohappyeyeballs.start_connection

    async def connect_slowly(*arguments: Any, **options: Any) -> socket.socket:
        """Connect as over a network: the kernel takes only a part of a body at once."""
        connection = await connect(*arguments, **options)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        return connection

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", connect_slowly)
    stored: list[str] = []

    def converse(connection: socket.socket) -> None:
        headers, body = read_head(connection)
        length = int(headers["content-length"])
        if length > LIMIT_BYTES:
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            return
        while len(body) < length:
            body += connection.recv(65_536)
        received = json.loads(body)
        stored.extend(event["id"] for event in received)
        answer = accept(received).body
        assert isinstance(answer, bytes)
        head = f"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: {len(answer)}"
        connection.sendall(f"{head}\r\n\r\n".encode() + answer)

    padding = random.Random(1).randbytes(2_000).hex()
    with raw_server(converse, receive_bytes=4_096) as url:
        async with sending(url) as client:
            assert await client.send(events(100, padding)) == {}
    assert sorted(stored) == sorted(f"event-{each}" for each in range(100))
