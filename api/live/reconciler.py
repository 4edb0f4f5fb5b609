"""Keeps the live state equal to the database, even if the topic fails.

The topic is fast; the database is authoritative. Versions are compared, and differing calls are
read from the database:

* before a snapshot: the calls of its user;
* after the topic was read again: all active calls;
* every ten seconds, without a topic every two seconds: all active calls.

So a socket is at most ten seconds behind the database. A snapshot is never older than a message
that any replica sent before, because totals are published only after their commit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from api.live.state import CALLS_MAX, STALE_HOURS, LiveCalls
from api.live.usual_calls import UsualCalls
from ledger.calls.totals import call_total
from ledger.live.calls import CommittedCall, LiveStore, parts
from ledger.postgres.viewers import StoreUnavailableError
from schemas.jsonio import encode

COMPARE_SECONDS: Final = 10
COMPARE_SECONDS_WITHOUT_TOPIC: Final = 2
LATE_SECONDS: Final = 5
_PAUSE_FACTOR: Final = 20
"""Comparisons of all calls pause for at least this many times the duration of the last one."""
_ALL_USERS: Final = None

_log: Final = logging.getLogger(__name__)


class StateReconciler:
    """Compares the live state of one user or of all with the database, one comparison at a time."""

    def __init__(
        self,
        store: LiveStore,
        calls: LiveCalls,
        usual_calls: UsualCalls,
        apply_total: Callable[[bytes], None],
        is_listening: Callable[[], bool],
    ) -> None:
        """`apply_total` applies each total that is read."""
        self._store = store
        self._calls = calls
        self._usual_calls = usual_calls
        self._apply_total = apply_total
        self._is_listening = is_listening
        self._waiters: dict[str | None, list[asyncio.Future[None]]] = {}
        self._wake = asyncio.Event()
        self._next_ns = 0
        self.epoch: int | None = None
        """The ledger's epoch at the last comparison; None before the first."""
        self.epoch_changed = asyncio.Event()
        """Set when the ledger was restored or rebuilt: what was sent to sockets is out of date."""
        self.late_rounds = 0
        """Consecutive comparisons that found calls which the topic had not delivered."""

    async def wait_until_current(self, user_id: str | None) -> None:
        """Wait until a user's calls (all users if None) are as new as the database is now.

        Raises StoreUnavailableError.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(user_id, []).append(waiter)
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
            requested, self._waiters = self._waiters, {}
            waiters = [waiter for several in requested.values() for waiter in several]
            try:
                await self._compare(
                    {user_id for user_id in requested if user_id is not None}, requested
                )
            except StoreUnavailableError as error:
                _log.warning("no database: %s", error, extra={"action": "feed_without_database"})
                self._next_ns = time.monotonic_ns() + COMPARE_SECONDS_WITHOUT_TOPIC * 1_000_000_000
                _finish(waiters, error)
            except Exception as error:
                # Waiting requests must end; the caller reports the error.
                _finish(waiters, error)
                raise
            else:
                _finish(waiters)

    async def _compare(self, users: set[str], requested: Collection[str | None]) -> None:
        if _ALL_USERS in requested or time.monotonic_ns() >= self._next_ns:
            await self._compare_all()
        elif users:
            known_ids = [state.call_id for user in users for state in self._calls.of_user(user)]
            active = await self._store.active_calls_of(users, _updated_after(), CALLS_MAX)
            await self._repair(active.versions, known_ids)
            if active.epoch != self.epoch:
                await self._compare_all()

    async def _compare_all(self) -> None:
        began_ns = time.monotonic_ns()
        known_ids = self._calls.active_ids()
        active = await self._store.active_calls(_updated_after(), CALLS_MAX)
        late = await self._repair(active.versions, known_ids)
        self._set_epoch(active.epoch)
        self.late_rounds = self.late_rounds + 1 if late else 0
        if late:
            _log.warning("%d calls came late", late, extra={"action": "feed_repaired"})
        self._calls.drop_ended()
        now_ns = time.monotonic_ns()
        seconds = COMPARE_SECONDS if self._is_listening() else COMPARE_SECONDS_WITHOUT_TOPIC
        self._next_ns = now_ns + max(seconds * 1_000_000_000, _PAUSE_FACTOR * (now_ns - began_ns))

    def request_full_check(self) -> None:
        """Compare all calls as soon as possible."""
        self._next_ns = 0
        self._wake.set()

    def _set_epoch(self, epoch: int) -> None:
        """Store the epoch, and report a new one, once all calls belong to it."""
        if self.epoch is not None and epoch != self.epoch:
            _log.warning(
                "the ledger was restored or rebuilt: its epoch is %d",
                epoch,
                extra={"action": "feed_epoch_changed"},
            )
            self.epoch_changed.set()
        self.epoch = epoch

    async def _repair(self, versions: Mapping[str, int], known_ids: Collection[str]) -> int:
        """Read differing calls; returns how many the topic should have delivered."""
        late_calls = 0
        for part in parts([name for name in versions if self._differs(name, versions)]):
            still = [name for name in part if self._differs(name, versions)]
            if still:
                late_calls += self._apply(await self._store.calls(still))
        for part in parts([name for name in known_ids if name not in versions]):
            rows = await self._store.calls(part)
            late_calls += self._apply(rows)
            present = {row.call.call_id for row in rows if not _is_stale(row)}
            self._calls.forget(name for name in part if name not in present)
        return late_calls

    def _differs(self, call_id: str, versions: Mapping[str, int]) -> bool:
        return versions[call_id] > self._calls.version(call_id)

    def _apply(self, rows: Sequence[CommittedCall]) -> int:
        """Apply calls from the database; returns how many the topic should have delivered."""
        before = {row.call.call_id: self._calls.version(row.call.call_id) for row in rows}
        for row in rows:
            self._apply_total(encode(call_total(*row)))
        late = datetime.now(UTC) - timedelta(seconds=LATE_SECONDS)
        return sum(
            row.call.version > before[row.call.call_id] > 0 and row.updated_at < late
            for row in rows
        )


def _updated_after() -> datetime:
    return datetime.now(UTC) - timedelta(hours=STALE_HOURS)


def _is_stale(row: CommittedCall) -> bool:
    return row.updated_at < _updated_after()


def _finish(waiters: Collection[asyncio.Future[None]], error: Exception | None = None) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(error) if error else waiter.set_result(None)
