"""Lanes share one catalogue in memory: whoever reads it anew, all count by it at once."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.postgres.database import Connection
from ledger.prices.price_book import PriceBook
from tests.support.events import cost, started
from tests.support.recording import Desk, Log, codes, fetch
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
A_NEW_PRICE = """
    INSERT INTO service_prices
        (service, class, operation, unit, price_usd, effective_from, source, set_by)
    VALUES ('vendor', 'api', 'voice', 'minutes', 0.5, $1, 'list', 'tests')
"""


async def test_a_price_that_another_lane_has_just_read_counts(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first lane misses a price and looks for it, but the second one was sooner."""
    prices, log = PriceBook(), Log()
    really = PriceBook.refresh

    async def beaten(book: PriceBook, connection: Connection, *, at_once: bool = False) -> None:
        await really(book, connection, at_once=at_once)  # the other lane's
        await really(book, connection, at_once=at_once)

    async with Desk(database_url, prices) as desk:
        await desk.record(log.batch([started(time=NOW)]))
        await fetch(database_url, A_NEW_PRICE, NOW - timedelta(days=1))
        monkeypatch.setattr(PriceBook, "refresh", beaten)
        outcome = await desk.record(
            log.batch([cost(service="vendor", operation="voice", time=NOW, usage=3)])
        )
    assert outcome.recorded == 1
    assert await codes(database_url) == []
    [call] = (await read_totals(database_url)).calls.values()
    assert {service: nano for (_, service), nano in call.costs.items()}["vendor"] == 1_500_000_000
