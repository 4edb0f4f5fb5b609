"""A fair queue for a few slots: clients take turns, however many requests each one has.

A client's requests wait behind each other, and never hold more than its share of slots.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final

WAITING_PER_CLIENT_MAX: Final = 1_000


class QueueFullError(Exception):
    """The client already has the maximum number of waiting requests."""


class QueueTimeoutError(TimeoutError):
    """The client waited too long for a slot."""


class FairQueue:
    """Grants `slots` slots in turns, at most `slots_per_client` of them to one client."""

    def __init__(
        self,
        slots: int,
        slots_per_client: int,
        waiting_per_client_max: int = WAITING_PER_CLIENT_MAX,
    ) -> None:
        self._free = slots
        self._share = slots_per_client
        self._waiting_max = waiting_per_client_max
        self._held: Counter[Hashable] = Counter()
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def slot(self, client: Hashable, timeout_seconds: int) -> AsyncIterator[None]:
        """Hold a slot for the duration of the block.

        Raises QueueTimeoutError after waiting `timeout_seconds`, QueueFullError without waiting.
        """
        if self._free and self._held[client] < self._share:
            # No client is overtaken: those that wait while a slot is free have their full share.
            self._acquire(client)
        else:
            await self._wait(client, timeout_seconds)
        try:
            yield
        finally:
            self._release(client)

    def has_full_share(self, client: Hashable) -> bool:
        """Return whether a client holds its maximum of slots."""
        return self._held[client] >= self._share

    def _acquire(self, client: Hashable) -> None:
        self._free -= 1
        self._held[client] += 1

    def _release(self, client: Hashable) -> None:
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
        waiter = asyncio.get_running_loop().create_future()
        waiting.append(waiter)
        try:
            async with asyncio.timeout(timeout_seconds):
                await waiter
        except BaseException as error:
            # Cancelled or timed out: a slot granted at the same moment is passed on.
            if waiter.done() and not waiter.cancelled():
                self._release(client)
            else:
                self._remove(client, waiter)
            if isinstance(error, TimeoutError):
                raise QueueTimeoutError from None
            raise

    def _remove(self, client: Hashable, waiter: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(client)
        if waiting is not None and waiter in waiting:
            waiting.remove(waiter)
            if not waiting:
                del self._waiting[client]

    def _grant(self) -> bool:
        """Grant a free slot to the next client that may have one."""
        client = next((name for name in self._waiting if not self.has_full_share(name)), None)
        if client is None:
            return False
        waiting = self._waiting[client]
        waiter = waiting.popleft()
        if waiting:
            self._waiting.move_to_end(client)
        else:
            del self._waiting[client]
        if not waiter.done():  # otherwise it was just cancelled
            waiter.set_result(None)
            self._acquire(client)
        return True
