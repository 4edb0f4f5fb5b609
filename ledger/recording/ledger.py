"""The core of recording: applies events to the ledger within the caller's transaction.

Events become rows, exact totals and alerts. They may come from a stream, from a correction of
prices or from a replay. Each identity counts once.

Two shortcuts make batches fast. Identities are not looked up first: the unique index finds a
repeat, and then the batch is applied again with the look-up. Calls are cached and not locked: each
update checks that the cached version is the newest, and if it is not, the batch is applied again
with locks. The next BATCHES_BEFORE_TRUST batches then do without that shortcut.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from ledger.budgets.alerting import Alerting
from ledger.calls.abandonment import PendingClosing, abandon_calls
from ledger.calls.batch_changes import BatchChanges, KnownState
from ledger.calls.call import Call
from ledger.calls.rating import Incoming
from ledger.credits.booking import book_credits
from ledger.people.erased_users import (
    ErasedUsers,
    ErasuresChangedError,
    is_of_erased_user,
    read_erased_users,
)
from ledger.postgres.database import CheckViolation, Connection, Deadlock
from ledger.postgres.partitions import Month, lacks_partition, month_of
from ledger.prices.catalogue import Catalogue
from ledger.recording.batch_rows import (
    RepeatedIdentityError,
    StaleCallError,
    drop_unused,
    known_identities,
    lock_calls,
    read_calls,
    write,
)
from ledger.recording.erased_letters import scrub_letters
from ledger.recording.folding import fold_events, read_known
from ledger.recording.late_changes import late_checks
from ledger.recording.moving import MoveResult, move
from ledger.recording.new_events import NewEvents
from ledger.recording.offsets import NO_POSITION, DeadLetter, StreamPosition
from ledger.recording.pending_checks import add_checks
from ledger.recording.span_costs import store_spans
from ledger.recording.stored_legs import read_legs
from ledger.recording.unpriced_events import store_unpriced
from schemas.refusals import Refused

CACHED_CALLS_MAX: Final = 50_000
BATCHES_BEFORE_TRUST: Final = 20
"""Batches without a repeat, or without a concurrent writer, before a shortcut is taken again."""

CONFLICT_ERRORS: Final = (
    RepeatedIdentityError,
    StaleCallError,
    ErasuresChangedError,
    Deadlock,
)
"""Conflicts with other writers: the same events can be applied in a new transaction."""


class MissingPartitionError(Exception):
    """A month has no partition; create those of `months` and apply the events again."""

    def __init__(self, months: set[Month]) -> None:
        super().__init__(f"partitions are missing, of {sorted(months)} at most")
        self.months = months


class ApplyResult(NamedTuple):
    """The changes that events made, and the events that did not count.

    `repeated` is the number of events recorded before. `outbox_id` is the row in the totals outbox,
    None if no call changed. `alerts` is the number of alerts and commands to publish. `epoch` is
    that of the ledger.
    """

    changes: BatchChanges
    repeated: int
    refused: list[tuple[Incoming, Refused]]
    outbox_id: int | None
    epoch: int
    alerts: int


class Ledger:
    """Applies events, with a cache of calls as last committed: one instance for each writer."""

    def __init__(
        self, alerting: Alerting, *, worker_id: str = "", epoch: int | None = None
    ) -> None:
        """`worker_id` is the worker that publishes the totals; without one, any worker does.

        `epoch` is the expected epoch of the ledger; None accepts any.
        """
        self._alerting = alerting
        self._worker_id = worker_id
        self._epoch = epoch
        self._calls: dict[str, Call] = {}
        self._erased: ErasedUsers | None = None
        self._result: ApplyResult | None = None
        self._batches_without_repeat = 0
        self._batches_without_conflict = BATCHES_BEFORE_TRUST

    def expect_repeats(self) -> None:
        """Look up the identities of the next batches, because they may repeat events."""
        self._batches_without_repeat = 0

    @asynccontextmanager
    async def transaction(self, connection: Connection) -> AsyncIterator[None]:
        """Open a transaction for one `apply`; its commit updates the cache of calls."""
        try:
            async with connection.transaction():
                yield
        except BaseException as error:  # after any error, cached calls may be wrong
            self._result = None
            self._calls.clear()
            self._erased = None
            if isinstance(error, RepeatedIdentityError):
                self._batches_without_repeat = 0
            if isinstance(error, CONFLICT_ERRORS):
                self._batches_without_conflict = 0
            if is_of_erased_user(error):  # erased since the erased users were read
                raise ErasuresChangedError from error
            raise
        result, self._result = self._result, None
        if result is not None:
            self._remember(result)

    async def apply(
        self,
        connection: Connection,
        events: Sequence[Incoming],
        now: datetime,
        catalogue: Catalogue,
        *,
        position: StreamPosition = NO_POSITION,
        is_large: bool,
    ) -> ApplyResult:
        """Apply events, priced by a catalogue, and store the position of their stream.

        The rows of a large batch are copied, those of a small one inserted with its totals. Raises
        one of CONFLICT_ERRORS, MissingPartitionError, LedgerClosedError during a restore,
        EpochChangedError, or a PostgreSQL error; then roll the transaction back.
        """
        new = NewEvents(events)
        await self._drop_recorded(connection, new)
        changes = await self._fold(connection, new, catalogue)
        new.refuse(changes.refused)
        return await self._store(connection, changes, new, now, position, is_large=is_large)

    async def abandon(
        self,
        connection: Connection,
        closings: Mapping[str, PendingClosing],
        now: datetime,
        catalogue: Catalogue,
    ) -> ApplyResult:
        """Close active calls without an end, except those that changed after they were read.

        Their number must be that of a small batch. Raises what `apply` raises.
        """
        calls = await lock_calls(connection, list(closings))
        due = {
            name: closings[name].last_at
            for name, call in calls.items()
            if (call.status, call.version) == ("active", closings[name].version)
        }
        known = KnownState(calls)
        with_legs = [name for name in due if calls[name].roundings is not None]
        if with_legs:
            await read_legs(connection, with_legs, known)
        changes = abandon_calls(due, known, catalogue)
        return await self._store(
            connection, changes, NewEvents(()), now, NO_POSITION, is_large=False
        )

    async def _store(
        self,
        connection: Connection,
        changes: BatchChanges,
        new: NewEvents,
        now: datetime,
        position: StreamPosition,
        *,
        is_large: bool,
    ) -> ApplyResult:
        """Write changes, and raise the alerts that they cause."""
        try:
            await write(connection, changes, now, is_large=is_large)
            await store_unpriced(connection, changes)
            await store_spans(connection, changes)
            await add_checks(connection, late_checks(changes, now), now)
            moved, alerts = await self._move(connection, changes, now, position, is_large=is_large)
        except CheckViolation as error:
            if not lacks_partition(error):
                raise
            raise MissingPartitionError({month_of(row.time) for row in changes.entries}) from error
        self._result = ApplyResult(
            changes, new.repeated, new.refused, moved.outbox_id, moved.epoch, alerts
        )
        return self._result

    async def _drop_recorded(self, connection: Connection, new: NewEvents) -> None:
        """Drop events that were recorded before, if repeats are expected."""
        if new.by_identity and self._batches_without_repeat < BATCHES_BEFORE_TRUST:
            identities = list(new.by_identity)
            for index, fingerprint in await known_identities(connection, identities):
                new.drop_recorded(identities[index], fingerprint)

    async def _fold(
        self, connection: Connection, new: NewEvents, catalogue: Catalogue
    ) -> BatchChanges:
        """Fold the new events, again if that shows that other state or other events are needed."""
        seen: dict[str, Call] = {}
        with_legs: set[str] = set()
        while True:
            events = list(new.by_identity.values())
            erased = await self._erased_users(connection)
            calls = await self._read(connection, {event.call_id for event in events} - {""})
            known = await read_known(connection, calls, events, with_legs)
            seen |= calls
            changes = fold_events(new.by_identity, known, catalogue, erased)
            if changes.calls_with_unread_legs:
                with_legs |= changes.calls_with_unread_legs
                continue
            if not new.replace(changes.refused):
                await drop_unused(connection, seen.values(), changes)
                return changes

    async def _erased_users(self, connection: Connection) -> ErasedUsers:
        """Return the erased users; `move` checks that there are no newer ones."""
        if self._erased is None:
            self._erased = await read_erased_users(connection)
        return self._erased

    async def _read(self, connection: Connection, call_ids: set[str]) -> dict[str, Call]:
        """Return the calls of a batch: from the cache, or locked if there are other writers."""
        if self._batches_without_conflict < BATCHES_BEFORE_TRUST:
            return await lock_calls(connection, list(call_ids))
        cached = self._calls
        calls = {name: cached[name] for name in call_ids if name in cached}
        missing = call_ids - calls.keys()
        if missing:
            calls |= await read_calls(connection, list(missing))
        return calls

    async def _move(
        self,
        connection: Connection,
        changes: BatchChanges,
        now: datetime,
        position: StreamPosition,
        *,
        is_large: bool,
    ) -> tuple[MoveResult, int]:
        """Move totals and offsets, and raise alerts; returns the number of alerts too."""
        alerting = self._alerting
        review = await alerting.lock(connection, changes, now, is_large=is_large)
        moved = await move(
            connection,
            changes,
            position,
            review.windows(),
            alerting.basis,
            worker_id=self._worker_id,
            expected_epoch=self._epoch,
            is_large=is_large,
        )
        (await self._erased_users(connection)).require(moved.erasures)
        alerts = await alerting.review_batch(connection, changes, review, moved.spent, now)
        alerts += await book_credits(connection, changes, review.with_credit, now)
        return moved, alerts

    async def scrub_letters(
        self, connection: Connection, letters: Sequence[DeadLetter]
    ) -> list[DeadLetter]:
        """Return refused records without the identity of erased users. Call it after `apply`."""
        return scrub_letters(letters, await self._erased_users(connection))

    def _remember(self, result: ApplyResult) -> None:
        """Cache the changed calls as committed; drops the least recently changed ones."""
        self._alerting.committed()
        self._batches_without_repeat = 0 if result.repeated else self._batches_without_repeat + 1
        self._batches_without_conflict += 1
        for call_id, (_, call) in result.changes.changed.items():
            self._calls.pop(call_id, None)
            self._calls[call_id] = call
        for call_id in tuple(islice(self._calls, max(0, len(self._calls) - CACHED_CALLS_MAX))):
            del self._calls[call_id]
