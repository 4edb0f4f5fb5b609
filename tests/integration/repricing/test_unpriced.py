"""Events without a price are priced once the catalogue has a price for their time."""

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ledger.operations.verification import rebuild
from ledger.postgres.database import connected
from ledger.postgres.statements import statements
from ledger.prices.reading import read_catalogue
from ledger.prices.rows import PriceRow
from ledger.repricing import unpriced_pricer
from ledger.repricing.unpriced_rows import NO_KIND
from tests.support.archives import archive
from tests.support.events import charged, ended, started, voided
from tests.support.query_plans import plan_nodes
from tests.support.recording import assert_verified, fetch
from tests.support.repricing import SHARES, a_price, add, cost_nano
from tests.support.unpriced import NOW, price_unpriced, record, talk, unpriced_ids

DAY = timedelta(days=1)
A_MONTH_AGO = NOW - timedelta(days=40)


async def test_events_are_priced_by_the_price_for_their_time(database_url: str) -> None:
    await record(database_url, talk(1), talk(2, time=NOW - 2 * DAY), talk(3, model="big"))
    assert await price_unpriced(database_url) == (0, 0, 0)
    await add(database_url, a_price("vendor", "0.25", NOW - DAY))
    await add(database_url, a_price("vendor", "9", NOW - DAY, model="other"))
    assert await price_unpriced(database_url) == (2, 0, 0)
    assert [await cost_nano(database_url, f"user-{n}") - SHARES for n in (1, 2, 3)] == [
        250_000_000, 0, 750_000_000,
    ]  # fmt: skip
    assert len(await unpriced_ids(database_url)) == 1
    await assert_verified(database_url)
    assert await price_unpriced(database_url) == (0, 0, 0)
    await add(database_url, a_price("vendor", "1", NOW - 3 * DAY))
    assert await price_unpriced(database_url) == (1, 0, 0)
    assert await cost_nano(database_url, "user-2") - SHARES == 2_000_000_000
    assert await unpriced_ids(database_url) == []
    await assert_verified(database_url)


async def test_corrections_name_the_event_that_they_correct(database_url: str) -> None:
    sent = talk(metadata={"sid": "CA1"}, estimated=True)
    await record(database_url, sent)
    await add(database_url, a_price("vendor", "0.25", NOW - DAY))
    await price_unpriced(database_url)
    query = """SELECT *, data::jsonb ->> 'sid' AS sid FROM call_cost_events
               WHERE type <> 'call.settled' ORDER BY recorded_at, type"""
    old, new, void = await fetch(database_url, query)
    assert (old["price_id"], old["cost_nano"], new["cost_nano"]) == (0, 0, 250_000_000)
    assert new["source"] == void["source"] == "/cost-analytics/rerate"
    assert (new["event_id"], void["voids"]) == (
        f"{old['identity'].hex}/{new['price_id']}",
        old["identity"],
    )
    assert (new["sid"], new["estimated"]) == ("CA1", True)
    assert "the price was not known" in void["data"]
    await record(database_url, voided(sent, "call-1", "user-1", time=NOW))
    assert await cost_nano(database_url, "user-1") == SHARES
    await assert_verified(database_url)


async def test_fee_of_a_charge_is_recorded_once_both_of_its_parts_are_known(
    database_url: str,
) -> None:
    charge = charged(processor="vendorpay", time=NOW, amount="10")
    await record(database_url, started(time=NOW), charge)
    await assert_verified(database_url)
    for done, (unit, usd, per) in enumerate([("usd", "2", 100), ("charges", "0.25", 1)]):
        row = PriceRow(
            "vendorpay", "transaction", "fee", "*", unit, Decimal(usd), per, NOW - DAY, "tests"
        )
        await add(database_url, row)
        assert await price_unpriced(database_url) == (done, 0, 0)
    assert await price_unpriced(database_url) == (0, 0, 0)
    assert await cost_nano(database_url, "alice") == SHARES + 450_000_000
    [found] = await fetch(database_url, "SELECT class FROM cost_class_of('vendorpay')")
    assert found["class"] == "transaction"
    await assert_verified(database_url)
    await rebuild(database_url)
    await assert_verified(database_url)
    assert await unpriced_ids(database_url) == []


