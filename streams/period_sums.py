"""Sums calls by period for reports of all users; one worker does it at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from ledger.postgres.clock import Clock
from ledger.postgres.database import Connection
from ledger.reports.summing import lock_summing, sum_periods
from streams.kept_connection import KeptConnection
from streams.periodic import RetryLog, run_periodically

INTERVAL_MS: Final = 10_000
WORK_SECONDS: Final = 5
"""The length of a run before the next wait, so that summing an old ledger leaves time for the
stream."""

_log: Final = logging.getLogger(__name__)


class PeriodicSums:
    """Sums the calls of changed and new periods while its worker runs."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], now: Clock) -> None:
        """`now` is the database's time."""
        self._connection = KeptConnection(connect)
        self._now = now

    async def run(self, stop: asyncio.Event) -> None:
        """Sum periods until `stop`."""
        retry = RetryLog("periods are not summed yet, trying again", "period_sums_retry")
        run_once = partial(self.run_once, stop)
        await run_periodically(run_once, self._connection, stop, INTERVAL_MS, retry)

    async def run_once(self, stop: asyncio.Event) -> int:
        """Sum what is due, unless another worker does; returns the number of summed periods."""
        connection = await self._connection.open()
        if not await lock_summing(connection):
            return 0
        number = await sum_periods(connection, self._now(), stop.is_set, seconds_max=WORK_SECONDS)
        if number:
            _log.info(
                "summed the calls of %d periods", number,
                extra={"action": "periods_summed", "periods": number},
            )  # fmt: skip
        return number
