"""A user's spending over a period, beyond the documented example."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ledger.recording.epochs import raise_epoch
from tests.support.api import ApiClient, served_from, token
from tests.support.ledger_rows import CENT, LedgerRowWriter, LiveCallRow, rows

TODAY = datetime(2025, 11, 19, tzinfo=UTC)
PATH = "/api/costs/user/alice/spending"


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    async with rows(database_url) as ledger:
        yield ledger


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=TODAY.date()) as api:
        yield api


async def write(
    ledger: LedgerRowWriter, days_ago: int, persona: str | None = "brad_001", **changes: object
) -> None:
    number = await ledger.connection.fetchval("SELECT count(*) FROM calls")
    at = TODAY - timedelta(days=days_ago)
    await ledger.call(
        LiveCallRow(call_id=f"{number}", user_id="alice", persona_id=persona, at=at, **changes)  # type: ignore[arg-type]
    )


async def calls_in(api: ApiClient, query: str) -> int:
    return int((await api.get(f"{PATH}?{query}", "alice")).data["totalCalls"])


async def test_period_includes_both_end_days(api: ApiClient, ledger: LedgerRowWriter) -> None:
    for days_ago in (-1, 0, 7, 8, 30, 31, 90, 91):
        await write(ledger, days_ago)
    assert [await calls_in(api, f"period={name}") for name in ("7d", "30d", "90d")] == [2, 4, 6]
    assert await calls_in(api, "") == 4
    custom = "period=custom&startDate={}&endDate={}".format
    assert await calls_in(api, custom("2025-11-11", "2025-11-12")) == 2
    assert await calls_in(api, custom("2025-11-12T23:59:59Z", "2025-11-19T00:00:00Z")) == 2
    assert await calls_in(api, custom("2025-11-20", "2025-11-20")) == 1
    assert await calls_in(api, custom("0001-01-01", "0001-01-01")) == 0


async def test_user_without_calls_has_no_spending(api: ApiClient) -> None:
    content = (await api.get(PATH, "alice")).data
    assert content["totalCalls"] == content["totalCost"] == content["averageCostPerCall"] == 0
    assert content["averageDuration_seconds"] == 0
    assert content["averageMarginPercent"] == "0.00%"
    assert content["topPersonas"] == []
    assert set(content["costByService"].values()) == {0}


async def test_personas_have_a_stable_order(api: ApiClient, ledger: LedgerRowWriter) -> None:
    for number in range(12):
        await write(ledger, 1, f"p{number:02}", costs={"twilio": CENT})
    await write(ledger, 1, "dearest", costs={"twilio": 9 * CENT})
    await write(ledger, 1, "often", costs={"twilio": CENT})
    await write(ledger, 2, "often", costs={})
    await write(ledger, 1, None, costs={"twilio": 2 * CENT})
    await write(ledger, 1, "unknown", costs={"deepgram": 3 * CENT})
    content = (await api.get(PATH, "alice")).data
    top = [(persona["personaId"], persona["calls"]) for persona in content["topPersonas"]]
    assert top[:3] == [("dearest", 1), ("unknown", 2), ("often", 2)]
    assert top[3:] == [(f"p{number:02}", 1) for number in range(7)]
    assert content["topPersonas"][1]["totalCost"] == Decimal("0.05")
    assert content["totalCalls"] == 17


async def test_classes_and_services_add_up_to_the_total(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    await write(ledger, 1, costs={"twilio": 1, "vultr": 2, "stripe": 4, "unheard-of": 8, "zero": 0})
    await write(ledger, 2, costs={"twilio": 1, "unheard-of": -16}, charged=5, refunded=7)
    content = (await api.get(PATH, "alice")).data
    nano = Decimal("1E-9")
    assert content["costByService"]["unheard-of"] == -8 * nano
    assert "zero" not in content["costByService"]
    assert len(content["costByService"]) == 9
    classes = ("totalApiCost", "totalInfrastructureCost", "totalTransactionCost")
    assert [content[name] for name in classes] == [-6 * nano, 2 * nano, 4 * nano]
    assert content["totalCost"] == sum(content["costByService"].values()) == 0
    assert content["totalRefunded"] == 7 * nano


async def test_etag_of_before_a_restore_is_not_valid_afterwards(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    """The restored catalogue numbers its entries again, and the rows of a user may be the same."""
    await write(ledger, 1, costs={"paydirect": 8 * CENT})
    await ledger.connection.execute("INSERT INTO payment_processors VALUES ('paydirect')")
    before = await api.get(PATH, "alice")
    await ledger.connection.execute("DELETE FROM payment_processors WHERE processor = 'paydirect'")
    await raise_epoch(ledger.connection, "restore")
    await ledger.connection.execute("INSERT INTO payment_processors VALUES ('other')")
    after = await api.ask(
        "GET", PATH, bearer=token("alice"), headers={"If-None-Match": before.headers["ETag"]}
    )
    assert after.status == 200
    assert after.data["totalTransactionCost"] != before.data["totalTransactionCost"]


async def test_averages_are_rounded_without_padding(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    for milliseconds in (1_000, 1_000, 1_500):
        await write(ledger, 1, costs={"twilio": 10_000_000}, duration_ms=milliseconds)
    response = await api.get(PATH, "alice")
    assert response.data["averageDuration_seconds"] == Decimal("1.167")
    assert b'"averageCostPerCall":0.01,' in response.body
    assert b'"totalDuration_seconds":3.5,' in response.body


async def test_each_day_of_the_period_is_listed(api: ApiClient, ledger: LedgerRowWriter) -> None:
    await write(ledger, 7, costs={"twilio": CENT, "zero": 0}, charged=3 * CENT, refunded=CENT)
    await write(ledger, 7, "another", costs={"twilio": CENT, "stripe": CENT}, charged=0)
    await write(ledger, 8)
    daily = (await api.get(f"{PATH}?period=7d", "alice")).data["daily"]
    assert [day["date"] for day in daily] == [f"2025-11-{number}" for number in range(12, 20)]
    assert daily[0] == {
        "date": "2025-11-12",
        "calls": 2,
        "totalCost": Decimal("0.03"),
        "chargedToUser": Decimal("0.03"),
        "grossProfit": Decimal("-0.01"),
        "costByService": {"twilio": Decimal("0.02"), "stripe": Decimal("0.01")},
        "costByPersona": {"brad_001": Decimal("0.01"), "another": Decimal("0.02")},
    }
    assert [day["calls"] for day in daily[1:]] == [0] * 7
    assert daily[1]["costByService"] == {}


async def test_days_have_the_costs_of_the_top_personas_only(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    for number in range(11):
        await write(ledger, 1, f"p{number:02}", costs={"twilio": (20 - number) * CENT})
    content = (await api.get(f"{PATH}?period=7d", "alice")).data
    day = next(day for day in content["daily"] if day["calls"])
    assert "p10" not in day["costByPersona"]
    assert sum(day["costByPersona"].values()) == day["totalCost"] - Decimal("0.10")
    assert {
        persona["personaId"]: persona["totalCost"] for persona in content["topPersonas"]
    } == day["costByPersona"]


async def test_longest_period_lists_each_day(api: ApiClient) -> None:
    whole = await api.get(f"{PATH}?period=custom&startDate=2024-10-16&endDate=2025-11-19", "alice")
    assert len(whole.data["daily"]) == 400
    assert len(whole.body) < 64 * 1024
    longer = "period=custom&startDate=2024-10-15&endDate=2025-11-19"
    assert (await api.get(f"{PATH}?{longer}", "alice")).code == "invalid_parameter"


async def test_invalid_parameter_is_named(api: ApiClient) -> None:
    response = await api.get(f"{PATH}?period=forever", "alice")
    assert (response.status, response.code) == (400, "invalid_parameter")
    assert "`period`" in response.json["error"]


async def test_sums_may_exceed_a_bigint(api: ApiClient, ledger: LedgerRowWriter) -> None:
    most = 2**63 - 1
    for days_ago in (1, 2, 3):
        await write(ledger, days_ago, costs={"twilio": most}, charged=most)
    content = (await api.get(PATH, "alice")).data
    assert content["totalCost"] == content["totalCharged"] == Decimal(3 * most).scaleb(-9)
