"""What the two ways of sending over HTTP share: a careful session and words for what goes wrong."""

from __future__ import annotations

import ssl
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver

from ledger.notifications.retry_policy import DeliveryResult, printable
from streams.notifications.sender import ATTEMPT_MS

CONNECTIONS_MAX: Final = 100
CONNECT_SECONDS: Final = 5
BUFFER_BYTES: Final = 16 * 1024
"""As much of an answer's body as is read at all."""
USER_AGENT: Final = "cost-analytics"

FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError, ValueError, ssl.CertificateError)
"""What an attempt may raise; UnicodeError, from host names, is a ValueError."""


def make_session(resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """Return a session with a limit on everything and no memory: no cookies, proxies, kept lines.

    Names are resolved for each request, by `resolver` where one is given. Call it within an
    event loop.
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
    """Return what an attempt came to that got no answer."""
    if isinstance(error, TimeoutError):
        return DeliveryResult("temporary", error="No answer came in time.")
    words = printable(f"{type(error).__name__}: {error}", *hidden)
    return DeliveryResult("temporary", error=words)
