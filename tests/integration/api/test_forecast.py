"""Forecasts over HTTP: exact in JSON, and valid by their schema."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from api.http.options import ApiOptions
from tests.support.api import ApiClient, served_from, token
from tests.support.ledger_rows import CENT, LiveCallRow, rows

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
PATH = "/api/costs/user/alice/forecast"
CALL = {"twilio": 40 * CENT, "stripe": 50 * CENT}


@pytest.fixture
async def written(database_url: str) -> str:
    """Two calls a day for 40 days, one call today so far, and a call long ago."""
    async with rows(database_url) as ledger:
        for number in range(81):
            await ledger.call(
                LiveCallRow(
                    call_id=f"call-{number}",
                    user_id="alice",
                    persona_id=f"persona-{number % 3}",
                    at=NOW - timedelta(days=(number + 1) // 2),
                    costs=CALL,
                )
            )
        await ledger.call(
            LiveCallRow(call_id="of-bob", user_id="bob", at=NOW - timedelta(days=500))
        )
    return database_url


@pytest.fixture
async def api(written: str) -> AsyncIterator[ApiClient]:
    async with served_from(written, today=NOW.date()) as api:
        yield api


async def test_weekly_forecast_has_all_fields(api: ApiClient) -> None:
    response = await api.get(f"{PATH}?period=weekly", "alice")
    content = response.data
    assert (content["periodStart"], content["periodEnd"]) == (
        "2025-11-19T00:00:00Z",
        "2025-11-25T23:59:59Z",
    )
    assert (content["basedOnDays"], content["historicalCalls"]) == (40, 80)
    assert content["historicalCost"] == 72
    assert content["historicalRevenue"] == Decimal("399.2")
    assert content["todaySoFar"] == {
        "calls": 1,
        "cost": Decimal("0.9"),
        "revenue": Decimal("4.99"),
    }
    # A call today, the remaining half day, and six days.
    assert content["forecastedCalls"] == 14
    assert content["forecastedCost"] == pytest.approx(Decimal("12.6"), abs=Decimal("1e-8"))
    assert content["forecastedRevenue"] == pytest.approx(Decimal("69.86"), abs=Decimal("1e-7"))
    assert content["forecastedProfit"] == content["forecastedRevenue"] - content["forecastedCost"]
    assert (
        content["costInterval"]["low"]
        <= content["forecastedCost"]
        <= content["costInterval"]["high"]
    )
    assert content["interval_percent"] == 80
    assert content["confidence"] > Decimal("0.7")
    assert content["limits"] == {"daily": None, "monthly": None}
    assert content["warnings"] == []


@pytest.mark.parametrize(("period", "calls"), [("daily", 2), ("weekly", 14), ("monthly", 60)])
async def test_each_period_has_its_own_forecast(api: ApiClient, period: str, calls: int) -> None:
    assert (await api.get(f"{PATH}?period={period}", "alice")).data["forecastedCalls"] == calls
    if period == "monthly":
        assert (await api.get(PATH, "alice")).data["period"] == "monthly"


async def test_invalid_period_is_named(api: ApiClient) -> None:
    for query in ("period=yearly", "period=daily&period=weekly"):
        response = await api.get(f"{PATH}?{query}", "alice")
        assert (response.status, response.code) == (400, "invalid_parameter")
        assert "`period`" in response.json["error"]


async def test_forecast_includes_the_monthly_limit(api: ApiClient) -> None:
    """By noon of the 19th 37 calls were charged, and two a day are expected."""
    limits = {"dailyLimit_usd": 9, "monthlyLimit_usd": 200, "timezone": "Europe/Berlin"}
    await api.ask("PUT", "/api/costs/user/alice/budget", bearer=token("alice"), body=limits)
    content = (await api.get(PATH, "alice")).data
    assert (content["budgetBasis"], content["timezone"]) == ("charged", "Europe/Berlin")
    end = content["monthEnd"]
    assert (end["month"], end["spendSoFar"]) == ("2025-11", Decimal("184.63"))
    days = Decimal(11) + Decimal(11) / 24
    assert end["expectedSpend"] == pytest.approx(
        Decimal("184.63") + days * Decimal("9.98"), abs=Decimal("1e-6")
    )
    assert end["spendSoFar"] <= end["low"] <= end["expectedSpend"] <= end["high"]
    assert content["limits"] == {
        "daily": {
            "limit_usd": 9,
            "isReached": False,
            "reachedOn": "2025-11-19",
            "reachedIn_seconds": None,
        },
        "monthly": {
            "limit_usd": 200,
            "isReached": False,
            "reachedOn": "2025-11-21",
            "reachedIn_seconds": None,
        },
    }
    assert [warning.split(" limit")[0] for warning in content["warnings"]] == [
        "Your daily",
        "Your monthly",
    ]


async def test_spend_follows_the_budget_basis(written: str) -> None:
    options = ApiOptions(budget_basis="cost")
    async with served_from(written, today=NOW.date(), options=options) as api:
        content = (await api.get(PATH, "alice")).data
    assert content["budgetBasis"] == "cost"
    assert content["monthEnd"]["spendSoFar"] == Decimal("33.3")


async def test_new_and_inactive_users_get_warnings(api: ApiClient) -> None:
    new = (await api.get("/api/costs/user/carol/forecast", "carol")).data
    assert (new["basedOnDays"], new["forecastedCost"], new["confidence"]) == (0, 0, 0)
    assert len(new["warnings"]) == 1
    gone = (await api.get("/api/costs/user/bob/forecast", "bob")).data
    assert (gone["basedOnDays"], gone["forecastedCost"]) == (90, 0)
    assert gone["warnings"] == ["No calls for 90 days: the forecast declines day by day."]


async def test_admins_see_forecasts_and_other_users_do_not(api: ApiClient) -> None:
    admin = await api.ask("GET", PATH, bearer=token("root", role="admin"))
    assert admin.data == (await api.get(PATH, "alice")).data
    assert (await api.get(PATH, "bob")).status == 403


async def test_unchanged_forecast_answers_304(api: ApiClient) -> None:
    tag = (await api.get(PATH, "alice")).headers["ETag"]
    assert (await api.get(PATH, "alice", headers={"If-None-Match": tag})).status == 304


async def test_sums_may_exceed_a_bigint(database_url: str) -> None:
    largest = 2**63 - 1
    async with rows(database_url) as ledger:
        for number in range(2):
            at = NOW - timedelta(days=1 + 3 * number)
            for persona in ("brad", "sarah"):
                row = LiveCallRow(call_id=f"{number}{persona}", user_id="alice", persona_id=persona,
                              at=at, costs={"twilio": largest}, charged=0)  # fmt: skip
                await ledger.call(row)
                await ledger.connection.execute("DELETE FROM user_spend")
    async with served_from(database_url, today=NOW.date()) as api:
        content = (await api.get(PATH, "alice")).data
    assert content["historicalCost"] == Decimal(4 * largest).scaleb(-9)
    assert content["forecastedCost"] > content["historicalCost"]
