"""A TCP server whose answers a test writes byte by byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Conversation = Callable[[socket.socket], None]
"""Serves one connection, which is closed afterwards."""

_SECONDS_MAX = 20


@contextmanager
def raw_server(converse: Conversation, *, receive_bytes: int | None = None) -> Iterator[str]:
    """Serve connections, one after the other; yields the address.

    `receive_bytes` limits what the kernel takes of a body that is not read.
    """
    with socket.socket() as server:
        if receive_bytes is not None:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        server.bind(("127.0.0.1", 0))
        server.listen()
        thread = threading.Thread(target=_serve, args=(server, converse), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(_SECONDS_MAX)


def _serve(server: socket.socket, converse: Conversation) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # the test is over
            return
        with connection, suppress(OSError):
            connection.settimeout(_SECONDS_MAX)
            converse(connection)


def read_head(connection: socket.socket) -> tuple[dict[str, str], bytes]:
    """Return the headers of a request, in lower case, and what came of its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(4096)
        if not part:
            raise ConnectionError("the client closed the connection")
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    return {name.lower(): value for name, _, value in lines}, body
