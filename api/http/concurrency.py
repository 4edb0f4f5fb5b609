"""Limits how many requests a client has under way at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.http.problems import LimitName, rate_limited

RETRY_SECONDS = 1


class ConcurrencyLimit:
    """Counts the requests that each client has under way; `limit` names it in the metrics."""

    def __init__(self, per_client: int, limit: LimitName, message: str) -> None:
        self._per_client = per_client
        self._limit: LimitName = limit
        self._message = message
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def taken(self, client: str) -> Iterator[None]:
        """Count a request for the length of a block; raises the 429 Problem for one too many."""
        if self._under_way[client] >= self._per_client:
            raise rate_limited(RETRY_SECONDS, self._limit, self._message)
        self._under_way[client] += 1
        try:
            yield
        finally:
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]
