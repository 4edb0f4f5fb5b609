"""API keys of services, which are accepted as bearer tokens like JWTs.

An active key is cached for a second, so a revoked one is refused within a second on every
replica. While PostgreSQL is unavailable, when no key can be revoked either, a key that was active
within the last minute is still accepted: events go to Kafka, which may be available.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from api.http.access import Caller
from api.http.auth import VerificationSlot
from api.http.problems import unauthorized
from ledger.operations.api_keys import KeyHolder, digest_of
from ledger.postgres.viewers import StoreUnavailableError

FRESH_SECONDS: Final = 1
STALE_SECONDS_MAX: Final = 60
CACHED_KEYS_MAX: Final = 10_000
_NEVER: Final = 2**62
_SECOND_NS: Final = 1_000_000_000


class KeyLookup(Protocol):
    """Looks up keys."""

    async def find(self, digest: bytes) -> KeyHolder | None:
        """Return the holder of a key, also of a revoked one; raises StoreUnavailableError."""


class KeyVerifier:
    """Turns keys into callers."""

    def __init__(
        self,
        keys: KeyLookup,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        on_revoked: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`on_revoked` gets the id of a revoked key when it is looked up."""
        self._keys = keys
        self._on_revoked = on_revoked
        self._clock_ns = clock_ns
        self._known: OrderedDict[bytes, tuple[Caller, int]] = OrderedDict()

    async def caller(self, key: str, slot: VerificationSlot) -> Caller:
        """Return the caller of a key; raises the 401 Problem or StoreUnavailableError.

        An unknown key is looked up inside `slot`, which may wait.
        """
        digest = digest_of(key)
        if (known := self._recall(digest, FRESH_SECONDS)) is not None:
            return known
        if self._recall(digest, STALE_SECONDS_MAX) is not None:
            return await self._look_up(digest)
        async with slot():
            return await self._look_up(digest)

    async def _look_up(self, digest: bytes) -> Caller:
        now_ns = self._clock_ns()
        try:
            holder = await self._keys.find(digest)
        except StoreUnavailableError:
            if (known := self._recall(digest, STALE_SECONDS_MAX)) is not None:
                return known
            raise
        if holder is None or holder.is_revoked:
            self._known.pop(digest, None)
            if holder is not None:
                self._on_revoked(holder.key_id)
            raise unauthorized("The key is unknown or revoked.")
        caller = Caller(holder.service, "service", _NEVER, holder.scopes, holder.key_id)
        self._known[digest] = (caller, now_ns)
        self._known.move_to_end(digest)
        if len(self._known) > CACHED_KEYS_MAX:
            self._known.popitem(last=False)
        return caller

    def _recall(self, digest: bytes, seconds: int) -> Caller | None:
        """Return the caller of a key that was active less than `seconds` ago."""
        if digest not in self._known:
            return None
        caller, read_ns = self._known[digest]
        return caller if self._clock_ns() - read_ns < seconds * _SECOND_NS else None
