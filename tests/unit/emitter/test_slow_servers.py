"""The emitter behind servers, name servers and functions of tokens that are slow."""

import socket
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import pytest

from cost_analytics_emitter import Emitter
from tests.support.raw_server import raw_server, read_head

TIMEOUT_SECONDS = 0.5
SLACK_SECONDS = 1.5
ACCEPTED = b"HTTP/1.1 202 Accepted\r\n"
CHUNKED = ACCEPTED + b"Transfer-Encoding: chunked\r\n\r\n"
SLOW_ANSWERS = {
    "status line": (b"HTTP/1.1 2", b"0"),
    "header": (ACCEPTED + b"X: ", b"y"),
    "headers": (ACCEPTED, b"X: y\r\n"),
    "interim responses": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (ACCEPTED + b"Content-Length: 100000\r\n\r\n", b" "),
    "body without a length": (ACCEPTED + b"\r\n", b" "),
    "chunks": (CHUNKED, b"1\r\n \r\n"),
    "size of a chunk": (CHUNKED, b"0"),
    "trailer": (CHUNKED + b"0\r\n", b"X: y\r\n"),
}


def emitter_of(url: str, token: str | Callable[[], str] = "a-token") -> Emitter:
    return Emitter(url, token, source="/bot", linger_seconds=0.01, timeout_seconds=TIMEOUT_SECONDS)


def answer_slowly(name: str) -> Callable[[socket.socket], None]:
    """Return a conversation whose answer comes piece by piece, each within the timeout."""
    beginning, piece = SLOW_ANSWERS[name]

    def converse(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(beginning)
        while True:
            connection.sendall(piece)
            sleep(0.05)

    return converse


@pytest.mark.parametrize("name", SLOW_ANSWERS)
def test_attempt_ends_in_time_although_each_byte_does(name: str) -> None:
    with raw_server(answer_slowly(name)) as url:
        emitter = emitter_of(url)
        started = monotonic()
        emitter.existing_call("call-1", user="alice").charge(1)
        while not emitter.counters().retried and monotonic() - started < 10:
            sleep(0.02)
        seconds = monotonic() - started
        emitter.close(0)
    assert TIMEOUT_SECONDS <= seconds < TIMEOUT_SECONDS + SLACK_SECONDS


async def undecided_seconds(emitter: Emitter) -> float:
    """Return the duration of a reservation that gets no decision."""
    call = emitter.existing_call("call-1", user="alice")
    started = monotonic()
    turn = await call.reserve("1", timeout_seconds=TIMEOUT_SECONDS)
    seconds = monotonic() - started
    emitter.close(0)
    assert (turn.is_decided, turn.granted) == (False, True)
    return seconds


@pytest.mark.parametrize("name", SLOW_ANSWERS)
async def test_reservation_is_undecided_in_time(name: str) -> None:
    with raw_server(answer_slowly(name)) as url:
        assert await undecided_seconds(emitter_of(url)) < TIMEOUT_SECONDS + SLACK_SECONDS


async def test_reservation_does_not_wait_for_a_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up_slowly(*_: Any) -> Any:
        sleep(4)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up_slowly)
    emitter = emitter_of("http://costs.example.com")
    assert await undecided_seconds(emitter) < TIMEOUT_SECONDS + SLACK_SECONDS


async def test_reservation_does_not_wait_for_a_token() -> None:
    def token() -> str:
        sleep(4)
        return "a-token"

    emitter = emitter_of("http://127.0.0.1:9", token)
    assert await undecided_seconds(emitter) < TIMEOUT_SECONDS + SLACK_SECONDS


async def test_reservation_without_a_token_is_undecided() -> None:
    def token() -> str:
        raise KeyError("token")

    assert await undecided_seconds(emitter_of("http://127.0.0.1:9", token)) < SLACK_SECONDS
