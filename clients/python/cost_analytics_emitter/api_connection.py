"""One connection to the API, kept open between requests."""

from __future__ import annotations

import gzip
import io
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from time import monotonic
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from cost_analytics_emitter.version import __version__

_GZIP_BYTES_MIN: Final = 1_024
_GZIP_LEVEL: Final = 3
_SEND_BYTES: Final = 64 * 1024
_REPLY_BYTES_MAX: Final = 4 * 1024 * 1024


class _DeadlineReader(io.RawIOBase):
    """Reads a socket until a deadline, however slowly the server sends."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._sock, self._deadline = sock, deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_seconds_left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _response_class(deadline: float) -> type[HTTPResponse]:
    """Return the class of responses that are read until a deadline."""

    class DeadlineResponse(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            # A timeout of the socket alone would begin again with each received byte.
            self.fp.close()
            self.fp = io.BufferedReader(_DeadlineReader(sock, deadline))

    return DeadlineResponse


class ApiConnection:
    """Posts bodies, compressed if the server allows it; for one thread at a time.

    `get_token` returns the bearer token of each request. A request takes at most `timeout_seconds`.
    """

    def __init__(
        self,
        url: str,
        get_token: Callable[[], str],
        timeout_seconds: float,
        context: ssl.SSLContext,
    ) -> None:
        """Raises ValueError for an address that is not http or https."""
        self._url = checked_url(url)
        self._root = self._url.path.rstrip("/")
        self._get_token = get_token
        self._timeout_seconds = timeout_seconds
        self._context = context
        self._connection: HTTPConnection | None = None
        self._is_gzip_accepted = True

    def post(self, path: str, body: bytes, content_type: str) -> tuple[HTTPResponse, bytes]:
        """Return the response and its content; raises OSError, HTTPException or ValueError.

        A request on a connection that the server has closed meanwhile is sent again.
        """
        deadline = monotonic() + self._timeout_seconds
        is_reused = self._connection is not None
        try:
            return self._post(path, body, content_type, deadline)
        except (HTTPException, OSError) as error:
            if not is_reused or isinstance(error, TimeoutError):
                raise
            return self._post(path, body, content_type, deadline)

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _post(
        self, path: str, body: bytes, content_type: str, deadline: float
    ) -> tuple[HTTPResponse, bytes]:
        try:
            response, content = self._exchange(path, body, content_type, deadline)
        except BaseException:  # after any error the connection is in an unknown state
            self.close()
            raise
        if response.status == 415 and self._is_gzip_accepted:
            self._is_gzip_accepted = False
            return self._post(path, body, content_type, deadline)
        return response, content

    def _exchange(
        self, path: str, body: bytes, content_type: str, deadline: float
    ) -> tuple[HTTPResponse, bytes]:
        headers = {
            "Authorization": f"Bearer {self._get_token()}",
            "Content-Type": content_type,
            "User-Agent": f"cost-analytics-emitter/{__version__}",
        }
        if self._is_gzip_accepted and len(body) >= _GZIP_BYTES_MIN:
            body = gzip.compress(body, _GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        connection = self._connection or self._connect(deadline)
        connection.putrequest("POST", self._root + path)
        for name, value in headers.items():
            connection.putheader(name, value)
        is_sent = False
        # A server may respond before it has read the body, for instance with 413, and close the
        # connection.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sock.settimeout(_seconds_left(deadline))
            connection.endheaders()
            for start in range(0, len(body), _SEND_BYTES):
                connection.sock.settimeout(_seconds_left(deadline))
                connection.send(body[start : start + _SEND_BYTES])
            is_sent = True
        connection.response_class = _response_class(deadline)
        response = connection.getresponse()
        content = response.read(_REPLY_BYTES_MAX)
        has_more_content = not response.isclosed()
        if response.will_close or has_more_content or not is_sent:
            response.close()
            self.close()
        return response, content

    def _connect(self, deadline: float) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        timeout = _seconds_left(deadline)
        connection = (
            HTTPSConnection(host, port, timeout=timeout, context=self._context)
            if self._url.scheme == "https"
            else HTTPConnection(host, port, timeout=timeout)
        )
        connection.connect()
        self._connection = connection
        return connection


def _seconds_left(deadline: float) -> float:
    """Return the time until a deadline; raises TimeoutError after it."""
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("the server did not answer in time")
    return left


def checked_url(url: str) -> SplitResult:
    """Return the parts of an address of the API; raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise ValueError(f"`url` must be an address such as https://costs.example.com, not {url!r}")
    return parts
