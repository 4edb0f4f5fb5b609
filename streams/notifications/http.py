"""The HTTP sessions, responses and error texts of senders and of receivers of commands."""

from __future__ import annotations

from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver

from ledger.notifications.retry_policy import DeliveryResult, storable_error
from streams.notifications.sender import ATTEMPT_MS
from streams.notifications.targets import RefusedTargetError

CONNECTIONS_MAX: Final = 100
CONNECT_SECONDS: Final = 5
BUFFER_BYTES: Final = 16 * 1024
USER_AGENT: Final = "cost-analytics"

FAILURES: Final = (aiohttp.ClientError, OSError, ValueError, RefusedTargetError)
"""Errors of an attempt; a timeout is an OSError, an invalid host name a ValueError."""


def make_session(resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """Return a session with limits and without state: no cookies, proxies or kept connections.

    Names are resolved for each request, by `resolver` if given. Call it within an event loop.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=resolver, use_dns_cache=False, limit=CONNECTIONS_MAX, force_close=True
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        timeout=aiohttp.ClientTimeout(total=ATTEMPT_MS / 1000, connect=CONNECT_SECONDS),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=BUFFER_BYTES,
    )


def failure_of(error: Exception, *hidden: str | None) -> DeliveryResult:
    """Return the result of an attempt without a response; errors do not contain `hidden` texts."""
    for cause in (error, error.__cause__):  # aiohttp wraps errors of resolvers
        if isinstance(cause, RefusedTargetError):
            return DeliveryResult("permanent", error=str(cause))
    if isinstance(error, TimeoutError):
        return DeliveryResult("temporary", error="There was no response in time.")
    text = storable_error(f"{type(error).__name__}: {error}", *hidden)
    return DeliveryResult("temporary", error=text)


async def read_beginning(response: aiohttp.ClientResponse, bytes_max: int = BUFFER_BYTES) -> bytes:
    """Return the beginning of a body."""
    body = b""
    while len(body) < bytes_max and (more := await response.content.read(BUFFER_BYTES)):
        body += more
    return body[:bytes_max]
