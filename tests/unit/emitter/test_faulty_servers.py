"""The emitter behind servers that answer what no server of the product answers."""

import asyncio
import gzip
import json
import random
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from cost_analytics_emitter import Emitter
from cost_analytics_emitter.api_connection import ApiConnection
from tests.support.certificates import certificate
from tests.support.emitter_server import Answer, EmitterServer, Handler, accept, answer_with, fail
from tests.support.raw_server import raw_server, read_head

SECONDS = 20
LIMIT_BYTES = 64 * 1024
REDIRECTS = (301, 302, 303, 307, 308)


def emitter_of(url: str, token: str | Callable[[], str] = "a-token", **options: Any) -> Emitter:
    given = {"source": "/bot", "linger_seconds": 0.05, "timeout_seconds": 2, **options}
    return Emitter(url, token, **given)


ANSWERS: dict[str, Answer] = {
    "500": fail(500, "internal"),
    "no JSON": answer_with(202, b"{"),
    "an empty body": answer_with(202, b""),
    "no object": answer_with(202, b"7"),
    "no list": answer_with(202, b'{"success": true, "data": {"accepted": 7}}'),
    "a list of numbers": answer_with(202, b'{"success": true, "data": {"accepted": [1, null]}}'),
    "other events": answer_with(
        202, b'{"success": true, "data": {"accepted": [{"source": "/x", "id": "y"}]}}'
    ),
    "NaN": answer_with(202, b'{"success": true, "data": NaN}'),
    "an absurd number": answer_with(202, b'{"success": true, "data": 1e99999999999999999999}'),
    "too many digits": answer_with(202, b'{"success": true, "data": %s}' % (b"9" * 9_000)),
    "too deep": answer_with(202, b"[" * 200_000),
    "no UTF-8": answer_with(202, b'{"success": "\xff"}'),
    "a wait that is no number": fail(429, "rate_limited", Retry_After="soon"),
    "a wait in the past": fail(503, "unavailable", Retry_After=formatdate(0, usegmt=True)),
    "a negative wait": fail(503, "unavailable", Retry_After="-5"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_event_is_stored_once_after_an_answer_with(name: str) -> None:
    with EmitterServer(ANSWERS[name]) as server, emitter_of(server.url) as emitter:
        call = emitter.existing_call("call-1", user="alice")
        ids = {call.charge(amount) for amount in range(1, 8)}
        assert emitter.flush(SECONDS)
        counters = emitter.counters()
    assert server.stored.keys() == ids
    assert (counters.sent, counters.retried, counters.refused, counters.dropped) == (7, 7, {}, {})


@pytest.mark.parametrize("status", REDIRECTS)
def test_token_and_events_follow_no_redirect(status: int) -> None:
    with EmitterServer() as other:
        redirect = fail(status, "moved", Location=f"{other.url}/api/costs/events")
        with EmitterServer(redirect) as server, emitter_of(server.url) as emitter:
            event_id = emitter.existing_call("call-1", user="alice").charge(1)
            assert emitter.flush(SECONDS)
        assert (other.received, other.authorizations) == ([], [])
    assert server.stored.keys() == {event_id}


def test_batch_above_the_limit_of_a_proxy_is_sent_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy answers 413 and closes the connection before it has read the body."""
    stored: list[str] = []
    connect = socket.create_connection

    def connect_slowly(*arguments: Any, **options: Any) -> socket.socket:
        """Connect as over a network: the kernel takes only a part of a body at once."""
        connection = connect(*arguments, **options)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        return connection

    monkeypatch.setattr(socket, "create_connection", connect_slowly)

    def converse(connection: socket.socket) -> None:
        headers, body = read_head(connection)
        length = int(headers["content-length"])
        if length > LIMIT_BYTES:
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            return
        while len(body) < length:
            body += connection.recv(65_536)
        events = json.loads(gzip.decompress(body) if "content-encoding" in headers else body)
        stored.extend(event["id"] for event in events)
        listed = [{"source": event["source"], "id": event["id"]} for event in events]
        answer = json.dumps({"success": True, "data": {"accepted": listed}}).encode()
        head = f"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: {len(answer)}"
        connection.sendall(f"{head}\r\n\r\n".encode() + answer)

    rng = random.Random(1)
    with raw_server(converse, receive_bytes=4_096) as url, emitter_of(url) as emitter:
        call = emitter.existing_call("call-1", user="alice")
        noise = [{"noise": rng.randbytes(2_000).hex()} for _ in range(100)]
        ids = [call.usage("twilio", "voice", 1, "minutes", metadata=each) for each in noise]
        assert emitter.flush(60)
        counters = emitter.counters()
    assert sorted(stored) == sorted(ids)
    assert (counters.sent, counters.refused, counters.dropped) == (100, {}, {})


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\xff\x16\x03 garbage\r\n\r\n",
        b"HTTP/1.1 999999 Odd\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: many\r\n\r\n{}",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 202 Accepted\r\n" + b"X: y\r\n" * 10_000,
        b"HTTP/1.1 202 Accepted\r\nX: " + b"y" * 200_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000,
    ],
    ids=["garbage", "status", "negative", "length", "chunks", "headers", "header", "continue"],
)
def test_answers_that_are_not_http_are_failed_attempts(answer: bytes) -> None:
    answers = [answer, answer]

    def converse(connection: socket.socket) -> None:
        headers, body = read_head(connection)
        while len(body) < int(headers["content-length"]):
            body += connection.recv(65_536)
        if answers:
            connection.sendall(answers.pop())
            return
        accepted = [{"id": event["id"]} for event in json.loads(body)]
        text = json.dumps({"success": True, "data": {"accepted": accepted}}).encode()
        connection.sendall(b"HTTP/1.1 202 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)

    with raw_server(converse) as url, emitter_of(url) as emitter:
        emitter.existing_call("call-1", user="alice").charge(1)
        assert emitter.flush(SECONDS)
        counters = emitter.counters()
    assert (counters.sent, counters.refused, counters.dropped) == (1, {}, {})
    assert counters.retried == 2


def test_answer_without_an_end_is_cut_in_memory_and_time(caplog: pytest.LogCaptureFixture) -> None:
    def converse(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 202 OK\r\nConnection: close\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    with raw_server(converse) as url:
        emitter = emitter_of(url)
        emitter.existing_call("call-1", user="alice").charge(1)
        while not emitter.counters().retried:
            assert not emitter.flush(0.1)
        assert not emitter.close(0)
    assert emitter.counters().dropped == {"not sent before the end": 1}
    assert "status 202" in caplog.text


def test_answer_after_the_end_counts_no_event_twice() -> None:
    """A dropped event stays dropped: each event has one outcome."""
    is_over = threading.Event()

    def answer_late(handler: Handler, events: list[dict[str, Any]]) -> None:
        is_over.wait(SECONDS)
        accept(handler, events)

    with EmitterServer(answer_late) as server:
        emitter = emitter_of(server.url, timeout_seconds=SECONDS)
        for _ in range(3):
            emitter.existing_call("call-1", user="alice").charge(1)
        while not server.received:
            assert not emitter.flush(0.1)
        assert not emitter.close(0)
        is_over.set()
        for thread in threading.enumerate():
            if thread.name == "cost-emitter":
                thread.join(SECONDS)
        counters = emitter.counters()
    assert (counters.accepted, counters.sent, counters.pending) == (3, 0, 0)
    assert counters.dropped == {"not sent before the end": 3}


def test_certificate_that_is_not_trusted_stops_no_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    serving, _ = certificate(tmp_path)

    def converse(connection: socket.socket) -> None:
        with suppress(ssl.SSLError), serving.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(65_536)

    with raw_server(converse) as url:
        emitter = emitter_of(url.replace("http:", "https:"))
        emitter.existing_call("call-1", user="alice").charge(1)
        while not emitter.counters().retried:
            assert not emitter.flush(0.1)
        emitter.close(0)
    assert emitter.counters().dropped == {"not sent before the end": 1}
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


def test_failing_function_of_the_token_is_a_failed_attempt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = [RuntimeError("the vault is away"), KeyError("token")]

    def token() -> str:
        if failures:
            raise failures.pop(0)
        return "a-token"

    with EmitterServer() as server, emitter_of(server.url, token) as emitter:
        ids = {emitter.existing_call("call-1").charge(1) for _ in range(3)}
        assert emitter.flush(SECONDS)
        counters = emitter.counters()
    assert server.stored.keys() == ids
    assert (counters.sent, counters.retried) == (3, 6)
    assert "will be sent again (3 waiting): RuntimeError: the vault is away" in caplog.text


@pytest.mark.parametrize("token", ["secret\n", "secret\r\nX: y", "secret\u2019", ""])
async def test_wrong_token_of_a_function_is_not_logged(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with EmitterServer() as server:
        emitter = emitter_of(server.url, lambda: token)
        call = emitter.existing_call("call-1", user="alice")
        turn = await call.reserve("1")
        call.charge(1)
        while not emitter.counters().retried:
            await asyncio.sleep(0.01)
        emitter.close(0)
    assert server.received == []
    assert "`token` is empty, or has characters that a token cannot have" in caplog.text
    assert "secret" not in caplog.text + turn.reason


def test_request_and_its_repeat_have_one_deadline() -> None:
    """A kept connection is cut late, and the repeat on another connection is not answered."""
    connections = iter(["answered and cut", "silent"])

    def converse(connection: socket.socket) -> None:
        read_head(connection)
        if next(connections) == "silent":
            connection.recv(1)
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        read_head(connection)
        sleep(1.5)

    with raw_server(converse) as url:
        connection = ApiConnection(url, lambda: "x", 2, ssl.create_default_context())
        connection.post("/", b"", "text/plain")
        started = monotonic()
        with pytest.raises(TimeoutError):
            connection.post("/", b"", "text/plain")
        seconds = monotonic() - started
        connection.close()
    assert 1.5 < seconds < 3
