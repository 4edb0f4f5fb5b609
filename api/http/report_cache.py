"""Keeps bodies of versioned reports, so that an unchanged one is neither read nor built again.

Each request asks the database for the current version, on behalf of its viewer: a body is only used
as the body of the version that the database has just named (ADR 0067). So a body is as current as
one that was built, and access is decided as without a cache.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

BODY_BYTES_MAX: Final = 256 * 1024
"""Larger bodies are not kept: they would displace too many others."""
IDLE_SECONDS_MAX: Final = 60
_ENTRY_BYTES: Final = 400
"""The memory of an entry besides its body."""
_NS_PER_SECOND: Final = 1_000_000_000


class CachedBody(NamedTuple):
    """A body and the version of the rows that it was built from."""

    version: str
    body: bytes
    used_ns: int


class ReportCache:
    """The latest body of each scope; the one that was idle longest is removed first."""

    def __init__(self, bytes_max: int, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """`bytes_max` limits the memory; 0 keeps nothing."""
        self._bytes_max = bytes_max
        self._clock_ns = clock_ns
        self._cached: OrderedDict[str, CachedBody] = OrderedDict()
        self.bytes_used = 0

    def find(self, scope: str) -> CachedBody | None:
        """Return the latest body of a scope, if it is kept."""
        cached = self._cached.get(scope)
        if cached is not None:
            self._cached[scope] = cached._replace(used_ns=self._clock_ns())
            self._cached.move_to_end(scope)
        return cached

    def store(self, scope: str, version: str, body: bytes) -> None:
        """Keep a body, and remove others that were idle too long or need too much memory."""
        self._remove(scope)
        now_ns = self._clock_ns()
        if len(body) <= min(BODY_BYTES_MAX, self._bytes_max - _ENTRY_BYTES):
            self._cached[scope] = CachedBody(version, body, now_ns)
            self.bytes_used += len(body) + _ENTRY_BYTES
        while self._cached:
            oldest = next(iter(self._cached))
            is_idle = now_ns - self._cached[oldest].used_ns > IDLE_SECONDS_MAX * _NS_PER_SECOND
            if not is_idle and self.bytes_used <= self._bytes_max:
                break
            self._remove(oldest)

    def _remove(self, scope: str) -> None:
        removed = self._cached.pop(scope, None)
        if removed is not None:
            self.bytes_used -= len(removed.body) + _ENTRY_BYTES
