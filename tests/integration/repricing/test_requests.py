"""The quantities of one request are priced again together."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.operations.verification import rebuild
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from tests.support.archives import archive
from tests.support.events import Plain, cost
from tests.support.recording import assert_verified, fetch
from tests.support.repricing import SHARES, a_price, add, cost_nano
from tests.support.unpriced import NOW, price_unpriced, record, unpriced_ids

DAY = timedelta(days=1)
A_MONTH_AGO = NOW - timedelta(days=40)
ALL = RepricingScope(NOW - 60 * DAY, NOW + DAY)


def request(time: datetime, **quantities: object) -> Plain:
    usages = [{"unit": unit, "quantity": number} for unit, number in quantities.items()]
    fields: dict[str, Any] = {"service": "vendor", "operation": "talk", "usage": None, "unit": None}
    return cost(**fields, usages=usages, time=time)


async def vendor_nano(database_url: str) -> int:
    return await cost_nano(database_url, "alice") - SHARES


async def test_late_price_of_one_unit_corrects_the_whole_request_once(database_url: str) -> None:
    await add(
        database_url,
        a_price("vendor", "1", NOW - 9 * DAY),
        a_price("vendor", "0.1", NOW - 9 * DAY, unit="beeps"),
    )
    await record(database_url, request(NOW, minutes=2, beeps=5, seconds=30))
    assert await vendor_nano(database_url) == 3_000_000_000
    await add(
        database_url,
        a_price("vendor", "2", NOW - 8 * DAY),
        a_price("vendor", "0.2", NOW - 8 * DAY, unit="beeps"),
        a_price("vendor", "7", NOW - 8 * DAY, unit="other"),
    )
    repricer = Repricer(database_url)
    preview = await repricer.preview(ALL)
    assert (preview.total.costs, preview.total.difference_nano) == (1, 3_000_000_000)
    applied = await repricer.apply(ALL)
    assert (applied.costs, applied.complete) == (1, True)
    assert await vendor_nano(database_url) == 6_000_000_000
    [old, void, new] = await fetch(
        database_url,
        "SELECT identity, usages, data, cost_nano FROM call_cost_events"
        " WHERE type <> 'call.settled' ORDER BY recorded_at, type = 'cost.recorded'",
    )
    assert json.loads(void["data"])["reason"] == "3 of 3 prices were not in force"
    assert json.loads(new["data"])["rerated"]["priceIds"] == [
        usage["price_id"] for usage in json.loads(old["usages"])
    ]
    costs = [(usage["unit"], usage["cost_nano"]) for usage in json.loads(new["usages"])]
    assert costs == [("beeps", 1_000_000_000), ("minutes", 4 * 10**9), ("seconds", 10**9)]
    assert (await repricer.apply(ALL)).costs == 0
    await assert_verified(database_url)


async def test_request_without_prices_is_priced_once_all_its_units_have_one(
    database_url: str, tmp_path: Path
) -> None:
    await add(database_url, a_price("vendor", "1", A_MONTH_AGO - 9 * DAY))
    await record(database_url, request(A_MONTH_AGO, minutes=2, beeps=5, chirps=1))
    assert await vendor_nano(database_url) == 0
    await archive(database_url, tmp_path, 0)
    await rebuild(database_url)
    await assert_verified(database_url)
    assert len(await unpriced_ids(database_url)) == 1
    await add(database_url, a_price("vendor", "0.1", A_MONTH_AGO - DAY, unit="beeps"))
    assert await price_unpriced(database_url) == (0, 1, 0)
    assert await vendor_nano(database_url) == 0
    await add(database_url, a_price("vendor", "0.25", A_MONTH_AGO - DAY, unit="chirps"))
    assert await price_unpriced(database_url) == (1, 0, 0)
    assert await vendor_nano(database_url) == 2_750_000_000
    assert await unpriced_ids(database_url) == []
    await archive(database_url, tmp_path, 0)
    await rebuild(database_url)
    await assert_verified(database_url)
    assert await vendor_nano(database_url) == 2_750_000_000
