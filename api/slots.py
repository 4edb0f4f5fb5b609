"""How many pieces of long work may be under way at once, in all and for one caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from api.problems import rate_limited

RETRY_SECONDS: Final = 5


class Slots:
    """Lends slots, never to be waited for."""

    def __init__(self, most: int, most_per_caller: int) -> None:
        self._most = most
        self._most_per_caller = most_per_caller
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, caller: str) -> Iterator[None]:
        """Take one for the length of a block; raises the 429 Problem where none is left."""
        if self._taken.total() >= self._most or self._taken[caller] >= self._most_per_caller:
            raise rate_limited(RETRY_SECONDS)
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            self._taken += Counter()  # forgets whoever has none left
