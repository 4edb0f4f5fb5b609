"""JWKS: verification keys published by an identity provider, cached and refreshed.

A token with an unknown key may be the first after a key rotation, so it triggers a fetch. Fetches
are limited to one every few seconds, so that clients cannot make us overload the provider.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout

from api.http.auth import key_from_jwk, unix_now
from api.http.keys import FixedKey, KeySource, VerificationKey, public_key, secret_key
from api.http.problems import unavailable

TTL_SECONDS: Final = 300
GRACE_SECONDS: Final = 3_600
"""How long keys stay in use when refreshes fail."""
REFRESH_SECONDS_MIN: Final = 10
FETCH_SECONDS_MAX: Final = 5
BYTES_MAX: Final = 256 * 1024
KEYS_MAX: Final = 64

_log: Final = logging.getLogger(__name__)


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


_decoder: Final = msgspec.json.Decoder(_KeySet)


def key_source(
    *, secret: str | None = None, public_key_pem: str | None = None, jwks_url: str | None = None
) -> KeySource:
    """Return the source for exactly one of the three; raises ValueError for another number."""
    if sum(given is not None for given in (secret, public_key_pem, jwks_url)) != 1:
        raise ValueError("give exactly one of a secret, a public key and a JWKS address")
    if secret is not None:
        return FixedKey(secret_key(secret))
    if public_key_pem is not None:
        return FixedKey(public_key(public_key_pem))
    return JwksKeys(jwks_url or "")


class JwksKeys:
    """The keys at a JWKS address, which must be https, or http on this machine.

    Raises ValueError for any other address.
    """

    def __init__(
        self,
        url: str,
        *,
        ttl_seconds: int = TTL_SECONDS,
        refresh_seconds_min: int = REFRESH_SECONDS_MIN,
        now: Callable[[], int] = unix_now,
    ) -> None:
        self._url = url
        self._host = _checked_host(url)
        self._ttl_seconds = ttl_seconds
        self._refresh_seconds_min = refresh_seconds_min
        self._now = now
        self._keys: dict[str | None, VerificationKey] = {}
        self._fetched_at = 0
        self._tried_at = 0
        self._fetching = asyncio.Lock()
        self._session: ClientSession | None = None

    @property
    def remember_seconds(self) -> int:
        """The cache time of the keys and of verified tokens.

        Together, both caches accept a revoked key for at most twice this time.
        """
        return self._ttl_seconds

    async def key_for(self, token_key_id: str | None) -> VerificationKey | None:
        """Return the key with that id; a token without a key id means the only key.

        Raises the 503 Problem while no key could be fetched.
        """
        if self._now() >= self._fetched_at + self._ttl_seconds:
            await self._refresh()
        key = self._find(token_key_id)
        if key is None and await self._refresh():
            key = self._find(token_key_id)
        return key

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _find(self, token_key_id: str | None) -> VerificationKey | None:
        if token_key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(token_key_id)

    async def _refresh(self) -> bool:
        """Fetch, unless a fetch was tried just now; returns whether the keys are new."""
        asked_at = self._now()
        async with self._fetching:
            if self._fetched_at and self._fetched_at >= asked_at:
                return True
            if asked_at >= self._tried_at + self._refresh_seconds_min:
                self._tried_at = asked_at
                if await self._fetch():
                    self._fetched_at = self._now()
                    return True
        if self._now() >= self._fetched_at + self._ttl_seconds + GRACE_SECONDS:
            raise unavailable("The identity provider")
        return False

    async def _fetch(self) -> bool:
        try:
            keys = _keys_in(await self._download())
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            _log.warning("no keys from %s: %s", self._host, error, extra={"action": "jwks_failed"})
            return False
        self._keys = keys
        _log.info("%d keys from %s", len(keys), self._host, extra={"action": "jwks_fetched"})
        return True

    async def _download(self) -> bytes:
        """Return the body; raises ClientError, TimeoutError or ValueError."""
        if self._session is None:
            self._session = ClientSession(timeout=ClientTimeout(total=FETCH_SECONDS_MAX))
        async with self._session.get(self._url, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > BYTES_MAX:
                    raise ValueError(f"more than {BYTES_MAX} bytes")
            return bytes(body)


def _keys_in(body: bytes) -> dict[str | None, VerificationKey]:
    """Return the usable keys by id; raises ValueError if there is none."""
    entries = _decoder.decode(body).keys
    if len(entries) > KEYS_MAX:
        raise ValueError(f"more than {KEYS_MAX} keys")
    keys: dict[str | None, VerificationKey] = {}
    for entry in entries:
        key = key_from_jwk(entry)
        if key is not None:
            keys.setdefault(_key_id_of(entry), key)
    if not keys:
        raise ValueError("no usable key")
    return keys


def _key_id_of(entry: Mapping[str, Any]) -> str | None:
    key_id = entry.get("kid")
    return key_id if isinstance(key_id, str) else None


def _checked_host(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host and (parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))):
        return host
    raise ValueError("the JWKS address must be https, or http on this machine")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
