"""Reviews prepaid balances after grants have ended, beside the stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ledger.credits.ended_grants import review_ended_grants
from ledger.postgres.clock import Clock
from ledger.postgres.database import Connection
from streams.kept_connection import KeptConnection
from streams.periodic import RetryLog, run_periodically

INTERVAL_SECONDS: Final = 10

_log: Final = logging.getLogger(__name__)


class CreditReview:
    """Raises the alerts of balances that fell because grants ended, while its worker runs."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        now: Clock,
        raised: Callable[[], None],
    ) -> None:
        """`raised` is called when there are messages to publish."""
        self._connection = KeptConnection(connect)
        self._now = now
        self._raised = raised

    async def run(self, stop: asyncio.Event) -> None:
        """Review balances periodically until `stop`."""
        retry = RetryLog("balances are not reviewed yet, trying again", "credit_review_retry")
        await run_periodically(self.run_once, self._connection, stop, INTERVAL_SECONDS, retry)

    async def run_once(self) -> int:
        """Review the balances of users of whom a grant has ended; returns the number of alerts."""
        alerts = await review_ended_grants(await self._connection.open(), self._now())
        if alerts:
            self._raised()
            _log.info(
                "raised %d alerts after grants ended", alerts,
                extra={"action": "credit_reviewed", "alerts": alerts},
            )  # fmt: skip
        return alerts
