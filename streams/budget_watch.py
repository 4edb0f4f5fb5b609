"""Ends temporary raises of limits, every second, beside the stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ledger.budgets.alerting import Alerting
from ledger.budgets.raise_ends import end_raises
from ledger.postgres.clock import Clock
from ledger.postgres.database import Connection
from schemas.alerts import SpendBasis
from streams.kept_connection import KeptConnection
from streams.periodic import RetryLog, run_periodically

INTERVAL_SECONDS: Final = 1

_log: Final = logging.getLogger(__name__)


class BudgetWatch:
    """Raises the alerts of budgets that no event causes."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        basis: SpendBasis,
        now: Clock,
        raised: Callable[[], None],
    ) -> None:
        """`raised` is called when there are messages to publish."""
        self._connection = KeptConnection(connect)
        self._basis = basis
        self._now = now
        self._raised = raised

    async def run(self, stop: asyncio.Event) -> None:
        """Watch budgets until `stop`."""
        retry = RetryLog("ended raises are not reviewed yet, trying again", "budget_watch_retry")
        await run_periodically(self.run_once, self._connection, stop, INTERVAL_SECONDS, retry)

    async def run_once(self) -> int:
        """End the raises that are over; returns the number of messages to publish."""
        connection = await self._connection.open()
        messages = await end_raises(connection, Alerting(self._basis), self._now())
        if messages:
            _log.info(
                "ended raises of limits, with %d messages",
                messages,
                extra={"action": "budget_raises_ended", "messages": messages},
            )
            self._raised()
        return messages
