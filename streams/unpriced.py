"""Prices unpriced events, within seconds after the catalogue has got their price."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from ledger.postgres.database import Connection
from ledger.prices.price_book import PriceBook
from ledger.repricing.unpriced_pricer import PricedEvents, UnpricedPricer
from schemas.alerts import SpendBasis
from streams.kept_connection import KeptConnection
from streams.periodic import RetryLog, run_periodically

INTERVAL_MS: Final = 5_000

_log: Final = logging.getLogger(__name__)


class PeriodicPricing:
    """Prices unpriced events every few seconds; one worker does it at a time."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        prices: PriceBook,
        basis: SpendBasis,
    ) -> None:
        """`basis` is the spend basis of budgets."""
        self._connection = KeptConnection(connect)
        self._prices = prices
        self._pricer = UnpricedPricer(basis)

    async def run(self, stop: asyncio.Event) -> None:
        """Price events periodically until `stop`."""
        retry = RetryLog("pricing of unpriced events failed and is retried", "pricing_retry")
        run_once = partial(self.run_once, stop)
        await run_periodically(run_once, self._connection, stop, INTERVAL_MS, retry)

    async def run_once(self, stop: asyncio.Event) -> PricedEvents:
        """Price the unpriced events that have a price now."""
        connection = await self._connection.open()
        await self._prices.refresh(connection)
        result = await self._pricer.run_once(connection, self._prices.catalogue, stop.is_set)
        if result.priced:
            _log.info(
                "priced %d unpriced events, %d are still without a price",
                result.priced,
                result.left,
                extra={"action": "unpriced_events_priced", **result._asdict()},
            )
        return result
