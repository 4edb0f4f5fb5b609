"""One batch, one transaction: the use case on which every figure of the product rests.

A batch of decoded events becomes rows, exact totals, dead letters and moved offsets together or not
at all. A repeat is harmless because its identity is recorded; a crash is harmless because nothing
is true before the commit, and everything before it is done again.

There are two modes. Normally the identities of a batch are looked up first. After some batches
without a repeat the look-up is left out and the unique index finds repeats: the batch is then
repeated with the look-up. Calls are read once and cached; each update checks that the version in
the cache is the newest. If it is not, the batch is repeated with its calls locked, as are the next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from ledger.budgets.alerting import Alerting
from ledger.calls.accrual import fold
from ledger.calls.batch_changes import BatchChanges, KnownState
from ledger.calls.call import Call
from ledger.calls.periods import day_of
from ledger.calls.rating import Incoming, voids_among
from ledger.postgres.binary import use_fast_codecs
from ledger.postgres.clock import Clock, system_time
from ledger.postgres.database import (
    TRANSIENT_ERRORS,
    CheckViolation,
    Connection,
    Deadlock,
)
from ledger.postgres.partitions import Month, ensure_months, lacks_partition, month_of
from ledger.postgres.waiting import wait_in_transaction
from ledger.prices.catalogue import Catalogue
from ledger.prices.price_book import PriceBook
from ledger.recording.batch import Batch, BatchOutcome, BatchWork
from ledger.recording.batch_rows import (
    RepeatedIdentityError,
    StaleCallError,
    drop_unused,
    known_identities,
    lock_calls,
    read_calls,
    read_held,
    write,
)
from ledger.recording.late_changes import is_late_change
from ledger.recording.moving import MoveResult, move
from ledger.recording.offsets import DeadLetter, Stream, count_resent, record_dead_letters
from ledger.recording.pending_checks import CheckKey, add_checks
from ledger.recording.void_targets import resolve_voids

CACHED_CALLS_MAX: Final = 50_000
BATCHES_BEFORE_TRUST: Final = 20
"""Batches without a repeat, or without another writer, before the faster mode is tried again."""
ATTEMPTS_MAX: Final = 10


Acknowledge = Callable[[Sequence[DeadLetter], int], Awaitable[None]]
"""Publishes dead letters, given also the size of their batch; may raise to stop the batch."""


class Recorder:
    """Records the batches of one lane, one after another, on one connection."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        stream: Stream,
        prices: PriceBook,
        acknowledge: Acknowledge,
        *,
        worker_id: str = "",
        alerting: Alerting | None = None,
        epoch: int | None = None,
        now: Clock = system_time,
    ) -> None:
        """Prepare; the connection is opened with the first batch and again after it is lost.

        `worker_id` is who publishes the totals; without one, the next worker that relays leftovers.
        `epoch` is the one that the stream's position was read in; None records in any.
        `now` is the time by which events are judged and dated.
        """
        self.now = now
        self._alerting = alerting or Alerting()
        self._worker_id = worker_id
        self._epoch = epoch
        self._connect = connect
        self._stream = stream
        self._prices = prices
        self._acknowledge = acknowledge
        self._connection: Connection | None = None
        self._calls: dict[str, Call] = {}
        self._committed = False
        self._months: set[Month] = set()
        self._entry_months: set[Month] = set()
        """Months of decisions and released events, which may be older than a batch's events."""
        self._batches_without_repeat = 0
        self._batches_without_rival = BATCHES_BEFORE_TRUST

    async def record(self, batch: Batch) -> BatchOutcome:
        """Record a batch and return what it came to.

        Raises EpochChangedError where the ledger was restored or rebuilt, and whatever PostgreSQL
        or the acknowledgement raised; nothing is recorded then, except that an error during the
        commit may hide a success, which recording it again will find.
        """
        for _ in range(ATTEMPTS_MAX):
            self._committed = False
            try:
                return await self._record(batch)
            except RepeatedIdentityError:
                self._batches_without_repeat = self._batches_without_rival = 0
            except (StaleCallError, Deadlock):
                self._batches_without_rival = 0
            except CheckViolation as error:
                if not lacks_partition(error):
                    raise
                self._months.clear()  # a month was archived; a late event needs a new partition
            except TRANSIENT_ERRORS:
                self.expect_repeats()  # a commit whose answer is lost may have succeeded
                self._drop_connection()
                raise
            finally:
                if not self._committed:
                    self._calls.clear()
        raise StaleCallError(f"a batch met other writers {ATTEMPTS_MAX} times in a row")

    @property
    def catalogue(self) -> Catalogue:
        """The prices by which costs had best be rated before they are recorded."""
        return self._prices.catalogue

    def expect_repeats(self) -> None:
        """Look up the identities of the next batches: their records may be read again."""
        self._batches_without_repeat = 0

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    def _drop_connection(self) -> None:
        """Forget a connection that failed: it may hang between two messages and not know it."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _open(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
            await use_fast_codecs(self._connection)
        return self._connection

    async def _record(self, batch: Batch) -> BatchOutcome:
        connection = await self._open()
        await self._prices.refresh(connection)
        await self._ensure_months(connection, batch.events)
        async with connection.transaction():
            work = BatchWork(batch, self.now())
            await self._sort_out(connection, work)
            folded = await self._fold(connection, work)
            try:
                await write(connection, folded, work.recorded_at)
                checks = _late_checks(folded, work.recorded_at)
                await add_checks(connection, checks, work.recorded_at)
                moved, alerts = await self._move(connection, work, folded)
            except CheckViolation:
                self._entry_months = {month_of(entry.time) for entry in folded.entries}
                raise
            await self._refuse(connection, work, folded)
        outcome = work.outcome(folded)
        outcome.outbox_id, outcome.epoch, outcome.alerts = moved.outbox_id, moved.epoch, alerts
        self._committed = True
        self._alerting.committed()
        self._remember(folded)
        self._batches_without_repeat = 0 if outcome.repeated else self._batches_without_repeat + 1
        self._batches_without_rival += 1
        outcome.committed_at = self.now()
        return outcome

    async def _move(
        self, connection: Connection, work: BatchWork, folded: BatchChanges
    ) -> tuple[MoveResult, int]:
        """Move totals and offsets; returns what has moved and how many alerts follow."""
        batch, now = work.batch, work.recorded_at
        alerting = self._alerting
        review = await alerting.lock(connection, folded)
        moved = await move(
            connection,
            folded,
            self._stream,
            batch,
            self._worker_id,
            review.spans(),
            alerting.basis,
            self._epoch,
        )
        if batch.resent:
            await count_resent(connection, batch.resent)
        alerts = await alerting.review_batch(connection, folded, review, moved.spent, now)
        return moved, alerts

    async def _ensure_months(self, connection: Connection, events: Sequence[Incoming]) -> None:
        """Make the partitions that late events need; a new one may not be made inside the batch."""
        days = {event.time.date() for event in events}
        missing = ({(day.year, day.month) for day in days} | self._entry_months) - self._months
        if missing:
            await ensure_months(connection, missing)
            self._months |= missing

    async def _sort_out(self, connection: Connection, work: BatchWork) -> None:
        """Separate what is new from repeats and conflicts, in the batch and in the past."""
        work.drop_repeats_within()
        if work.new and self._batches_without_repeat < BATCHES_BEFORE_TRUST:
            identities = list(work.new)
            for index, fingerprint in await known_identities(connection, identities):
                work.meet_known(identities[index], fingerprint)

    async def _fold(self, connection: Connection, work: BatchWork) -> BatchChanges:
        seen: dict[str, Call] = {}
        while True:
            events = list(work.new.values())
            known = await self._known(connection, events)
            seen |= known.calls
            folded = await self._priced(connection, events, known)
            if not work.replace(folded.refused):
                await drop_unused(connection, seen.values(), folded)
                return folded

    async def _priced(
        self, connection: Connection, events: Sequence[Incoming], known: KnownState
    ) -> BatchChanges:
        """Fold by the prices in memory, and again by newer ones where a price is missing."""
        catalogue = self._prices.catalogue
        folded = fold(events, known, catalogue)
        if folded.lacks_price:
            await self._prices.refresh(connection, at_once=True)
            if self._prices.catalogue is not catalogue:  # another lane may have read them, too
                return fold(events, known, self._prices.catalogue)
        return folded

    async def _known(self, connection: Connection, events: Sequence[Incoming]) -> KnownState:
        """Gather what the fold needs to know, mostly from memory."""
        calls = await self._read(connection, {event.call_id for event in events})
        known = KnownState(calls)
        holding = [name for name, call in calls.items() if call.held_count]
        if holding:
            known.held = await read_held(connection, holding)
        voids = voids_among(events)
        if voids:
            await resolve_voids(connection, voids, known)
        return known

    async def _read(self, connection: Connection, call_ids: set[str]) -> dict[str, Call]:
        """Return the calls of a batch: mostly from memory, locked where there are rivals."""
        if self._batches_without_rival < BATCHES_BEFORE_TRUST:
            return await lock_calls(connection, list(call_ids))
        cached = self._calls
        calls = {name: cached[name] for name in call_ids if name in cached}
        missing = call_ids - calls.keys()
        if missing:
            calls |= await read_calls(connection, list(missing))
        return calls

    async def _refuse(self, connection: Connection, work: BatchWork, folded: BatchChanges) -> None:
        """Keep dead letters, and have them acknowledged before the commit moves their offset."""
        work.refuse(folded.refused)
        if work.letters:
            await record_dead_letters(connection, self._stream, work.letters)
            acknowledgement = self._acknowledge(work.letters, work.batch.size)
            await wait_in_transaction(connection, acknowledgement)

    def _remember(self, folded: BatchChanges) -> None:
        """Keep changed calls as committed; the least recently changed make way."""
        for call_id, (_, call) in folded.changed.items():
            self._calls.pop(call_id, None)
            self._calls[call_id] = call
        for call_id in tuple(islice(self._calls, max(0, len(self._calls) - CACHED_CALLS_MAX))):
            del self._calls[call_id]


def _late_checks(folded: BatchChanges, now: datetime) -> set[CheckKey]:
    """Return the calls and days to check for anomalies after a late change; mostly none."""
    checks = {
        CheckKey(call.user_id or "", "call", call.call_id)
        for call in folded.owned
        if is_late_change(call, now)
    }
    days = folded.movements.cost_days_before(day_of(now))
    return checks | {CheckKey(user_id, "day", day) for user_id, day in days}
