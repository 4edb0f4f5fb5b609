"""Sends batches of CloudEvents to `POST /api/costs/events`."""

from __future__ import annotations

import gzip
import io
import json
import socket
import ssl
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from time import monotonic
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from cost_analytics_emitter.backoff import retry_after_seconds
from cost_analytics_emitter.events import Event
from cost_analytics_emitter.transport import Reply
from cost_analytics_emitter.version import __version__

_PATH: Final = "/api/costs/events"
_GZIP_BYTES_MIN: Final = 1_024
_GZIP_LEVEL: Final = 3
_SEND_BYTES: Final = 64 * 1024
_REPLY_BYTES_MAX: Final = 4 * 1024 * 1024
_FINAL_CODES: Final = frozenset({"invalid_json", "invalid_event", "too_old", "too_large"})
"""Codes of events that the server will never accept."""


class _DeadlineReader(io.RawIOBase):
    """Reads a socket until a deadline, however slowly the server sends."""

    def __init__(self, wire: socket.socket, deadline: float) -> None:
        super().__init__()
        self._wire, self._deadline = wire, deadline
        self._raw = wire.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._wire.settimeout(_left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _response_class(deadline: float) -> type[HTTPResponse]:
    """Return the class of responses that are read until a deadline."""

    class DeadlineResponse(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp.close()
            self.fp = io.BufferedReader(_DeadlineReader(sock, deadline))

    return DeadlineResponse


class HttpTransport:
    """One connection to the API, kept open between batches.

    `token` returns the bearer token of each request. A request takes at most `timeout_seconds`.
    """

    def __init__(
        self, url: str, token: Callable[[], str], timeout_seconds: float, context: ssl.SSLContext
    ) -> None:
        """Raises ValueError for an address that is not http or https."""
        self._url = _checked(url)
        self._path = self._url.path.rstrip("/") + _PATH
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._context = context
        self._connection: HTTPConnection | None = None
        self._compresses = True

    def send(self, events: Sequence[Event]) -> Reply:
        body = b"[" + b",".join(event.body for event in events) + b"]"
        is_reused = self._connection is not None
        try:
            try:
                return self._post(body)
            except (HTTPException, OSError) as error:
                # The server may have closed an idle connection. Repeated events count once.
                if not is_reused or isinstance(error, TimeoutError):
                    raise
                return self._post(body)
        except (HTTPException, OSError, ValueError) as error:
            return Reply(message=f"{type(error).__name__}: {error}")

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _post(self, body: bytes) -> Reply:
        deadline = monotonic() + self._timeout_seconds
        try:
            response, content = self._exchange(body, deadline)
        except BaseException:  # after any error the connection is in an unknown state
            self.close()
            raise
        if response.status == 415 and self._compresses:
            self._compresses = False
            return self._post(body)
        return _reply(response, content)

    def _exchange(self, body: bytes, deadline: float) -> tuple[HTTPResponse, bytes]:
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": "application/cloudevents-batch+json",
            "User-Agent": f"cost-analytics-emitter/{__version__}",
        }
        if self._compresses and len(body) >= _GZIP_BYTES_MIN:
            body = gzip.compress(body, _GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        connection = self._connection or self._connect(deadline)
        connection.putrequest("POST", self._path)
        for name, value in headers.items():
            connection.putheader(name, value)
        wire = connection.sock
        wire.settimeout(_left(deadline))
        connection.endheaders()
        for start in range(0, len(body), _SEND_BYTES):
            wire.settimeout(_left(deadline))
            connection.send(body[start : start + _SEND_BYTES])
        connection.response_class = _response_class(deadline)
        response = connection.getresponse()
        content = response.read(_REPLY_BYTES_MAX)
        if response.will_close or not response.isclosed():
            response.close()
            self.close()
        return response, content

    def _connect(self, deadline: float) -> HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        timeout = _left(deadline)
        connection = (
            HTTPSConnection(host, port, timeout=timeout, context=self._context)
            if self._url.scheme == "https"
            else HTTPConnection(host, port, timeout=timeout)
        )
        connection.connect()
        self._connection = connection
        return connection


def _reply(response: HTTPResponse, content: bytes) -> Reply:
    """Return what a response means; only one of the product's own is believed."""
    answer = _object(content)
    retry_seconds = retry_after_seconds(response.getheader("Retry-After"))
    if response.status in {200, 202} and answer.get("success") is True:
        listed = _object(answer.get("data")).get("accepted")
        references = listed if isinstance(listed, list) else []
        accepted = {str(_object(reference).get("id")) for reference in references}
        return Reply(accepted=accepted, message="the response does not list all events")
    code, error = str(answer.get("code", "")), str(answer.get("error", ""))
    message = f"status {response.status} {code or response.reason}: {error}"
    is_final = (response.status == 400 and code in _FINAL_CODES) or response.status == 413
    return Reply(
        refusal=(code or "payload_too_large") if is_final else "",
        message=message,
        retry_seconds=retry_seconds,
    )


def _object(value: Any) -> dict[str, Any]:
    """Return a JSON object, decoded if it is bytes; empty for anything else."""
    if isinstance(value, bytes):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("the server did not answer in time")
    return left


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise ValueError(f"`url` must be an address such as https://costs.example.com, not {url!r}")
    return parts
