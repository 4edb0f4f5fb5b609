"""Caches endpoints for a second, and for up to ten minutes while PostgreSQL is unavailable.

Deliveries then still reach Kafka: vendors retry only a few times.
"""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from ledger.operations.webhooks import WebhookEndpoint
from ledger.postgres.viewers import StoreUnavailableError

FRESH_SECONDS: Final = 1
STALE_SECONDS_MAX: Final = 600
CACHE_ENTRIES_MAX: Final = 1_000
_ID: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_SECOND_NS: Final = 1_000_000_000

_log: Final = logging.getLogger(__name__)


class EndpointStore(Protocol):
    """Stores endpoints, and counts held events. Each method may raise StoreUnavailableError."""

    async def find(self, endpoint_id: str) -> WebhookEndpoint | None:
        """Return an endpoint with its secrets."""

    async def note(self, endpoint_id: str, refusal: str | None) -> None:
        """Store that a delivery was accepted, or why it was refused."""

    async def count_held_events(self, at_most: int) -> int:
        """Return the number of held events, up to `at_most`."""


class CachedEndpoints:
    """Finds endpoints, and stores the outcomes of their deliveries at most once a second."""

    def __init__(
        self, store: EndpointStore, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._store = store
        self._clock_ns = clock_ns
        self._known: OrderedDict[str, tuple[WebhookEndpoint, int]] = OrderedDict()
        self._noted: OrderedDict[tuple[str, bool], int] = OrderedDict()

    async def find(self, provider: str, endpoint_id: str) -> WebhookEndpoint | None:
        """Return the endpoint of a provider; raises StoreUnavailableError."""
        if not _ID.fullmatch(endpoint_id):
            return None
        found = self._recall(endpoint_id, FRESH_SECONDS) or await self._look_up(endpoint_id)
        return found if found is not None and found.provider == provider else None

    async def note(self, endpoint_id: str, refusal: str | None) -> None:
        """Store the outcome of a delivery, for administrators; an error is only logged."""
        key = (endpoint_id, refusal is None)
        now_ns = self._clock_ns()
        noted_ns = self._noted.get(key)
        if noted_ns is not None and now_ns - noted_ns < _SECOND_NS:
            return
        _remember(self._noted, key, now_ns)
        try:
            await self._store.note(endpoint_id, refusal)
        except StoreUnavailableError as error:
            _log.warning(
                "the outcome of a delivery is not stored: %s",
                error,
                extra={"action": "webhook_not_noted"},
            )

    async def _look_up(self, endpoint_id: str) -> WebhookEndpoint | None:
        now_ns = self._clock_ns()
        try:
            found = await self._store.find(endpoint_id)
        except StoreUnavailableError:
            if (known := self._recall(endpoint_id, STALE_SECONDS_MAX)) is not None:
                return known
            raise
        if found is None:
            self._known.pop(endpoint_id, None)
        else:
            _remember(self._known, endpoint_id, (found, now_ns))
        return found

    def _recall(self, endpoint_id: str, seconds: int) -> WebhookEndpoint | None:
        """Return an endpoint that was read less than `seconds` ago."""
        if endpoint_id not in self._known:
            return None
        found, read_ns = self._known[endpoint_id]
        return found if self._clock_ns() - read_ns < seconds * _SECOND_NS else None


def _remember(cache: OrderedDict, key: object, value: object) -> None:  # type: ignore[type-arg]
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > CACHE_ENTRIES_MAX:
        cache.popitem(last=False)
