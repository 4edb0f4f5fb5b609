"""Sends users their budgets: on each change, at most once a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from api.live.sockets import SocketRegistry
from ledger.postgres.viewers import StoreUnavailableError
from schemas.budgets import Budget
from schemas.jsonio import encode

ROUND_SECONDS: Final = 1
FULL_READ_ROUNDS: Final = 60
"""Limits change and days begin without events, so every budget is read again once a minute."""
CONCURRENT_READS_MAX: Final = 4

_log: Final = logging.getLogger(__name__)

ReadBudget = Callable[[str], Awaitable[Budget]]


class LiveBudgets:
    """The budgets of connected users, read from the database and sent when they change.

    Reads are numbered when they begin, so that an older read is never sent later. Whenever a read
    differs from the one before, it is sent to all sockets of its user in the next round.
    """

    def __init__(self, read: ReadBudget, sockets: SocketRegistry) -> None:
        self._read = read
        self._sockets = sockets
        self._changed: set[str] = set()
        self._unsent: set[str] = set()
        self._last_reads: dict[str, tuple[int, bytes]] = {}
        self._reads = 0
        self._read_limit = asyncio.Semaphore(CONCURRENT_READS_MAX)

    def mark_changed(self, user_id: str) -> None:
        """Schedule a read of the user's budget within a second, if the user is connected."""
        if self._sockets.is_connected(user_id):
            self._changed.add(user_id)

    async def body(self, user_id: str) -> bytes:
        """Return a user's budget as JSON, read now; raises StoreUnavailableError."""
        async with self._read_limit:
            self._reads += 1
            number = self._reads
            body = encode(await self._read(user_id))
        newest = self._last_reads.get(user_id)
        if newest is not None and newest[0] > number:
            return newest[1]
        self._last_reads[user_id] = (number, body)
        if newest is not None and newest[1] != body:
            self._unsent.add(user_id)
        return body

    async def run(self) -> None:
        """Send changed budgets until cancelled."""
        rounds = 0
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            rounds += 1
            if rounds % FULL_READ_ROUNDS == 0:
                self._last_reads = {
                    user_id: last
                    for user_id, last in self._last_reads.items()
                    if self._sockets.is_connected(user_id)
                }
                self._changed.update(self._sockets.users())
            changed, self._changed = self._changed | self._unsent, set()
            await asyncio.gather(*map(self._send, changed))
            self._sockets.flush()

    async def _send(self, user_id: str) -> None:
        try:
            body = await self.body(user_id)
        except StoreUnavailableError as error:
            self._changed.add(user_id)
            _log.warning("a budget is late: %s", error, extra={"action": "budget_late"})
            return
        if user_id in self._unsent:
            self._unsent.discard(user_id)
            self._sockets.queue_budget(user_id, body)