async def test_budget_alert_follows_from_the_new_price(database_url: str) -> None:
    await record(database_url, talk())
    await fetch(
        database_url,
        """INSERT INTO user_budget_settings (user_id, daily_limit_nano) VALUES ('user-1', 250000000)
           ON CONFLICT (user_id) DO UPDATE SET daily_limit_nano = excluded.daily_limit_nano""",
    )
    await add(database_url, a_price("vendor", "0.25", NOW - DAY))
    assert (await price_unpriced(database_url)).alerts == 2  # at 80 and at 100 percent
    assert len(await fetch(database_url, "SELECT FROM budget_alerts")) == 2


async def test_several_processes_price_each_event_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpriced_pricer, "CHUNK_EVENTS", 3)
    await record(database_url, *(talk(n % 5 + 1, usage=1) for n in range(40)))
    await add(database_url, a_price("vendor", "0.25", NOW - DAY))
    results = await asyncio.gather(*(price_unpriced(database_url) for _ in range(4)))
    priced = sum(result.priced for result in results)
    priced += (await price_unpriced(database_url)).priced
    assert priced >= 40
    query = "SELECT count(*), sum(cost_nano) FROM counted_costs WHERE service = 'vendor'"
    assert [tuple(row) for row in await fetch(database_url, query)] == [(40, 40 * 250_000_000)]
    await assert_verified(database_url)


