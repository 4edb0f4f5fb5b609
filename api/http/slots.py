"""Limits concurrent long-running requests, in total, per user and per address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from api.http.problems import LimitName, Problem, rate_limited

RETRY_SECONDS: Final = 5


class SlotPool:
    """A pool of slots; a request that finds none is refused, never queued."""

    def __init__(
        self, total_max: int, per_user_max: int, per_address_max: int, limit: LimitName
    ) -> None:
        self._total_max = total_max
        self._per_user_max = per_user_max
        self._per_address_max = per_address_max
        self._limit: LimitName = limit
        self._users: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()

    @contextmanager
    def taken(self, user_id: str, address: str) -> Iterator[None]:
        """Take a slot for the duration of the block; raises the 429 Problem if none is free."""
        if self._users[user_id] >= self._per_user_max:
            raise self._refusal(f"A user may run {self._per_user_max} of these requests at once.")
        if self._addresses[address] >= self._per_address_max:
            raise self._refusal(
                f"An address may run {self._per_address_max} of these requests at once."
            )
        if self._users.total() >= self._total_max:
            raise self._refusal(f"{self._total_max} of these requests are already running.")
        self._users[user_id] += 1
        self._addresses[address] += 1
        try:
            yield
        finally:
            self._users[user_id] -= 1
            self._addresses[address] -= 1
            # Drop zero counts.
            self._users += Counter()
            self._addresses += Counter()

    def _refusal(self, message: str) -> Problem:
        return rate_limited(RETRY_SECONDS, self._limit, message)
