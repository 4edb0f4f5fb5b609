"""From events to answers: the API reports what the recorder wrote."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest

from ledger.postgres.statements import statements
from ledger.reports import costs
from tests.support import events
from tests.support.api import ApiClient, served_from, token
from tests.support.events import NOW
from tests.support.recorded_events import record, tts
from tests.support.recording import fetch

CALL = "/api/costs/call/call-1"
SPENDING = "/api/costs/user/alice/spending"
PRICE_AS_API = """
INSERT INTO service_prices (service, class, operation, model, unit, price_usd, effective_from, source, set_by)
VALUES ('another', 'api', 'sing', '*', 'requests', 1, now(), 'a test', 'a test')
"""


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=NOW.date()) as api:
        yield api


async def test_recorded_call_is_reported_exactly(database_url: str, api: ApiClient) -> None:
    wrong = tts(usage=9_000)
    all_events = [
        events.started(),
        events.cost(usage=5, metadata={"sid": "CA1"}),
        events.cost(service="deepgram", operation="stt_streaming", usage=300, unit="seconds"),
        tts(totalCost="0.123", estimated=True),
        wrong,
        events.voided(wrong),
        events.cost(service="new", operation="sing", unit="requests", usage=3, unitCost="0.01"),
        events.charged(time=NOW + timedelta(minutes=5)),
        events.refunded(time=NOW + timedelta(minutes=6)),
        events.ended(time=NOW + timedelta(minutes=5)),
    ]  # fmt: skip
    await record(database_url, all_events)
    body = (await api.get(CALL, "alice")).data
    prices = {
        service: [(line["operation"], line["unitCost"], line["totalCost"]) for line in lines]
        for service, lines in body["apiCosts"].items()
    }
    assert prices == {
        "twilio": [("outbound_call", Decimal("0.014"), Decimal("0.07"))],
        "deepgram": [("streaming_stt", Decimal("0.000098333333"), Decimal("0.0295"))],
        "cerebras": [],
        "elevenlabs": [("tts", Decimal("0.000123"), Decimal("0.123"))],
        "new": [("sing", Decimal("0.01"), Decimal("0.03"))],
    }
    assert body["totalApiCost"] == Decimal("0.2525")
    assert body["totalInfrastructureCost"] == Decimal("0.035")
    assert body["transactionCosts"]["stripe"]["totalFee"] == Decimal("0.44471")
    assert body["totalCost"] == sum(body["costByService"].values()) == Decimal("0.73221")
    assert (body["chargedToUser"], body["refunded"]) == (Decimal("4.99"), 1)
    assert body["grossProfit"] == Decimal("3.25779")
    assert body["estimated"] is True
    assert (body["status"], body["duration_seconds"]) == ("completed", 300)
    assert body["apiCosts"]["twilio"][0]["metadata"] == {"sid": "CA1"}
    assert body["startedAt"] == body["createdAt"] == "2026-03-15T12:00:00Z"
    assert body["endedAt"] == "2026-03-15T12:05:00Z"


async def test_fee_of_an_unknown_processor_is_a_transaction_cost(
    database_url: str, api: ApiClient
) -> None:
    """Unless the price catalogue assigns another class."""
    charge = events.charged(processor="another", fee="0.25", time=NOW + timedelta(minutes=1))
    await record(database_url, [events.started(), charge])
    call, spending = [(await api.get(path, "alice")).data for path in (CALL, SPENDING)]
    everyone = await api.ask(
        "GET", "/api/admin/costs/analytics", bearer=token("root", role="admin")
    )
    kept = {"api": 0, "infrastructure": Decimal("0.035"), "transaction": Decimal("0.25")}
    assert everyone.data["costBreakdown"] == kept
    for body in (call, spending):
        classes = {name: body[f"total{name.title()}Cost"] for name in kept}
        assert classes == kept
    assert call["transactionCosts"]["another"]["totalFee"] == Decimal("0.25")
    once = await fetch(database_url, statements("live/calls")["once_services"])
    assert "another" in {row["service"] for row in once}
    await fetch(database_url, PRICE_AS_API)
    assert (await api.get(CALL, "alice")).data["totalTransactionCost"] == 0


async def test_spending_and_budget_are_sums_of_the_calls(database_url: str, api: ApiClient) -> None:
    all_events = []
    for call in ("call-1", "call-2", "call-3"):
        all_events += [events.started(call), events.cost(call), events.ended(call)]
    await record(database_url, all_events)
    calls = [(await api.get(f"/api/costs/call/call-{n}", "alice")).data for n in (1, 2, 3)]
    spending = (await api.get(SPENDING, "alice")).data
    budget = (await api.get("/api/costs/user/alice/budget", "alice")).data
    for total, part in (
        ("totalCost", "totalCost"),
        ("totalApiCost", "totalApiCost"),
        ("totalTransactionCost", "totalTransactionCost"),
        ("totalCharged", "chargedToUser"),
        ("totalNetRevenue", "netRevenue"),
        ("totalGrossProfit", "grossProfit"),
        ("totalDuration_seconds", "duration_seconds"),
    ):
        assert spending[total] == sum(call[part] for call in calls)
    assert spending["totalCharged"] == 3 * Decimal("4.99") == budget["currentDailySpend"]
    assert spending["totalCalls"] == 3


async def test_held_call_has_no_owner(database_url: str, api: ApiClient) -> None:
    await record(database_url, [events.cost(user=None)])
    assert (await api.get(CALL, "alice")).status == 403
    await record(database_url, [events.started()])
    body = (await api.get(CALL, "alice")).data
    assert body["apiCosts"]["twilio"][0]["totalCost"] == Decimal("0.014")


async def test_body_of_a_call_with_many_costs_is_limited(
    database_url: str, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its earliest costs are listed; totals and the list of events have all of them."""
    monkeypatch.setattr(costs, "USAGE_LINES_MAX", 3)
    later = [NOW + timedelta(seconds=n) for n in range(4, 0, -1)]
    spoken = [tts(usage=1_000 * n, time=at) for n, at in enumerate(later, 1)]
    await record(database_url, [events.started(), *spoken])
    full = (await api.get(CALL, "alice")).data
    assert [line["usage"] for line in full["apiCosts"]["elevenlabs"]] == [4_000, 3_000, 2_000]
    assert full["unlistedCosts"] == 1
    assert full["totalApiCost"] == full["costByService"]["elevenlabs"] == Decimal("1.5")
    listed = (await api.get(f"{CALL}/events?limit=100", "alice")).data["events"]
    assert sum(event["totalCost"] for event in listed) == full["totalCost"]
    await record(database_url, [events.voided(spoken[3], time=NOW + timedelta(seconds=9))])
    assert (await api.get(CALL, "alice")).data["unlistedCosts"] == 0