async def test_cost_above_the_limit_leaves_the_others_priced(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await record(database_url, *(talk(n) for n in range(1, 6)), talk(7, usage=10**12))
    await add(database_url, a_price("vendor", "0.25", NOW - DAY))
    assert await price_unpriced(database_url) == (5, 1, 0)
    assert "above a billion" in caplog.text
    assert len(await unpriced_ids(database_url)) == 1
    await assert_verified(database_url)


async def test_events_that_cannot_be_priced_are_retried_with_new_prices(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without new prices they are retried once a minute, not every few seconds."""
    await record(database_url, talk(7, usage=10**12))
    await add(database_url, a_price("vendor", "0.25", NOW - DAY))
    pricer = unpriced_pricer.UnpricedPricer("charged")
    async with connected(database_url, name="tests") as connection:
        catalogue = await read_catalogue(connection)
        assert await pricer.run_once(connection, catalogue) == (0, 1, 0)
        assert await pricer.run_once(connection, catalogue) == (0, 0, 0)
        monkeypatch.setattr(unpriced_pricer, "RETRY_SECONDS", 0)
        assert await pricer.run_once(connection, catalogue) == (0, 1, 0)
        monkeypatch.setattr(unpriced_pricer, "RETRY_SECONDS", 60)
        await add(database_url, a_price("vendor", "0.0001", NOW - DAY / 2))
        catalogue = await read_catalogue(connection)
        assert await pricer.run_once(connection, catalogue) == (1, 0, 0)


async def test_many_kinds_take_several_runs(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpriced_pricer, "KINDS_AT_ONCE", 2)
    await record(database_url, *(talk(n, model=f"model-{n}") for n in range(1, 6)))
    await add(database_url, a_price("vendor", "0.25", NOW - DAY))
    pricer = unpriced_pricer.UnpricedPricer("charged")
    async with connected(database_url, name="tests") as connection:
        catalogue = await read_catalogue(connection)
        found = [(await pricer.run_once(connection, catalogue)).priced for _ in range(4)]
    assert found == [2, 2, 1, 0]


async def test_event_voided_by_the_previous_release_leaves_the_list(database_url: str) -> None:
    """That release voids a cost and leaves it in the list."""
    sent = talk()
    await record(database_url, sent)
    [row] = await fetch(database_url, "SELECT * FROM unpriced_events")
    await record(database_url, voided(sent, "call-1", "user-1", time=NOW))
    columns = "identity, user_id, call_id, time, type, service, operation, model, unit, amount_nano"
    values = [row[name.strip()] for name in columns.split(",")]
    places = ", ".join(f"${n + 1}" for n in range(len(values)))
    await fetch(database_url, f"INSERT INTO unpriced_events ({columns}) VALUES ({places})", *values)
    await add(database_url, a_price("vendor", "0.25", NOW - DAY))
    assert await price_unpriced(database_url) == (1, 0, 0)
    assert await cost_nano(database_url, "user-1") == SHARES
    await assert_verified(database_url)


async def test_archived_events_are_priced_in_their_month(database_url: str, tmp_path: Path) -> None:
    """The corrections are late events of the archived month."""
    old = talk(1, time=A_MONTH_AGO, metadata={"sid": "CA1"})
    gone = talk(2, time=A_MONTH_AGO)
    fee = charged("call-1", "user-1", processor="vendorpay", time=A_MONTH_AGO, amount="10")
    start = started("call-1", "user-1", time=A_MONTH_AGO)
    await record(database_url, start, old, gone, fee, ended("call-1", "user-1", time=A_MONTH_AGO))
    await archive(database_url, tmp_path, 0)
    await assert_verified(database_url)
    await fetch(database_url, "UPDATE month_seals SET costs_expired_at = now()")
    await rebuild(database_url)
    await assert_verified(database_url)
    assert len(await unpriced_ids(database_url)) == 3
    await record(database_url, voided(gone, "call-2", "user-2", time=NOW))
    assert len(await unpriced_ids(database_url)) == 2
    await add(
        database_url,
        a_price("vendor", "0.25", A_MONTH_AGO - DAY),
        PriceRow("vendorpay", "transaction", "fee", "*", "usd", Decimal(2), 100, A_MONTH_AGO, "t"),
        PriceRow(
            "vendorpay", "transaction", "fee", "*", "charges", Decimal("0.3"), 1, A_MONTH_AGO, "t"
        ),
    )
    assert await price_unpriced(database_url) == (2, 0, 0)
    assert await cost_nano(database_url, "user-1") == SHARES + 250_000_000 + 500_000_000
    assert await cost_nano(database_url, "user-2") == SHARES
    await assert_verified(database_url)
    await archive(database_url, tmp_path, 0)
    await assert_verified(database_url)
    await rebuild(database_url)
    await assert_verified(database_url)
    assert await unpriced_ids(database_url) == []


async def test_backlog_is_read_along_an_index(database_url: str) -> None:
    """Each kind is one step along the index, and a page reads one event more than it returns."""
    await fetch(
        database_url,
        """INSERT INTO unpriced_events
           SELECT gen_random_uuid(), 'u', 'c', now() - n * interval '1 second', 'cost.recorded',
                  'vendor-' || n % 5, 'talk', '', 'minutes', 0
           FROM generate_series(1, 20000) AS n""",
    )
    await fetch(database_url, "ANALYZE unpriced_events")
    kind = {
        "type": "cost.recorded",
        "service": "vendor-3",
        "operation": "talk",
        "model": "",
        "unit": "minutes",
    }
    place = {"time": NOW - DAY, "identity": "0" * 32, "limit": 500}
    sql = statements("repricing/unpriced")
    for statement, rows_max in (
        (sql.bind("kinds", **NO_KIND._asdict(), limit=1_000), 20),
        (sql.bind("page", **kind, **place), 501),
    ):  # fmt: skip
        text, *bound = statement
        [(plan,)] = await fetch(database_url, f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", *bound)
        scans = [
            node for node in plan_nodes(json.loads(plan)[0]["Plan"])
            if node.get("Relation Name") == "unpriced_events"
        ]  # fmt: skip
        assert scans
        assert {node["Node Type"] for node in scans} <= {"Index Scan", "Index Only Scan"}
        assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans) <= rows_max
