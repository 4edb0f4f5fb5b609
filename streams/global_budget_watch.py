"""Decides global budgets several times a second, beside the stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ledger.budgets.alerting import Alerting
from ledger.budgets.global_review import review_global_budgets
from ledger.postgres.clock import Clock
from ledger.postgres.database import Connection
from messaging.retries import wait_until_set
from schemas.alerts import SpendBasis
from streams.kept_connection import KeptConnection
from streams.periodic import RetryLog, run_periodically

INTERVAL_MS: Final = 400

_log: Final = logging.getLogger(__name__)


class GlobalBudgetWatch:
    """Raises the alerts of global budgets, unless another worker has just done so."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        basis: SpendBasis,
        now: Clock,
        raised: Callable[[], None],
    ) -> None:
        """`raised` is called when there are messages to publish."""
        self._connection = KeptConnection(connect)
        self._alerting = Alerting(basis)
        self._now = now
        self._raised = raised

    async def run(self, stop: asyncio.Event) -> None:
        """Decide global budgets until `stop`."""
        retry = RetryLog("global budgets are not decided yet, trying again", "global_budgets_retry")

        async def wait_and_run() -> None:
            await wait_until_set(stop, INTERVAL_MS / 1000)
            await self.run_once()

        await run_periodically(wait_and_run, self._connection, stop, 0, retry)

    async def run_once(self) -> int | None:
        """Decide global budgets; returns the number of messages, None if nothing was to decide."""
        connection = await self._connection.open()
        messages = await review_global_budgets(connection, self._alerting, self._now())
        if messages:
            _log.info(
                "raised %d alerts of global budgets",
                messages,
                extra={"action": "global_budgets_decided", "messages": messages},
            )
            self._raised()
        return messages
