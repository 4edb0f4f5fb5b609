"""Limits the concurrent requests of a client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from api.http.problems import LimitName, rate_limited

RETRY_SECONDS: Final = 1


class ConcurrencyLimit:
    """Counts each client's concurrent requests; `limit` is the limit's name in the metrics."""

    def __init__(self, per_client: int, limit: LimitName, message: str) -> None:
        self._per_client = per_client
        self._limit: LimitName = limit
        self._message = message
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def taken(self, client: str) -> Iterator[None]:
        """Count a request for the duration of the block; raises the 429 Problem over the limit."""
        if self._under_way[client] >= self._per_client:
            raise rate_limited(RETRY_SECONDS, self._limit, self._message)
        self._under_way[client] += 1
        try:
            yield
        finally:
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]
