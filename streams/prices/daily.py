"""The daily price refresh.

Each process calls it when it starts, and daily by Faust's crontab. The table of refreshes ensures
that only one of them refreshes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger.postgres.database import TRANSIENT_ERRORS
from streams.prices.refresh import FRESH_FOR, refresh_prices
from streams.prices.sources import AnySource

SCHEDULE: Final = "17 4 * * *"
"""Cron: at 04:17 UTC, when few calls are active."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DailyPrices:
    """Refreshes prices from these sources."""

    database_url: str
    sources: Sequence[AnySource]

    async def __call__(self) -> None:
        """Refresh sources not read within FRESH_FOR; failures are retried the next day."""
        try:
            await refresh_prices(self.database_url, self.sources, skip_if_read_within=FRESH_FOR)
        except TRANSIENT_ERRORS as error:
            _log.warning(
                "price refresh failed: %s",
                str(error) or type(error).__name__,
                extra={"action": "price_refresh_failed"},
            )
