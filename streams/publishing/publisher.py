"""Publishes the running totals of calls after their commit, newest state first.

A batch's changes are remembered twice: in memory, to be published soon, and in the outbox written
by its transaction, whose row is deleted once the brokers have acknowledged. If this process dies
before, another worker finds the row and publishes the calls in their state at that time.

If a call changes faster than it is published, only its newest state is published. Rounds are small
and have pauses, so that publishing leaves processor time for recording; during a backlog the pauses
are longer, because those states are old already. Half of a round are the calls that changed last,
so that new changes are published now, and half those that have waited longest.

A total that is too large for its topic is skipped and logged; the live feed then reads the call
from the database. Retrying it without end would block all other totals.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from ledger.postgres.clock import Clock, system_time
from ledger.postgres.database import Connection
from ledger.postgres.waiting import wait_in_transaction
from ledger.recording.batch import BatchOutcome
from ledger.recording.outbox import claim_orphans, delete_published
from messaging.kafka import MAX_RECORD_BYTES, MessageSizeTooLargeError
from messaging.producer import RecoveringProducer
from messaging.retries import Backoff, wait_until_set
from schemas.topics import CALL_TOTALS
from streams.kept_connection import KeptConnection
from streams.publishing.delays import OnPublished, ignore_delay, oldest_delay_ms
from streams.publishing.pending_totals import PendingTotals
from streams.publishing.versioned_call import VersionedCall, totals_of
from streams.retries import RETRYABLE_ERRORS
from streams.tracing.publishing import TotalsTracing

ROUND_CALLS_MAX: Final = 2_000
PAUSE_SECONDS: Final = 0.02
"""Fewer, larger requests leave brokers and worker free for alerts; totals arrive sooner, too."""
FEW_CALLS_MAX: Final = 50
PAUSE_SECONDS_AFTER_FEW: Final = 0.005
"""With few pending calls, requests are small anyway, and a short pause only reduces latency."""
ROUND_CALLS_MAX_BEHIND: Final = 400
PAUSE_SECONDS_BEHIND: Final = 0.2
DIRTY_CALLS_MAX: Final = 100_000
"""With this many pending calls the publisher no longer pauses."""
DELETE_NS: Final = 1_000_000_000
ORPHAN_AGE_SECONDS: Final = 10
ORPHANS_PER_ROUND: Final = 50
RELAY_SECONDS: Final = 5
FLUSH_SECONDS: Final = 5

_log = logging.getLogger(__name__)


class TotalsPublisher:
    """Publishes the totals of calls that lanes have committed."""

    def __init__(
        self,
        producer: RecoveringProducer,
        connect: Callable[[], Awaitable[Connection]],
        is_behind: Callable[[], bool],
        worker_id: str = "",
        now: Clock = system_time,
        on_published: OnPublished = ignore_delay,
        tracing: TotalsTracing | None = None,
    ) -> None:
        """`is_behind` returns whether the worker has a backlog.

        `worker_id` is the name of this worker's rows in the outbox.
        """
        self._on_published = on_published
        self._tracing = tracing
        self._worker_id = worker_id
        self._now = now
        self._is_behind = is_behind
        self._producer = producer
        self._connect = connect
        self._connection = KeptConnection(connect)
        self._pending = PendingTotals()
        self._wake = asyncio.Event()
        self._backoff = Backoff()
        self._deleted_at = 0
        self._bytes_max = MAX_RECORD_BYTES

    @property
    def pending(self) -> int:
        """The number of calls whose newest total is not published yet."""
        return len(self._pending)

    def submit(self, outcome: BatchOutcome) -> None:
        """Add the calls of a committed batch."""
        if outcome.outbox_id is None:
            return
        if self._tracing is not None and outcome.traces:
            self._tracing.note(outcome)
        at = outcome.committed_at or self._now()
        self._pending.add(outcome.outbox_id, outcome.changed, at, outcome.epoch)
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`, then flush the rest within a time limit."""
        relay = asyncio.create_task(self._relay(stop))
        try:
            while not stop.is_set():
                await wait_until_set(self._wake, 1)
                self._wake.clear()
                await self._catch_up(stop)
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    while self._pending:
                        await self._round(stop, ROUND_CALLS_MAX)
        finally:
            relay.cancel()
            await asyncio.gather(relay, return_exceptions=True)
            await self._connection.close()

    async def _catch_up(self, stop: asyncio.Event) -> None:
        """Publish round by round until nothing is pending, with pauses."""
        while self._pending and not stop.is_set():
            calls = len(self._pending)
            behind = self._is_behind() and calls < DIRTY_CALLS_MAX
            await self._round(stop, ROUND_CALLS_MAX_BEHIND if behind else ROUND_CALLS_MAX)
            if len(self._pending) < DIRTY_CALLS_MAX:
                pause = PAUSE_SECONDS if calls > FEW_CALLS_MAX else PAUSE_SECONDS_AFTER_FEW
                await wait_until_set(stop, PAUSE_SECONDS_BEHIND if behind else pause)

    async def _round(self, stop: asyncio.Event, limit: int) -> None:
        """Publish up to `limit` pending calls; after a failure they stay pending."""
        entries = self._pending.take(limit)
        try:
            states: Sequence[VersionedCall] = [
                VersionedCall(entry.call, entry.version, entry.at) for entry in entries
            ]
            if self._tracing is not None:
                states = await self._tracing.publish(states)
            await self.publish(states)
            if entries:
                delay_ms = oldest_delay_ms((entry.at for entry in entries), self._now())
                self._on_published("totals", delay_ms)
            await self._delete_rows()
        except RETRYABLE_ERRORS as error:
            self._pending.put_back(entries)
            _log.warning("totals are late, retrying: %s", error, extra={"action": "totals_retry"})
            await self._backoff.wait(stop)
            return
        self._backoff.reset()

    async def _delete_rows(self) -> None:
        """Delete the outbox rows of published calls, about once a second."""
        now = time.monotonic_ns()
        if len(self._pending) and now - self._deleted_at < DELETE_NS:
            return
        published_rows = self._pending.published_rows()
        if published_rows:
            await delete_published(await self._connection.open(), published_rows)
            self._pending.forget(published_rows)
        self._deleted_at = now

    async def publish(self, states: Sequence[VersionedCall]) -> None:
        """Send totals and wait for their acknowledgement, except those too large for the topic.

        Brokers do not report which one is too large, so it is found by bisection. Each attempt
        costs a producer, so later totals of that size are not tried.
        """
        try:
            await self._producer.send_gathered(CALL_TOTALS.name, self._records(states))
        except MessageSizeTooLargeError:
            middle = len(states) // 2
            if not middle:
                key, value = states[0].record()
                self._bytes_max = len(key) + len(value) - 1
            for half in (states[:middle], states[middle:]):
                await self.publish(half)

    def _records(self, states: Sequence[VersionedCall]) -> Iterator[tuple[bytes, bytes]]:
        """Yield the records to send, and log those that are too large."""
        for total in states:
            key, value = total.record()
            if len(key) + len(value) <= self._bytes_max:
                yield key, value
                continue
            _log.error(
                "the total of call %s is not published: %d bytes are too many for its topic",
                total.call.call_id,
                len(value),
                extra={"action": "total_too_large"},
            )

    async def _relay(self, stop: asyncio.Event) -> None:
        """Publish the outbox rows of workers that ended before they did, until `stop`."""
        while not stop.is_set():
            try:
                while await self._relay_once():
                    pass
            except RETRYABLE_ERRORS as error:
                _log.warning("relay: %s", error, extra={"action": "totals_relay_retry"})
            await wait_until_set(stop, RELAY_SECONDS)

    async def _relay_once(self) -> bool:
        """Publish some orphaned rows; returns whether there were any."""
        connection = await self._connect()
        try:
            async with connection.transaction():
                orphans = await claim_orphans(
                    connection,
                    self._worker_id,
                    self._pending.rows(),
                    age_seconds=ORPHAN_AGE_SECONDS,
                    limit=ORPHANS_PER_ROUND,
                )
                totals = totals_of(orphans.calls, orphans.epoch, self._now())
                await wait_in_transaction(connection, self.publish(totals))
                await delete_published(connection, orphans.ids)
        finally:
            await connection.close()
        if orphans.ids:
            _log.info(
                "relayed %d batches, %d calls",
                len(orphans.ids),
                len(orphans.calls),
                extra={"action": "totals_relayed"},
            )
        return bool(orphans.ids)
