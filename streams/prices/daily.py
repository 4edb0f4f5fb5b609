"""What is done once a day: the look at the sources of prices.

Faust's crontab calls it in every process; the table of looks lets one of them do it, and one that
was down at the hour makes up for it when it starts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger.postgres.database import TRANSIENT_ERRORS
from streams.prices.reading import AnySource
from streams.prices.refresh import TIMER_PAUSE, refresh_prices

HOUR: Final = "17 4 * * *"
"""At 04:17 UTC, when few calls go on."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DailyPrices:
    """Looks at these sources when it is called."""

    database_url: str
    sources: Sequence[AnySource]

    async def __call__(self) -> None:
        """Look at sources that were not read for most of a day; a failure waits for tomorrow."""
        try:
            await refresh_prices(self.database_url, self.sources, unless_within=TIMER_PAUSE)
        except TRANSIENT_ERRORS as error:
            _log.warning(
                "prices are not refreshed: %s",
                str(error) or type(error).__name__,
                extra={"action": "price_refresh_failed"},
            )
