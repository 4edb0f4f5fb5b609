"""An event without a price counts at the estimate in the catalogue, if any, until it has a price."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ledger.operations.verification import rebuild
from ledger.prices.catalogue import ESTIMATE
from ledger.prices.rows import PriceRow
from tests.support.archives import archive
from tests.support.events import started, voided
from tests.support.recording import assert_verified, fetch
from tests.support.repricing import SHARES, a_price, add, cost_nano
from tests.support.unpriced import NOW, price_unpriced, record, talk, unpriced_ids

DAY = timedelta(days=1)
A_MONTH_AGO = NOW - timedelta(days=40)

EVENTS = """SELECT type, cost_nano, price_id, estimated, usages::text AS usages, data
            FROM call_cost_events WHERE type <> 'call.settled' ORDER BY recorded_at, type"""


def estimate(usd: str, *, unit: str = "minutes", since: datetime | None = None) -> PriceRow:
    return a_price("vendor", usd, since or NOW - DAY, model=ESTIMATE, unit=unit)


async def test_estimate_counts_until_there_is_a_price(database_url: str) -> None:
    await add(database_url, estimate("0.5"))
    sent = talk(usage=2, metadata={"sid": "CA1"})
    assert await record(database_url, sent, talk(usage=2, id="old", time=NOW - 2 * DAY)) == 1
    assert await cost_nano(database_url, "user-1") - SHARES == 1_000_000_000
    assert len(await unpriced_ids(database_url)) == 2
    await assert_verified(database_url)
    await rebuild(database_url)
    await assert_verified(database_url)
    assert await price_unpriced(database_url) == (0, 0, 0)
    await add(database_url, estimate("9", since=NOW - DAY / 2))
    assert await price_unpriced(database_url) == (0, 0, 0)
    await add(database_url, a_price("vendor", "0.25", NOW - DAY))
    assert await price_unpriced(database_url) == (1, 0, 0)
    rows = await fetch(database_url, EVENTS)
    [counted, new, void] = [row for row in rows if row["price_id"] != 0]
    assert counted["price_id"] < 0 < new["price_id"]
    assert (counted["cost_nano"], new["cost_nano"]) == (1_000_000_000, 500_000_000)
    assert (counted["estimated"], new["estimated"]) == (False, False)
    assert "the price was not known" in void["data"]
    assert await cost_nano(database_url, "user-1") - SHARES == 500_000_000
    assert len(await unpriced_ids(database_url)) == 1
    await assert_verified(database_url)


async def test_estimated_request_is_priced_as_a_whole(database_url: str) -> None:
    """Known quantities have their price, the others their estimate."""
    await add(
        database_url,
        a_price("vendor", "0.1", NOW - DAY, unit="input_tokens"),
        estimate("0.5", unit="output_tokens"),
    )
    usages = [{"unit": "input_tokens", "quantity": 3}, {"unit": "output_tokens", "quantity": 2}]
    request = talk(usage=None, unit=None, usages=usages)
    assert await record(database_url, request) == 0
    [row] = await fetch(database_url, EVENTS)
    assert row["cost_nano"] == 1_300_000_000
    assert row["price_id"] < 0
    assert f'"price_id": {row["price_id"]}' in row["usages"]
    await assert_verified(database_url)
    await rebuild(database_url)
    await assert_verified(database_url)
    await add(database_url, a_price("vendor", "0.2", NOW - DAY, unit="output_tokens"))
    assert await price_unpriced(database_url) == (1, 0, 0)
    assert await cost_nano(database_url, "user-1") - SHARES == 700_000_000
    assert await unpriced_ids(database_url) == []
    await assert_verified(database_url)


async def test_voided_estimate_costs_nothing(database_url: str) -> None:
    await add(database_url, estimate("0.5"))
    sent = talk(usage=2)
    await record(database_url, sent)
    await record(database_url, voided(sent, "call-1", "user-1", time=NOW))
    assert await cost_nano(database_url, "user-1") == SHARES
    assert await unpriced_ids(database_url) == []
    await assert_verified(database_url)


async def test_held_event_is_estimated_once_its_call_is_known(database_url: str) -> None:
    await add(database_url, estimate("0.5"))
    assert await record(database_url, talk(usage=2, user=None)) == 0
    await record(database_url, started("call-1", "user-1", time=NOW))
    assert await cost_nano(database_url, "user-1") - SHARES == 1_000_000_000
    assert len(await unpriced_ids(database_url)) == 1
    await assert_verified(database_url)


async def test_archived_estimate_is_priced_in_its_month(database_url: str, tmp_path: Path) -> None:
    await add(database_url, estimate("0.5", since=A_MONTH_AGO - DAY))
    await record(database_url, talk(usage=2, time=A_MONTH_AGO, metadata={"sid": "CA1"}))
    await archive(database_url, tmp_path, 0)
    await fetch(database_url, "UPDATE month_seals SET costs_expired_at = now()")
    await rebuild(database_url)
    await assert_verified(database_url)
    assert len(await unpriced_ids(database_url)) == 1
    await add(database_url, a_price("vendor", Decimal("0.25"), A_MONTH_AGO - DAY))
    assert await price_unpriced(database_url) == (1, 0, 0)
    assert await cost_nano(database_url, "user-1") - SHARES == 500_000_000
    await assert_verified(database_url)
