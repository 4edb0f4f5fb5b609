"""Publishes the running totals of calls after their commit, newest state first.

What a batch changed is remembered twice: here in memory, to be published at once, and in the outbox
that its transaction wrote, which is deleted once the brokers have acknowledged. If this process
dies in between, another worker finds the row and publishes the calls as they are by then.

A call that changes faster than it is published is published in its newest state only. Rounds are
small and paced, so that publishing leaves the processor to the recording; while a backlog is worked
off they are further apart, because those states are history already. Half of a round are the calls
that changed last, so that new changes are published now, and half those that have waited longest.

A total that is too large for its topic is left out, and says so in the log; the call is told from
the database then. If it were retried without end, no other would be published any more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple

from ledger.calls.call import Call
from ledger.calls.totals import call_total_json
from ledger.postgres.clock import Clock, system_time
from ledger.postgres.database import TRANSIENT_ERRORS, Connection
from ledger.postgres.waiting import wait_in_transaction
from ledger.recording.batch import BatchOutcome
from ledger.recording.epochs import published_version
from ledger.recording.outbox import claim_orphans, settle
from messaging.kafka import MAX_RECORD_BYTES, KafkaError, MessageSizeTooLargeError
from messaging.producer import RecoveringProducer
from messaging.retries import Backoff
from schemas.topics import CALL_TOTALS
from streams.publishing.pending_totals import PendingTotals

ROUND_CALLS_MAX: Final = 2_000
REST_SECONDS: Final = 0.02
"""Fewer, larger requests leave brokers and worker free for alerts; totals, too, arrive sooner."""
ROUND_CALLS_MAX_BEHIND: Final = 400
REST_SECONDS_BEHIND: Final = 0.2
DIRTY_CALLS_MAX: Final = 100_000
"""With so many calls in memory they are published at any rate."""
SETTLE_NS: Final = 1_000_000_000
ORPHAN_AGE_SECONDS: Final = 10
ORPHANS_PER_ROUND: Final = 50
RELAY_SECONDS: Final = 5
FLUSH_SECONDS: Final = 5

WAITING: Final = (KafkaError, *TRANSIENT_ERRORS)
"""Failures that waiting may mend."""

_log = logging.getLogger(__name__)


class VersionedCall(NamedTuple):
    """A call to publish, its published version and the time of its last change."""

    call: Call
    version: int
    at: datetime

    def record(self) -> tuple[bytes, bytes]:
        """Return the key and the value of the record."""
        return self.call.call_id.encode(), call_total_json(self.call, self.at, self.version)


class TotalsPublisher:
    """Takes what lanes have committed and keeps the totals topic up to date."""

    def __init__(
        self,
        producing: RecoveringProducer,
        connect: Callable[[], Awaitable[Connection]],
        behind: Callable[[], bool],
        worker_id: str = "",
        now: Clock = system_time,
    ) -> None:
        """Take the producer, how to reach the outbox, and who knows whether there is a backlog.

        `worker_id` is under what name this worker leaves rows in the outbox.
        """
        self._worker_id = worker_id
        self._now = now
        self._behind = behind
        self._producing = producing
        self._connect = connect
        self._connection: Connection | None = None
        self._waiting = PendingTotals()
        self._wake = asyncio.Event()
        self._backoff = Backoff()
        self._settled_at = 0
        self._bytes_max = MAX_RECORD_BYTES

    def submit(self, outcome: BatchOutcome) -> None:
        """Take over the calls of a committed batch."""
        if outcome.outbox_id is None:
            return
        at = outcome.committed_at or self._now()
        self._waiting.add(outcome.outbox_id, outcome.changed, at, outcome.epoch)
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`, then flush what is left within a limit."""
        relay = asyncio.create_task(self._relay(stop))
        try:
            while not stop.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), 1)
                self._wake.clear()
                await self._catch_up(stop)
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    while self._waiting:
                        await self._round(stop, ROUND_CALLS_MAX)
        finally:
            relay.cancel()
            await asyncio.gather(relay, return_exceptions=True)
            if self._connection is not None:
                await self._connection.close()

    async def _catch_up(self, stop: asyncio.Event) -> None:
        """Publish round by round until nothing waits, resting after each."""
        while self._waiting and not stop.is_set():
            behind = self._behind() and len(self._waiting) < DIRTY_CALLS_MAX
            await self._round(stop, ROUND_CALLS_MAX_BEHIND if behind else ROUND_CALLS_MAX)
            if len(self._waiting) < DIRTY_CALLS_MAX:
                rest = REST_SECONDS_BEHIND if behind else REST_SECONDS
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), rest)

    async def _round(self, stop: asyncio.Event, most: int) -> None:
        """Publish up to `most` calls of what waits; on failure they wait on."""
        some = self._waiting.take(most)
        try:
            await self.publish(
                [VersionedCall(entry.call, entry.version, entry.at) for entry in some]
            )
            await self._settle()
        except WAITING as error:
            self._waiting.put_back(some)
            _log.warning(
                "totals are late, trying again: %s", error, extra={"action": "totals_retry"}
            )
            await self._backoff.wait(stop)
            return
        self._backoff.reset()

    async def _settle(self) -> None:
        """Delete the outbox rows that are done with: about once a second, and when all are."""
        now = time.monotonic_ns()
        if len(self._waiting) and now - self._settled_at < SETTLE_NS:
            return
        settled = self._waiting.settled()
        if settled:
            await settle(await self._open(), settled)
            self._waiting.forget(settled)
        self._settled_at = now

    async def publish(self, states: Sequence[VersionedCall]) -> None:
        """Send totals and wait for their acknowledgement, but for those too large for the topic.

        Brokers do not say which one it was: half by half it is found. Each try costs a producer, so
        what is as large is not tried again.
        """
        try:
            await self._producing.send_gathered(CALL_TOTALS.name, self._records(states))
        except MessageSizeTooLargeError:
            middle = len(states) // 2
            if not middle:
                key, value = states[0].record()
                self._bytes_max = len(key) + len(value) - 1
            for half in (states[:middle], states[middle:]):
                await self.publish(half)

    def _records(self, states: Sequence[VersionedCall]) -> Iterator[tuple[bytes, bytes]]:
        """Yield what is to be sent, and log what is too large for that."""
        for total in states:
            key, value = total.record()
            if len(key) + len(value) <= self._bytes_max:
                yield key, value
                continue
            _log.error(
                "the total of call %s is not published: its topic does not take %d bytes",
                total.call.call_id,
                len(value),
                extra={"action": "total_too_large"},
            )

    async def _open(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    async def _relay(self, stop: asyncio.Event) -> None:
        """Publish what a dead publisher left in the outbox, and unknown rows."""
        while not stop.is_set():
            try:
                while await self._relay_once():
                    pass
            except WAITING as error:
                _log.warning("relay: %s", error, extra={"action": "totals_relay_retry"})
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RELAY_SECONDS)

    async def _relay_once(self) -> bool:
        """Publish one lot of orphans; returns whether there were any."""
        connection = await self._connect()
        try:
            async with connection.transaction():
                orphans = await claim_orphans(
                    connection,
                    self._worker_id,
                    self._waiting.rows(),
                    age_seconds=ORPHAN_AGE_SECONDS,
                    most=ORPHANS_PER_ROUND,
                )
                totals = totals_of(orphans.calls, orphans.epoch, self._now())
                await wait_in_transaction(connection, self.publish(totals))
                await settle(connection, orphans.ids)
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


def totals_of(calls: Iterable[Call], epoch: int, at: datetime) -> list[VersionedCall]:
    """Return the totals of calls as they were read in an epoch."""
    return [VersionedCall(call, published_version(epoch, call.version), at) for call in calls]
