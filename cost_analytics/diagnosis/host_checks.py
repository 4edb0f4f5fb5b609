"""Checks what processes need beside PostgreSQL and Kafka: mail and keys servers, open files."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from cost_analytics.configuration.tree import Settings
from cost_analytics.diagnosis.check_result import CheckResult, ok, problem, warning

_CONNECT_SECONDS: Final = 5
_PORTS: Final = {"smtp": 587, "smtps": 465, "https": 443, "http": 80}
_OTHER_FILES: Final = 200
"""Connections to PostgreSQL and Kafka, logs and libraries."""


async def check_servers(valid: Mapping[str, Settings]) -> AsyncIterator[CheckResult]:
    """Connect to the configured servers for mail, SMS and keys."""
    for name, url in _addresses(valid):
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
        except OSError as error:  # TimeoutError is an OSError
            reason = error.strerror or "no response in time"
            remedy = f"check {name}, and that a firewall lets us out"
            yield problem("servers", f"{name}: {host}:{port} cannot be reached ({reason})", remedy)
            continue
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        yield ok("servers", f"{name}: {host}:{port} accepts connections")


def _addresses(valid: Mapping[str, Settings]) -> Iterator[tuple[str, str]]:
    if api := valid.get("api"):
        yield from [("JWT_JWKS_URL", api.tokens.jwks_url)] if api.tokens.jwks_url else []
    if notices := valid.get("notices"):
        if notices.delivery.smtp_url:
            yield "SMTP_URL", notices.delivery.smtp_url.reveal()
        if notices.delivery.sms_url:
            yield "SMS_URL", notices.delivery.sms_url


def check_host(valid: Mapping[str, Settings]) -> Iterator[CheckResult]:
    """Check that the API may open as many files as its limits allow connections."""
    if api := valid.get("api"):
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = api.limits.connections + _OTHER_FILES
        if allowed < needed:
            found = f"this shell may open {allowed:,} files; the API's limits need {needed:,}"
            yield warning("host", found, "raise `ulimit -n`, or lower LIMIT_CONNECTIONS")
