"""Lanes share one price catalogue in memory: a reload by one lane applies to all."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.postgres.database import Connection
from ledger.prices.price_book import PriceBook
from tests.support.events import cost, started
from tests.support.recording import BatchWriter, TopicLog, codes, fetch
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
A_NEW_PRICE = """
    INSERT INTO service_prices
        (service, class, operation, unit, price_usd, effective_from, source, set_by)
    VALUES ('vendor', 'api', 'voice', 'minutes', 0.5, $1, 'list', 'tests')
"""


async def test_price_read_by_another_lane_applies(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first lane misses a price and reloads, but the second one was faster."""
    prices, log = PriceBook(), TopicLog()
    really = PriceBook.refresh

    async def beaten(book: PriceBook, connection: Connection, *, at_once: bool = False) -> None:
        await really(book, connection, at_once=at_once)  # by the other lane
        await really(book, connection, at_once=at_once)

    async with BatchWriter(database_url, prices) as writer:
        await writer.record(log.batch([started(time=NOW)]))
        await fetch(database_url, A_NEW_PRICE, NOW - timedelta(days=1))
        monkeypatch.setattr(PriceBook, "refresh", beaten)
        outcome = await writer.record(
            log.batch([cost(service="vendor", operation="voice", time=NOW, usage=3)])
        )
    assert outcome.recorded == 1
    assert await codes(database_url) == []
    [call] = (await read_totals(database_url)).calls.values()
    assert {service: nano for (_, service), nano in call.costs.items()}["vendor"] == 1_500_000_000
