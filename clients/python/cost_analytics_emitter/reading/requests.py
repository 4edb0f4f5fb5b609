"""Sends reads: adds the token, repeats them, and turns every failure into ApiError."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from cost_analytics_emitter.api_connection import checked_url
from cost_analytics_emitter.backoff import Backoff, retry_after_seconds
from cost_analytics_emitter.json_parsing import parse_json
from cost_analytics_emitter.reading.decoding import decode
from cost_analytics_emitter.reading.errors import ApiError
from cost_analytics_emitter.tokens import token_function
from cost_analytics_emitter.version import __version__

T = TypeVar("T")
_REFUSALS: Final = {401: "unauthorized", 403: "forbidden", 429: "rate_limited", 503: "unavailable"}
"""The API's codes by status: the body of a refused WebSocket cannot be read."""

CONTENT_BYTES_MAX: Final = 32 * 1024 * 1024
"""The size of a response or of a message of the feed that is not read any further."""

QueryValue = str | int | bool | None | Sequence[str]


class ApiRequests:
    """Sends reads over connections that it keeps open.

    An attempt takes at most `timeout_seconds`. A read that may succeed later is repeated until
    `retry_seconds` have passed.
    """

    def __init__(
        self,
        url: str,
        token: str | Callable[[], str],
        timeout_seconds: float,
        retry_seconds: float,
        context: ssl.SSLContext | None,
    ) -> None:
        """Raises ValueError for a wrong address or token."""
        self._root = checked_url(url).geturl().rstrip("/")
        self._token = token_function(token)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._retry_seconds = retry_seconds
        self._context: ssl.SSLContext | bool = context or True
        self._session: aiohttp.ClientSession | None = None

    async def data(self, path: str, result: type[T], query: Mapping[str, QueryValue]) -> T:
        """Return the `data` of a success; raises ApiError."""
        deadline = monotonic() + self._retry_seconds
        backoff = Backoff()
        while True:
            try:
                return await self._attempt(path, result, query)
            except ApiError as error:
                pause = backoff.next_seconds(error.retry_seconds)
                if not error.is_retryable or monotonic() + pause > deadline:
                    raise
            await asyncio.sleep(pause)

    async def socket(self, path: str) -> aiohttp.ClientWebSocketResponse[Any]:
        """Open a WebSocket; raises ApiError."""
        try:
            return await asyncio.wait_for(self._connect(path), self._timeout.total)
        except aiohttp.WSServerHandshakeError as error:
            asked = error.headers.get("Retry-After") if error.headers else None
            raise ApiError(
                error.status,
                _REFUSALS.get(error.status, "unknown"),
                f"the live feed was refused with status {error.status}",
                retry_after_seconds(asked),
            ) from error
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise _unreachable(error) from error

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _connect(self, path: str) -> aiohttp.ClientWebSocketResponse[Any]:
        return await self._open_session().ws_connect(
            self._root + path,
            headers=self._headers(),
            ssl=self._context,
            max_msg_size=CONTENT_BYTES_MAX,
        )

    async def _attempt(self, path: str, result: type[T], query: Mapping[str, QueryValue]) -> T:
        url = self._root + path + _query_string(query)
        try:
            async with self._open_session().get(
                URL(url, encoded=True),
                headers=self._headers(),
                ssl=self._context,
                timeout=self._timeout,
            ) as response:
                return _result(response, await _content(response), result)
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise _unreachable(error) from error

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "Authorization": f"Bearer {self._token()}",
            "User-Agent": f"cost-analytics-emitter/{__version__}",
        }

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # `ws_connect` has no parameter that forbids redirects.
            trace = aiohttp.TraceConfig()
            trace.on_request_redirect.append(_refuse_redirect)
            self._session = aiohttp.ClientSession(trace_configs=[trace])
        return self._session


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: object, found: aiohttp.TraceRequestRedirectParams
) -> None:
    """Raise ApiError: the token is for one server, and only its responses are trusted."""
    response = found.response
    response.close()
    location = response.headers.get("Location", "")
    message = f"the server redirects to {location!r:.200}; give the final address"
    raise ApiError(response.status, "redirected", message)


def _query_string(query: Mapping[str, QueryValue]) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        if isinstance(value, Sequence) and not isinstance(value, str):
            pairs += [(name, each) for each in value]
        elif isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif value is not None:
            pairs.append((name, str(value)))
    return f"?{urlencode(pairs)}" if pairs else ""


async def _content(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of a response; raises ApiError if it is too large."""
    content = bytearray()
    async for part in response.content.iter_any():
        content += part
        if len(content) > CONTENT_BYTES_MAX:
            message = f"the response has more than {CONTENT_BYTES_MAX} bytes"
            raise ApiError(response.status, "invalid_answer", message)
    return bytes(content)


def _result(response: aiohttp.ClientResponse, content: bytes, result: type[T]) -> T:
    retry_seconds = retry_after_seconds(response.headers.get("Retry-After"))
    try:
        body = parse_json(content)
        if not isinstance(body, dict):
            raise ValueError("it is not a JSON object")
        if response.status == 200 and body.get("success") is True:
            return decode(result, body.get("data"))
    except ValueError as error:
        message = f"the response with status {response.status} is not the API's: {error}"
        raise ApiError(response.status, "invalid_answer", message, retry_seconds) from error
    raise ApiError(
        response.status,
        str(body.get("code", "unknown")),
        str(body.get("error", response.reason)),
        retry_seconds,
    )


def _unreachable(error: Exception) -> ApiError:
    return ApiError(0, "unreachable", f"{type(error).__name__}: {error}")
