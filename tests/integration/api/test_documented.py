"""The example of the product's documentation, to the cent: twelve calls of a user in a month."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from api.http.options import ApiOptions
from tests.support.api import ApiClient, served_from, token
from tests.support.ledger_rows import CENT, LiveCallRow, rows

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
CALLS = [
    LiveCallRow(
        call_id=f"call-{number}",
        user_id="alice",
        persona_id="brad_001" if number < 8 else "sarah_001",
        tags={"team": "sales", "campaign": "spring_launch"} if number == 0 else None,
        # One call today, all of them this month.
        at=NOW - timedelta(days=number),
    )
    for number in range(12)
]
CALL = "/api/costs/call/call-0"
SPENDING = "/api/costs/user/alice/spending"
BUDGET = "/api/costs/user/alice/budget"
MONTH = {
    "start": "2025-10-20T00:00:00Z",
    "end": "2025-11-19T23:59:59Z",
    "label": "Last 30 days",
}


def usd(text: str) -> Decimal:
    return Decimal(text)


@pytest.fixture
async def written(database_url: str) -> str:
    async with rows(database_url) as ledger:
        for call in CALLS:
            await ledger.call(call)
        await ledger.event(
            CALLS[0],
            service="twilio",
            operation="outbound_call",
            usage=10,
            unit="minutes",
            cost_nano=14 * CENT,
            price_id=1,
            data='{"sid": "CA1"}',
        )
    return database_url


@pytest.fixture
async def api(written: str) -> AsyncIterator[ApiClient]:
    async with served_from(written, today=NOW.date()) as api:
        yield api


DOCUMENTED_CALL = {
    "callId": "call-0",
    "userId": "alice",
    "personaId": "brad_001",
    "tags": {"campaign": "spring_launch", "team": "sales"},
    "status": "completed",
    "duration_seconds": 300,
    "apiCosts": {
        "twilio": [
            {
                "service": "twilio",
                "operation": "outbound_call",
                "usage": 10,
                "unit": "minutes",
                "unitCost": usd("0.014"),
                "totalCost": usd("0.14"),
                "metadata": {"sid": "CA1"},
                "usages": [],
                "unpriced": False,
                "legId": None,
            }
        ],
        "deepgram": [],
        "cerebras": [],
        "elevenlabs": [],
    },
    "infrastructureCosts": {
        "raindrop": {"costPerCall": usd("0.02")},
        "vultr": {"costPerCall": usd("0.01")},
        "vercel": {"costPerCall": usd("0.005")},
    },
    "transactionCosts": {"stripe": {"totalFee": usd("0.475")}},
    "totalApiCost": usd("0.39"),
    "totalInfrastructureCost": usd("0.035"),
    "totalTransactionCost": usd("0.475"),
    "totalCost": usd("0.9"),
    "costByService": {
        "twilio": usd("0.14"),
        "deepgram": usd("0.06"),
        "cerebras": usd("0.01"),
        "elevenlabs": usd("0.18"),
        "raindrop": usd("0.02"),
        "vultr": usd("0.01"),
        "vercel": usd("0.005"),
        "stripe": usd("0.475"),
    },
    "chargedToUser": usd("4.99"),
    "refunded": 0,
    "netRevenue": usd("4.515"),
    "grossProfit": usd("4.09"),
    "grossMargin": usd("0.819639"),
    "grossMarginPercent": "81.96%",
    "estimated": False,
    "archivedEvents": 0,
    "unlistedCosts": 0,
    "unpricedEvents": 0,
    "chargePlan": None,
    "roundings": [],
    "endedByLimit": None,
    "createdAt": "2025-11-19T12:00:00Z",
    "calculatedAt": "2025-11-19T12:00:00Z",
    "startedAt": "2025-11-19T12:00:00Z",
    "endedAt": "2025-11-19T12:00:00Z",
}


async def test_call_equals_the_documented_example(api: ApiClient) -> None:
    response = await api.get(CALL, "alice")
    assert response.data == DOCUMENTED_CALL
    assert b'"totalCost":0.9,' in response.body


SUMS_OF_DAYS = {
    "calls": "totalCalls",
    "totalCost": "totalCost",
    "chargedToUser": "totalCharged",
    "grossProfit": "totalGrossProfit",
}


async def test_spending_equals_the_documented_example(api: ApiClient) -> None:
    content = (await api.get(SPENDING, "alice")).data
    daily = content.pop("daily")
    assert content == {
        "userId": "alice",
        "period": MONTH,
        "totalCalls": 12,
        "totalDuration_seconds": 3600,
        "averageDuration_seconds": 300,
        "totalCost": usd("10.8"),
        "totalApiCost": usd("4.68"),
        "totalInfrastructureCost": usd("0.42"),
        "totalTransactionCost": usd("5.7"),
        "averageCostPerCall": usd("0.9"),
        "totalCharged": usd("59.88"),
        "totalRefunded": 0,
        "totalNetRevenue": usd("54.18"),
        "totalGrossProfit": usd("49.08"),
        "averageMarginPercent": "81.96%",
        "costByService": {
            "twilio": usd("1.68"),
            "deepgram": usd("0.72"),
            "cerebras": usd("0.12"),
            "elevenlabs": usd("2.16"),
            "raindrop": usd("0.24"),
            "vultr": usd("0.12"),
            "vercel": usd("0.06"),
            "stripe": usd("5.7"),
        },
        "topPersonas": [
            {"personaId": "brad_001", "calls": 8, "totalCost": usd("7.2")},
            {"personaId": "sarah_001", "calls": 4, "totalCost": usd("3.6")},
        ],
        "unpricedEvents": 0,
    }
    assert len(daily) == 31
    assert daily[-1] == {
        "date": "2025-11-19",
        "calls": 1,
        "totalCost": usd("0.9"),
        "chargedToUser": usd("4.99"),
        "grossProfit": usd("4.09"),
        "costByService": DOCUMENTED_CALL["costByService"],
        "costByPersona": {"brad_001": usd("0.9")},
    }
    for name, total in SUMS_OF_DAYS.items():
        assert sum(day[name] for day in daily) == content[total]


DOCUMENTED_BUDGET = {
    "userId": "alice",
    "dailyLimit_usd": 10,
    "monthlyLimit_usd": 100,
    "alertThreshold_percent": 80,
    "currentDailySpend": usd("4.99"),
    "currentMonthlySpend": usd("59.88"),
    "dailyRemaining": usd("5.01"),
    "monthlyRemaining": usd("40.12"),
    "alertTriggered": False,
}


async def test_budget_equals_the_documented_example(api: ApiClient) -> None:
    limits = {"dailyLimit_usd": 10.00, "monthlyLimit_usd": "100.00"}
    put = await api.ask("PUT", BUDGET, bearer=token("alice"), body=limits)
    for content in (put.data, (await api.get(BUDGET, "alice")).data):
        assert {name: content[name] for name in DOCUMENTED_BUDGET} == DOCUMENTED_BUDGET


async def test_budget_by_cost_counts_costs_instead_of_charges(written: str) -> None:
    options = ApiOptions(budget_basis="cost")
    async with served_from(written, today=NOW.date(), options=options) as api:
        content = (await api.get(BUDGET, "alice")).data
    assert (content["currentDailySpend"], content["currentMonthlySpend"]) == (
        usd("0.9"),
        usd("10.8"),
    )
