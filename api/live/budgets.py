"""Tells users where their budget stands, as often as it moves but at most once a second."""

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
ALL_EACH_ROUNDS: Final = 60
"""Limits change and days begin without any event: every budget is read again once a minute."""
READS_AT_ONCE: Final = 4

_log: Final = logging.getLogger(__name__)

ReadBudget = Callable[[str], Awaitable[Budget]]


class LiveBudgets:
    """The budgets of connected users, read from the database and sent when they change.

    Reads are numbered as they begin, so that an older read is never sent later. Whatever a
    budget is read for, a difference is sent to all sockets of its user in the next round: none
    may be left with what was read before.
    """

    def __init__(self, read: ReadBudget, sockets: SocketRegistry) -> None:
        self._read = read
        self._sockets = sockets
        self._moved: set[str] = set()
        self._untold: set[str] = set()
        self._last: dict[str, tuple[int, bytes]] = {}
        self._reads = 0
        self._room = asyncio.Semaphore(READS_AT_ONCE)

    def moved(self, user_id: str) -> None:
        """Read a user's budget again within a second, if the user listens."""
        if self._sockets.listens(user_id):
            self._moved.add(user_id)

    async def body(self, user_id: str) -> bytes:
        """Return a user's budget as JSON, read now; raises StoreUnavailableError."""
        async with self._room:
            self._reads += 1
            number = self._reads
            body = encode(await self._read(user_id))
        newest = self._last.get(user_id)
        if newest is not None and newest[0] > number:
            return newest[1]
        self._last[user_id] = (number, body)
        if newest is not None and newest[1] != body:
            self._untold.add(user_id)
        return body

    async def run(self) -> None:
        """Send changed budgets until cancelled."""
        rounds = 0
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            rounds += 1
            if rounds % ALL_EACH_ROUNDS == 0:
                self._last = {u: last for u, last in self._last.items() if self._sockets.listens(u)}
                self._moved.update(self._sockets.users())
            moved, self._moved = self._moved | self._untold, set()
            await asyncio.gather(*map(self._tell, moved))
            self._sockets.flush()

    async def _tell(self, user_id: str) -> None:
        try:
            body = await self.body(user_id)
        except StoreUnavailableError as error:
            self._moved.add(user_id)
            _log.warning("a budget is late: %s", error, extra={"action": "budget_late"})
            return
        if user_id in self._untold:
            self._untold.discard(user_id)
            self._sockets.tell_budget(user_id, body)
