"""Records the batches of a stream: events, dead letters and offsets in one transaction.

A batch is recorded whole or not at all. After a crash before the commit, the batch is read and
recorded again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from ledger.budgets.alerting import Alerting
from ledger.calls.missing_prices import missing_price
from ledger.calls.rating import Incoming
from ledger.charge_plans.plans import OutdatedPlansError
from ledger.postgres.clock import Clock, system_time
from ledger.postgres.database import TRANSIENT_ERRORS, Connection
from ledger.postgres.partitions import Month, ensure_months
from ledger.postgres.waiting import wait_in_transaction
from ledger.prices.catalogue import Catalogue
from ledger.prices.price_book import PriceBook
from ledger.recording.batch import Batch, BatchOutcome, dead_letter
from ledger.recording.batch_rows import StaleCallError
from ledger.recording.ledger import CONFLICT_ERRORS, ApplyResult, Ledger, MissingPartitionError
from ledger.recording.offsets import (
    DeadLetter,
    Stream,
    StreamPosition,
    count_resent,
    record_dead_letters,
)

ATTEMPTS_MAX: Final = 10

Acknowledge = Callable[[Sequence[DeadLetter], int, Sequence[str]], Awaitable[None]]
"""Publishes dead letters; may raise to roll the batch back.

The arguments are the dead letters, the size of the batch, and a sentence for each event without a
price.
"""


class _NewPricesError(Exception):
    """There are newer prices; they may include one that the batch lacks."""


class Recorder:
    """Records batches one after another, on one connection."""

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
        """The connection is opened for the first batch, and again after it is lost.

        `worker_id` and `epoch` are those of `Ledger`; `now` is the clock that events are checked
        against.
        """
        self.now = now
        self._ledger = Ledger(alerting or Alerting(), worker_id=worker_id, epoch=epoch)
        self._connect = connect
        self._stream = stream
        self._prices = prices
        self._acknowledge = acknowledge
        self._connection: Connection | None = None
        self._existing_months: set[Month] = set()
        self._missing_months: set[Month] = set()
        """Months of settlements and released events, which may be older than a batch's events."""

    async def record(self, batch: Batch) -> BatchOutcome:
        """Record a batch and return its outcome.

        Raises EpochChangedError if the ledger was restored or rebuilt, and the errors of PostgreSQL
        and of the acknowledgement. After an error nothing is recorded, except that a commit whose
        response was lost may have succeeded: a retry then drops the events as repeats.
        """
        for _ in range(ATTEMPTS_MAX):
            try:
                return await self._record(batch)
            except (*CONFLICT_ERRORS, _NewPricesError):
                pass
            except OutdatedPlansError:
                await self._prices.refresh(await self._open(), at_once=True)
            except MissingPartitionError as error:
                # A month was archived; a late event needs a new partition.
                self._existing_months.clear()
                self._missing_months = error.months
            except TRANSIENT_ERRORS:
                self.expect_repeats()  # a commit whose response is lost may have succeeded
                self._drop_connection()
                raise
        raise StaleCallError(f"a batch could not be recorded in {ATTEMPTS_MAX} attempts")

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue by which costs are priced while they are decoded."""
        return self._prices.catalogue

    def expect_repeats(self) -> None:
        """Look up the identities of the next batches, because they may repeat records."""
        self._ledger.expect_repeats()

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    def _drop_connection(self) -> None:
        """Drop a failed connection: it may hang in the middle of a message."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _open(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    async def _record(self, batch: Batch) -> BatchOutcome:
        connection = await self._open()
        await self._prices.refresh(connection)
        await self._ensure_months(connection, batch.events)
        began_ns = time.monotonic_ns()
        async with self._ledger.transaction(connection):
            result = await self._ledger.apply(
                connection,
                batch.events,
                self.now(),
                self._prices.catalogue,
                position=StreamPosition(self._stream, batch.next_offsets, batch.marks),
                is_large=batch.is_large,
            )
            if result.changes.has_unpriced:
                await self._require_newest_prices(connection)
            if batch.resent:
                await count_resent(connection, batch.resent)
            letters = await self._store_dead_letters(connection, batch, result)
            written_ns = time.monotonic_ns()
        outcome = _outcome(result, letters, self.now())
        outcome.decode_ns = batch.decode_ns
        outcome.record_ns = written_ns - began_ns
        outcome.commit_ns = time.monotonic_ns() - written_ns
        return outcome

    async def _ensure_months(self, connection: Connection, events: Sequence[Incoming]) -> None:
        """Create the partitions of late events, before the transaction of the batch."""
        days = {event.time.date() for event in events}
        needed = {(day.year, day.month) for day in days} | self._missing_months
        missing = needed - self._existing_months
        if missing:
            await ensure_months(connection, missing)
            self._existing_months |= missing

    async def _require_newest_prices(self, connection: Connection) -> None:
        """Read prices again; raises _NewPricesError if there are newer ones."""
        catalogue = self._prices.catalogue
        await self._prices.refresh(connection, at_once=True)
        if self._prices.catalogue is not catalogue:
            raise _NewPricesError

    async def _store_dead_letters(
        self, connection: Connection, batch: Batch, result: ApplyResult
    ) -> list[DeadLetter]:
        """Store dead letters, and publish them before the commit.

        `acknowledge` raises if too many events of the batch are refused or have no price.
        """
        letters = list(batch.letters)
        if result.refused:
            pairs = zip(batch.events, batch.records, strict=True)
            records = {id(event): record for event, record in pairs}  # identities may repeat
            letters += [dead_letter(records[id(event)], why) for event, why in result.refused]
        unpriced = [missing_price(row) for row in result.changes.missing_prices]
        if letters:
            letters = await self._ledger.scrub_letters(connection, letters)
            await record_dead_letters(connection, self._stream, letters)
        if letters or unpriced:
            await wait_in_transaction(connection, self._acknowledge(letters, batch.size, unpriced))
        return letters


def _outcome(
    result: ApplyResult, letters: Sequence[DeadLetter], committed_at: datetime
) -> BatchOutcome:
    held = len(result.changes.held)
    return BatchOutcome(
        recorded=len(result.changes.recorded) - held,
        repeated=result.repeated,
        held=held,
        unpriced=len(result.changes.missing_prices),
        refused=Counter(letter.code for letter in letters),
        changed=result.changes.owned,
        outbox_id=result.outbox_id,
        alerts=result.alerts,
        epoch=result.epoch,
        committed_at=committed_at,
    )
