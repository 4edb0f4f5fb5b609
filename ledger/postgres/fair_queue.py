"""A queue for a few places, which clients enter in turn however much each of them asks for.

A client that asks for much waits behind its own requests, and never holds more than its share.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final

WAITING_PER_CLIENT_MAX: Final = 1_000


class QueueFullError(Exception):
    """As many requests of this client wait as may wait."""


class FairQueue:
    """Lends `places`, at most `places_per_client` of them to one client, in turns."""

    def __init__(
        self,
        places: int,
        places_per_client: int,
        waiting_per_client_max: int = WAITING_PER_CLIENT_MAX,
    ) -> None:
        self._free = places
        self._share = places_per_client
        self._waiting_max = waiting_per_client_max
        self._held: Counter[Hashable] = Counter()
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def place(self, client: Hashable, timeout_seconds: int) -> AsyncIterator[None]:
        """Hold a place for the length of a block.

        Raises TimeoutError after waiting `timeout_seconds`, QueueFullError without waiting.
        """
        if self._free and self._held[client] < self._share:
            # No other client can be waiting for a place that it could have.
            self._take(client)
        else:
            await self._wait(client, timeout_seconds)
        try:
            yield
        finally:
            self._give_back(client)

    def has_full_share(self, client: Hashable) -> bool:
        """Return whether a client holds as many places as it may."""
        return self._held[client] >= self._share

    def _take(self, client: Hashable) -> None:
        self._free -= 1
        self._held[client] += 1

    def _give_back(self, client: Hashable) -> None:
        self._free += 1
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
        while self._free and self._grant():
            pass

    async def _wait(self, client: Hashable, timeout_seconds: int) -> None:
        waiting = self._waiting.setdefault(client, deque())
        if len(waiting) >= self._waiting_max:
            raise QueueFullError(client)
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            async with asyncio.timeout(timeout_seconds):
                await turn
        except BaseException:
            # Cancelled, or too late: a place that was granted in the same moment goes on.
            if turn.done() and not turn.cancelled():
                self._give_back(client)
            else:
                self._leave(client, turn)
            raise

    def _leave(self, client: Hashable, turn: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(client)
        if waiting is not None and turn in waiting:
            waiting.remove(turn)
            if not waiting:
                del self._waiting[client]

    def _grant(self) -> bool:
        """Give a free place to the next client that may have one."""
        client = next((name for name in self._waiting if not self.has_full_share(name)), None)
        if client is None:
            return False
        waiting = self._waiting[client]
        turn = waiting.popleft()
        if waiting:
            self._waiting.move_to_end(client)
        else:
            del self._waiting[client]
        if not turn.done():  # else it was cancelled a moment ago
            turn.set_result(None)
            self._take(client)
        return True
