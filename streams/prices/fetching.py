"""Fetches a price source over HTTP, with limits on time and size and without redirects."""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    encode_basic_auth,
)

from streams.prices.reading import ConfiguredSource, PriceSourceError

FETCH_SECONDS_MAX: Final = 20
CONNECT_SECONDS_MAX: Final = 5
BYTES_MAX: Final = 16 * 1024 * 1024
_PASSWORD_BYTES_MAX: Final = 1_024

PriceSession: TypeAlias = ClientSession


def price_session(seconds_max: int = FETCH_SECONDS_MAX) -> PriceSession:
    """Return a session for price sources; call it within an event loop."""
    return ClientSession(
        timeout=ClientTimeout(total=seconds_max, connect=CONNECT_SECONDS_MAX),
        cookie_jar=DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": "cost-analytics"},
    )


async def fetch(session: PriceSession, source: ConfiguredSource) -> bytes:
    """Return a source's response body; raises PriceSourceError."""
    try:
        async with session.get(
            source.url, headers=_credentials(source), allow_redirects=False
        ) as response:
            if response.status != 200:
                raise PriceSourceError(f"it answered with status {response.status}")
            text = await response.content.read(BYTES_MAX + 1)
            while len(text) <= BYTES_MAX and (piece := await response.content.read(BYTES_MAX)):
                text += piece
    except TimeoutError:
        raise PriceSourceError("it did not answer in time") from None
    except (ClientError, OSError, ValueError) as error:
        raise PriceSourceError(f"it cannot be reached ({type(error).__name__})") from None
    if len(text) > BYTES_MAX:
        raise PriceSourceError(f"its answer has more than {BYTES_MAX} bytes")
    return text


def _credentials(source: ConfiguredSource) -> dict[str, str]:
    if source.username is None or source.password_file is None:
        return {}
    try:
        with Path(source.password_file).open(encoding="utf-8") as opened:
            password = opened.read(_PASSWORD_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError):
        raise PriceSourceError(f"its password file {source.password_file} cannot be read") from None
    return {"Authorization": encode_basic_auth(source.username, password, "utf-8")}
