"""Keeps what is held equal to the database, whatever becomes of the topic.

The topic is fast; the database is right. Three occasions compare versions and read what differs:
before a snapshot (the calls of its user), after the topic was read again (all calls that go on),
and every ten seconds besides (all of them, every two while there is no topic). So what a socket
shows is never older than the database was ten seconds ago, and a snapshot never older than what
anybody was told before, by whichever replica: nothing is published before it is committed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from api.live.expectations import UsualDurations
from api.live.state import CALLS_MAX, QUIET_HOURS_MAX, LiveCalls
from ledger.calls.totals import call_total
from ledger.live.calls import CommittedCall, LiveStore
from ledger.postgres.viewers import StoreUnavailableError
from schemas.jsonio import encode

AGREE_SECONDS: Final = 10
AGREE_SECONDS_ALONE: Final = 2
LATE_SECONDS: Final = 5
_SHARE_OF_TIME: Final = 20
_EVERYBODY: Final = None

_log: Final = logging.getLogger(__name__)


class StateReconciler:
    """Compares what is held with the database, for one user or for all, one look at a time."""

    def __init__(
        self,
        store: LiveStore,
        calls: LiveCalls,
        expectations: UsualDurations,
        take: Callable[[bytes], None],
        is_listening: Callable[[], bool],
    ) -> None:
        """`take` is handed each total that is read."""
        self._store = store
        self._calls = calls
        self._expectations = expectations
        self._take = take
        self._is_listening = is_listening
        self._asked: dict[str | None, list[asyncio.Future[None]]] = {}
        self._wake = asyncio.Event()
        self._next_ns = 0
        self.epoch: int | None = None
        """The ledger's epoch at the last look; None before the first."""
        self.epoch_changed = asyncio.Event()
        """Set when the ledger was restored or rebuilt: what was sent to sockets is out of date."""
        self.late_rounds = 0
        """Rounds in a row in which the topic had kept something from us."""

    async def reached(self, user_id: str | None) -> None:
        """Wait until what is held of a user (of all for None) is as new as the database is now.

        Raises StoreUnavailableError.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(user_id, []).append(waiter)
        self._wake.set()
        await waiter

    async def run(self) -> None:
        """Answer waiting requests and compare periodically, until cancelled."""
        while True:
            with suppress(TimeoutError):
                rest_ns = max(0, self._next_ns - time.monotonic_ns())
                async with asyncio.timeout(rest_ns / 1_000_000_000):
                    await self._wake.wait()
            self._wake.clear()
            asked, self._asked = self._asked, {}
            waiters = [waiter for several in asked.values() for waiter in several]
            try:
                await self._look({user_id for user_id in asked if user_id is not None}, asked)
            except StoreUnavailableError as error:
                _log.warning("no database: %s", error, extra={"action": "feed_without_database"})
                self._next_ns = time.monotonic_ns() + AGREE_SECONDS_ALONE * 1_000_000_000
                _finish(waiters, error)
            except Exception as error:
                # Waiting requests must end; the caller reports the error.
                _finish(waiters, error)
                raise
            else:
                _finish(waiters)

    async def _look(self, users: set[str], asked: Collection[str | None]) -> None:
        if _EVERYBODY in asked or time.monotonic_ns() >= self._next_ns:
            await self._look_at_all()
        elif users:
            held = [state.call_id for user in users for state in self._calls.of_user(user)]
            active = await self._store.active_calls_of(users, _heard_after(), CALLS_MAX)
            await self._mend(active.versions, held)
            if active.epoch != self.epoch:
                await self._look_at_all()

    async def _look_at_all(self) -> None:
        began_ns = time.monotonic_ns()
        held = self._calls.active_ids()
        active = await self._store.active_calls(_heard_after(), CALLS_MAX)
        late = await self._mend(active.versions, held)
        self._follow(active.epoch)
        self.late_rounds = self.late_rounds + 1 if late else 0
        if late:
            _log.warning("%d calls came late", late, extra={"action": "feed_repaired"})
        self._calls.drop_ended()
        now_ns = time.monotonic_ns()
        seconds = AGREE_SECONDS if self._is_listening() else AGREE_SECONDS_ALONE
        self._next_ns = now_ns + max(seconds * 1_000_000_000, _SHARE_OF_TIME * (now_ns - began_ns))

    def look_soon(self) -> None:
        """Compare all that is held with the next turn."""
        self._next_ns = 0
        self._wake.set()

    def _follow(self, epoch: int) -> None:
        """Report a new epoch, once all that is held is of it."""
        if self.epoch is not None and epoch != self.epoch:
            _log.warning(
                "the ledger was restored or rebuilt: its epoch is %d",
                epoch,
                extra={"action": "feed_epoch_changed"},
            )
            self.epoch_changed.set()
        self.epoch = epoch

    async def _mend(self, versions: Mapping[str, int], held: Collection[str]) -> int:
        """Read what differs and return how much of it should have come by the topic."""
        differing = [name for name, its in versions.items() if its > self._calls.version(name)]
        gone = [name for name in held if name not in versions]
        found = await self._store.calls(differing + gone)
        before = {row.call.call_id: self._calls.version(row.call.call_id) for row in found}
        for row in found:
            self._take(encode(call_total(*row)))
        known = {row.call.call_id for row in found if not _is_quiet(row)}
        self._calls.forget(name for name in gone if name not in known)
        late = datetime.now(UTC) - timedelta(seconds=LATE_SECONDS)
        return sum(
            row.call.version > before[row.call.call_id] > 0 and row.updated_at < late
            for row in found
        )


def _heard_after() -> datetime:
    return datetime.now(UTC) - timedelta(hours=QUIET_HOURS_MAX)


def _is_quiet(row: CommittedCall) -> bool:
    return row.updated_at < _heard_after()


def _finish(waiters: Collection[asyncio.Future[None]], error: Exception | None = None) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(error) if error else waiter.set_result(None)
