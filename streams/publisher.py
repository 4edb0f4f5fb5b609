"""Publishes the running totals of calls after their commit, newest state first.

What a batch changed is remembered twice: here in memory, to be published at once, and in the outbox
that its transaction wrote, which is deleted once the brokers have acknowledged. If this process
dies in between, another worker finds the row and publishes the calls as they are by then.

A call that changes faster than it is published is published in its newest state only. A few calls
go out at once; after many there is a pause, so that publishing keeps to a rate that leaves the
processor to the recording. While a backlog is worked off that rate is lower still, because those
states are history already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from ledger.batches import Outcome
from ledger.calls import Call
from ledger.store.database import TRANSIENT_ERRORS, Connection
from ledger.store.outbox import claim_orphans, settle
from ledger.totals import call_total
from schemas.jsonio import encode
from schemas.topics import CALL_TOTALS
from streams.kafka import KafkaError
from streams.producing import Producing
from streams.retries import Backoff

DIRTY_CALLS_MAX: Final = 100_000
"""With so many calls in memory they are published at any rate."""
TOTALS_PER_SECOND: Final = 4_000
TOTALS_PER_SECOND_BEHIND: Final = 1_000
PAUSE_SECONDS_MAX: Final = 8
ORPHAN_AGE_SECONDS: Final = 10
ORPHANS_PER_ROUND: Final = 50
RELAY_SECONDS: Final = 5
FLUSH_SECONDS: Final = 10

WAITING: Final = (KafkaError, *TRANSIENT_ERRORS)
"""Failures that waiting may mend."""

_log = logging.getLogger(__name__)


class TotalsPublisher:
    """Takes what lanes have committed and keeps the totals topic up to date."""

    def __init__(
        self,
        producing: Producing,
        connect: Callable[[], Awaitable[Connection]],
        behind: Callable[[], bool],
    ) -> None:
        """Take the producer, how to reach the outbox, and who knows whether there is a backlog."""
        self._behind = behind
        self._published = 0
        self._producing = producing
        self._connect = connect
        self._connection: Connection | None = None
        self._dirty: dict[str, tuple[Call, datetime]] = {}
        self._done: list[int] = []
        self._wake = asyncio.Event()
        self._backoff = Backoff()

    def submit(self, outcome: Outcome) -> None:
        """Take over the calls of a committed batch."""
        if outcome.outbox_id is None:
            return
        at = outcome.committed_at or datetime.now(UTC)
        for call in outcome.changed:
            known = self._dirty.get(call.call_id)
            if known is None or known[0].version < call.version:
                self._dirty[call.call_id] = (call, at)
        self._done.append(outcome.outbox_id)
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`, then flush what is left within a limit."""
        relay = asyncio.create_task(self._relay(stop))
        try:
            while not stop.is_set():
                await self._wait(stop)
                await self._round(stop)
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    while self._done:
                        await self._round(stop)
        finally:
            relay.cancel()
            await asyncio.gather(relay, return_exceptions=True)
            if self._connection is not None:
                await self._connection.close()

    async def _wait(self, stop: asyncio.Event) -> None:
        """Rest as long as the last round deserves, then wait for work."""
        rate = TOTALS_PER_SECOND_BEHIND if self._behind() else TOTALS_PER_SECOND
        pause_seconds = min(PAUSE_SECONDS_MAX, self._published / rate)
        if len(self._dirty) < DIRTY_CALLS_MAX:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), 1)
        self._wake.clear()

    async def _round(self, stop: asyncio.Event) -> None:
        """Publish all that is dirty; on failure it stays dirty, unless newer by then."""
        dirty, self._dirty = self._dirty, {}
        done, self._done = self._done, []
        if not done:
            return
        try:
            self._published = await self._publish(dirty.values())
            await settle(await self._open(), done)
            self._backoff.reset()
        except WAITING as error:
            self._dirty = dirty | self._dirty
            self._done = done + self._done
            _log.warning(
                "totals are late, trying again: %s", error, extra={"action": "totals_retry"}
            )
            await self._backoff.wait(stop)
            self._wake.set()

    async def _publish(self, states: Iterable[tuple[Call, datetime]]) -> int:
        """Send totals, wait for their acknowledgement, and return their number."""
        records = ((call.call_id.encode(), encode(call_total(call, at))) for call, at in states)
        return await self._producing.send_all(CALL_TOTALS.name, records)

    async def _open(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    async def _relay(self, stop: asyncio.Event) -> None:
        """Publish what a dead publisher left in the outbox."""
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
                    connection, age_seconds=ORPHAN_AGE_SECONDS, most=ORPHANS_PER_ROUND
                )
                now = datetime.now(UTC)
                await self._publish((call, now) for call in orphans.calls)
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
