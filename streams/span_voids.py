"""Voids costs of spans that were reported twice, within seconds after the second report."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ledger.postgres.database import Connection
from ledger.prices.price_book import PriceBook
from ledger.repricing.span_voids import SpanVoider
from schemas.alerts import SpendBasis
from streams.kept_connection import KeptConnection
from streams.periodic import RetryLog, run_periodically

INTERVAL_MS: Final = 2_000

_log: Final = logging.getLogger(__name__)


class PeriodicSpanVoids:
    """Voids the costs of repeated spans every two seconds; one worker at a time does it."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        prices: PriceBook,
        basis: SpendBasis,
    ) -> None:
        """`basis` is the spend basis of budgets."""
        self._connection = KeptConnection(connect)
        self._prices = prices
        self._voider = SpanVoider(basis)

    async def run(self, stop: asyncio.Event) -> None:
        """Void costs periodically until `stop`."""
        retry = RetryLog("the comparison of spans failed and is retried", "span_voids_retry")
        await run_periodically(self.run_once, self._connection, stop, INTERVAL_MS, retry)

    async def run_once(self) -> int:
        """Void the costs that are due; returns their number."""
        connection = await self._connection.open()
        await self._prices.refresh(connection)
        voided = await self._voider.run_once(connection, self._prices.catalogue)
        if voided:
            _log.info(
                "voided %d costs of spans that were reported twice",
                voided,
                extra={"action": "span_costs_voided", "voided": voided},
            )
        return voided
