"""How many pieces of long work may be under way at once, in all and for one client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from api.http.problems import LimitName, Problem, rate_limited

RETRY_SECONDS: Final = 5


class SlotPool:
    """Lends slots, never to be waited for."""

    def __init__(
        self, most: int, most_per_user: int, most_per_address: int, limit: LimitName
    ) -> None:
        self._most = most
        self._most_per_user = most_per_user
        self._most_per_address = most_per_address
        self._limit: LimitName = limit
        self._users: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()

    @contextmanager
    def taken(self, user_id: str, address: str) -> Iterator[None]:
        """Take one for the length of a block; raises the 429 Problem where none is left."""
        if self._users[user_id] >= self._most_per_user:
            raise self._refusal(f"A user may have {self._most_per_user} of these under way.")
        if self._addresses[address] >= self._most_per_address:
            raise self._refusal(f"An address may have {self._most_per_address} of these under way.")
        if self._users.total() >= self._most:
            raise self._refusal(f"There are {self._most} of these under way already.")
        self._users[user_id] += 1
        self._addresses[address] += 1
        try:
            yield
        finally:
            self._users[user_id] -= 1
            self._addresses[address] -= 1
            # Forgets clients that have none left.
            self._users += Counter()
            self._addresses += Counter()

    def _refusal(self, message: str) -> Problem:
        return rate_limited(RETRY_SECONDS, self._limit, message)
