"""Removes old data periodically, in one worker at a time, and writes tombstones of ended calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ledger.operations.ended_totals import current_pass, next_ended_calls, store_tombstones
from ledger.operations.retention import RetentionDays, lock_retention, remove_old
from ledger.postgres.clock import Clock, system_time
from ledger.postgres.database import Connection
from messaging.producer import OutgoingRecord, RecoveringProducer
from messaging.retries import wait_until_set
from schemas.topics import CALL_TOTALS
from streams.retries import RETRYABLE_ERRORS

CHUNKS_MAX: Final = 500
"""The maximum number of chunks of calls per run; the next run continues the pass."""
_CHECKS_PER_INTERVAL: Final = 4

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetentionOptions:
    """How often old data are removed, and how many days they are kept."""

    interval_seconds: int
    days: RetentionDays


class Retention:
    """Removes old data while its worker runs."""

    def __init__(
        self,
        options: RetentionOptions,
        connect: Callable[[], Awaitable[Connection]],
        producer: RecoveringProducer,
        epoch: int,
        now: Clock = system_time,
    ) -> None:
        """`epoch` is the ledger's."""
        self._now = now
        self._options = options
        self._connect = connect
        self._producer = producer
        self._epoch = epoch

    async def run(self, stop: asyncio.Event) -> None:
        """Remove old data periodically until `stop`."""
        while not stop.is_set():
            try:
                await self.run_once(stop)
            except RETRYABLE_ERRORS as error:
                _log.warning("retention is late: %s", error, extra={"action": "retention_retry"})
            pause = max(1, self._options.interval_seconds // _CHECKS_PER_INTERVAL)
            await wait_until_set(stop, pause)

    async def run_once(self, stop: asyncio.Event) -> None:
        """Remove old data, unless another worker does or just did."""
        connection = await self._connect()
        try:
            if not await lock_retention(connection, self._options.interval_seconds):
                return
            now = self._now()
            removed = await remove_old(connection, self._options.days, now, stop.is_set)
            removed["totals"] = await self._write_tombstones(connection, now, stop)
            removed_rows = {subject: count for subject, count in removed.items() if count}
            _log.info("removed %s", removed_rows or "nothing", extra={"action": "retention_ended"})
        finally:
            connection.terminate()  # waits for no server, and releases the lock

    async def _write_tombstones(
        self, connection: Connection, now: datetime, stop: asyncio.Event
    ) -> int:
        """Write tombstones for totals of calls that ended long ago; returns their number."""
        until = now - timedelta(days=self._options.days.totals)
        tombstone_pass = await current_pass(connection, self._epoch, until)
        total = 0
        for _ in range(CHUNKS_MAX):
            if tombstone_pass.is_over or stop.is_set():
                break
            ended = await next_ended_calls(connection, tombstone_pass)
            if ended.call_ids:
                await self._producer.send_records(
                    OutgoingRecord(CALL_TOTALS.name, call_id.encode(), None)
                    for call_id in ended.call_ids
                )
            await store_tombstones(connection, ended)
            total += len(ended.call_ids)
            tombstone_pass = ended.following
        return total
