"""A server that an emitter sends to, with the faulty answers that a test sets."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler", list[dict[str, Any]]], None]


class EmitterServer:
    """Accepts batches; the next requests get the `answers`, in order, and all later ones succeed.

    `received` are the bodies of all requests, `stored` the events that were accepted, by id.
    """

    def __init__(self, *answers: Answer) -> None:
        self.answers = deque(answers)
        self.received: list[list[dict[str, Any]]] = []
        self.stored: dict[str, dict[str, Any]] = {}
        self.encodings: list[str | None] = []
        self.authorizations: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> EmitterServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_of: EmitterServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        owner = self.server_of
        owner.encodings.append(self.headers.get("Content-Encoding"))
        owner.authorizations.append(self.headers.get("Authorization"))
        events = json.loads(gzip.decompress(body) if owner.encodings[-1] == "gzip" else body)
        owner.received.append(events)
        answer = owner.answers.popleft() if owner.answers else accept
        with suppress(ConnectionError):
            answer(self, events)

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _handler_of(owner: EmitterServer) -> type[Handler]:
    return type("OwnedHandler", (Handler,), {"server_of": owner})


def accept(handler: Handler, events: list[dict[str, Any]]) -> None:
    """Store all events and list them, as the product does."""
    handler.server_of.stored.update({event["id"]: event for event in events})
    handler.reply(202, _accepted(events))


def accept_half(handler: Handler, events: list[dict[str, Any]]) -> None:
    """Store and list the first half."""
    accept(handler, events[: (len(events) + 1) // 2])


def accept_silently(handler: Handler, events: list[dict[str, Any]]) -> None:
    """Store all events, and close the connection in the middle of the response."""
    handler.server_of.stored.update({event["id"]: event for event in events})
    body = _accepted(events)
    handler.send_response(202)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:10])
    _cut(handler)


def reset(handler: Handler, events: list[dict[str, Any]]) -> None:
    """Reset the connection without a response."""
    _cut(handler)


def hang(handler: Handler, events: list[dict[str, Any]]) -> None:
    """Send nothing until the client gives up."""
    handler.connection.settimeout(10)
    with suppress(OSError):
        handler.rfile.read(1)


def dribble(handler: Handler, events: list[dict[str, Any]]) -> None:
    """Send a byte of a header every twentieth of a second, until the client gives up."""
    handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nX-Slow: ")
    for _ in range(400):
        time.sleep(0.05)
        handler.wfile.write(b".")


def page(handler: Handler, events: list[dict[str, Any]]) -> None:
    """Answer 200 with a page, as a proxy's login does."""
    handler.reply(200, b"<html>Welcome</html>")


def fail(status: int, code: str, **headers: str) -> Answer:
    """Return an answer with a failure in the product's form."""

    def answer(handler: Handler, events: list[dict[str, Any]]) -> None:
        body = {"success": False, "error": f"because of {code}", "code": code}
        handler.reply(status, json.dumps(body).encode(), **headers)

    return answer


def answer_with(status: int, body: bytes, **headers: str) -> Answer:
    """Return an answer with any body."""
    return lambda handler, _: handler.reply(status, body, **headers)


def refuse_if(is_bad: Callable[[dict[str, Any]], bool]) -> Answer:
    """Return an answer that refuses a batch with a bad event as a whole, as the product does."""

    def answer(handler: Handler, events: list[dict[str, Any]]) -> None:
        handler.server_of.answers.append(answer)
        if any(map(is_bad, events)):
            fail(400, "invalid_event")(handler, events)
        else:
            accept(handler, events)

    return answer


def _accepted(events: list[dict[str, Any]]) -> bytes:
    references = [{"source": event["source"], "id": event["id"]} for event in events]
    return json.dumps({"success": True, "data": {"accepted": references}}).encode()


def _cut(handler: Handler) -> None:
    handler.wfile.flush()
    with suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True
