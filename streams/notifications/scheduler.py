"""Writes digests and other scheduled messages; several processes share the work."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Final

from ledger.notifications.deliveries import DeliveryStore
from ledger.scheduled_notices.schedule import add_schedule_rows, run_step
from messaging.retries import Backoff, wait_until_set
from schemas.alerts import SpendBasis
from streams.retries import RETRYABLE_ERRORS

INTERVAL_SECONDS: Final = 5
ADD_ROWS_SECONDS: Final = 30

_log: Final = logging.getLogger(__name__)


class NoticeScheduler:
    """Runs the steps of the schedule."""

    def __init__(
        self, store: DeliveryStore, basis: SpendBasis, interval_seconds: int = INTERVAL_SECONDS
    ) -> None:
        """`basis` is the spend basis of budgets."""
        self._store = store
        self._basis: SpendBasis = basis
        self._interval_seconds = interval_seconds
        self._add_rows_at_ns = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Write what is due until `stop`."""
        backoff = Backoff()
        while not stop.is_set():
            try:
                while await self.run_once(datetime.now(UTC)) and not stop.is_set():
                    pass
                backoff.reset()
            except RETRYABLE_ERRORS as error:
                _log.warning(
                    "scheduled messages are written later: %s",
                    str(error) or type(error).__name__,
                    extra={"action": "schedule_retry"},
                )
                await backoff.wait(stop)
            await wait_until_set(stop, self._interval_seconds)

    async def run_once(self, now: datetime) -> bool:
        """Write the next due messages; returns whether more may be due."""
        if time.monotonic_ns() >= self._add_rows_at_ns:
            async with self._store.connection() as connection, connection.transaction():
                await add_schedule_rows(connection)
            self._add_rows_at_ns = time.monotonic_ns() + ADD_ROWS_SECONDS * 1_000_000_000
        async with self._store.connection() as connection, connection.transaction():
            step = await run_step(connection, self._basis, now)
        if step.written:
            _log.info(
                "%d scheduled messages were written",
                step.written,
                extra={"action": "notices_scheduled", **step._asdict()},
            )
        return step.more
