"""Prepaid credit over HTTP: granted by administrators, seen by its owner, kept by decisions."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support.alerting import just_now
from tests.support.api import ApiClient, served_from, token
from tests.support.events import charged, grant_voided, granted, refunded
from tests.support.intake import MemoryEventStream
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch

CREDITS, BUDGET = "/api/costs/user/alice/credits", "/api/costs/user/alice/budget"
GRANTS, VOIDS = "/api/admin/credits", "/api/admin/credits/void"
ALICE, BOB = token("alice"), token("bob")
ROOT, SERVICE = token("root", role="admin"), token("bot", role="service")


@pytest.fixture
def stream() -> MemoryEventStream:
    return MemoryEventStream()


@pytest.fixture
async def api(stream: MemoryEventStream, database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, events=stream) as api:
        yield api


async def record(database_url: str, *events: Any) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
        assert not writer.letters


async def test_grant_of_an_administrator_counts_once(
    api: ApiClient, stream: MemoryEventStream, database_url: str
) -> None:
    body = {"userId": "alice", "amount": "12.50", "priority": 5, "note": "Invoice 1"}
    body["expiresAt"] = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    named = {"Idempotency-Key": "invoice-1"}
    for _ in range(2):
        response = await api.ask("POST", GRANTS, bearer=ROOT, body=body, headers=named)
        assert response.status == 202
        await asyncio.sleep(0.01)
    [reference] = response.json["data"]["accepted"]
    await record(database_url, *(event.value for event in stream.events))
    credit = (await api.ask("GET", CREDITS, bearer=ALICE)).data
    assert credit["balance_usd"] == Decimal("12.5")
    [grant] = credit["grants"]
    assert (grant["source"], grant["id"]) == (reference["source"], reference["id"])
    assert (grant["state"], grant["priority"], grant["note"]) == ("valid", 5, "Invoice 1")
    stream.events.clear()
    void = {"userId": "alice", "voids": reference, "reason": "Paid twice"}
    assert (await api.ask("POST", VOIDS, bearer=ROOT, body=void)).status == 202
    await record(database_url, *(event.value for event in stream.events))
    credit = (await api.ask("GET", CREDITS, bearer=ALICE)).data
    assert credit["balance_usd"] is None
    assert [(g["state"], g["voidReason"]) for g in credit["grants"]] == [("voided", "Paid twice")]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"userId": "", "amount": 1}, "userId"),
        ({"userId": "alice", "amount": 0}, "`amount` must be above 0"),
        ({"userId": "alice", "amount": -1}, "amount"),
        ({"userId": "alice", "amount": "0.0000000001"}, "9 decimals"),
        ({"userId": "alice", "amount": 1, "priority": 1001}, "priority"),
        ({"userId": "alice", "amount": 1, "expiresAt": "2020-01-01T00:00:00Z"}, "in the future"),
        ({"userId": "alice", "amount": 1, "expiresAt": "2020-01-01T00:00:00"}, "expiresAt"),
        ({"userId": "alice", "amount": 1, "currency": "EUR"}, "currency"),
    ],
)
async def test_invalid_grant_is_refused_by_name(
    api: ApiClient, stream: MemoryEventStream, body: Any, named: str
) -> None:
    response = await api.ask("POST", GRANTS, bearer=ROOT, body=body)
    assert response.status == 400
    assert named in response.json["error"]
    assert not stream.events


async def test_only_administrators_grant_and_only_owners_see(
    api: ApiClient, stream: MemoryEventStream, database_url: str
) -> None:
    await record(database_url, granted("alice", time=just_now()))
    body = {"userId": "bob", "amount": 1}
    for bearer in (BOB, SERVICE):
        assert (await api.ask("POST", GRANTS, bearer=bearer, body=body)).status == 403
        assert (await api.ask("GET", CREDITS, bearer=bearer)).status == 403
    event = {**granted("bob", time=just_now()), "source": "/bot"}
    event["time"] = event["time"].isoformat()
    for sent in (event, [event]):
        refused = await api.ask("POST", "/api/costs/events", bearer=SERVICE, body=sent)
        assert (refused.status, refused.code) == (403, "forbidden")
    assert not stream.events
    by_admin = await api.ask("POST", "/api/costs/events", bearer=ROOT, body=event)
    assert by_admin.status == 202
    assert (await api.ask("GET", CREDITS, bearer=ROOT)).data["balance_usd"] == 10


async def test_budget_and_credit_show_charges_refunds_and_debts(
    api: ApiClient, database_url: str
) -> None:
    now = just_now()
    assert (await api.ask("GET", BUDGET, bearer=ALICE)).data["balance"] is None
    grant = granted("alice", time=now, amount=20)
    await record(database_url, grant, charged("a", amount=7, time=now))
    budget = (await api.ask("GET", BUDGET, bearer=ALICE)).data
    assert budget["balance"] == 13
    lasts = datetime.fromisoformat(budget["balanceLastsUntil"]) - now
    assert timedelta(days=13) - timedelta(minutes=1) < lasts < timedelta(days=13, minutes=1)
    await record(database_url, refunded("a", amount=2, time=now), charged("b", amount=40, time=now))
    credit = (await api.ask("GET", CREDITS, bearer=ALICE)).data
    assert (credit["balance_usd"], credit["available_usd"]) == (-25, 0)
    assert [alert["threshold_usd"] for alert in credit["alerts"]] == [0, 10]
    assert credit["alerts"][0]["message"].startswith("Your prepaid balance is used up: -$25.00.")
    await record(database_url, granted("alice", time=now, amount=26))
    assert (await api.ask("GET", BUDGET, bearer=ALICE)).data["balance"] == 1
    await record(database_url, grant_voided(grant, time=now))
    assert (await api.ask("GET", BUDGET, bearer=ALICE)).data["balance"] == -19
    await assert_verified(database_url)


async def test_user_chooses_when_to_be_warned(api: ApiClient, database_url: str) -> None:
    now = just_now()
    await record(database_url, granted("alice", time=now, amount=20))
    changed = await api.ask("PUT", CREDITS, bearer=ALICE, body={"lowBalance_usd": [5, "15", 0, 5]})
    assert changed.data["lowBalance_usd"] == [15, 5]
    assert not changed.data["alerts"]
    await record(database_url, charged("a", amount=6, time=now))
    alerts = (await api.ask("GET", CREDITS, bearer=ALICE)).data["alerts"]
    assert [alert["threshold_usd"] for alert in alerts] == [15]
    [notice] = await fetch(database_url, "SELECT kind, user_id, is_urgent FROM notices")
    assert tuple(notice) == ("low_balance", "alice", False)
    for wrong in ([-1], ["x"], [1] * 21, None):
        refused = await api.ask("PUT", CREDITS, bearer=ALICE, body={"lowBalance_usd": wrong})
        assert refused.status == 400


async def test_user_chooses_days_before_the_end_beside_amounts(
    api: ApiClient, database_url: str
) -> None:
    """Seven dollars in the last week are one a day: fourteen last for two weeks."""
    now = just_now()
    await record(database_url, granted("alice", time=now, amount=21), charged(amount=7, time=now))
    for wrong in (0, 91, -3, "soon", 2.5):
        refused = await api.ask("PUT", CREDITS, bearer=ALICE, body={"lowBalanceDays": wrong})
        assert (refused.status, "lowBalanceDays" in refused.json["error"]) == (400, True)
    changed = await api.ask("PUT", CREDITS, bearer=ALICE, body={"lowBalance_usd": [1]})
    assert (changed.data["lowBalance_usd"], changed.data["lowBalanceDays"]) == ([1], None)
    changed = await api.ask("PUT", CREDITS, bearer=ALICE, body={"lowBalanceDays": 13})
    assert (changed.data["lowBalance_usd"], changed.data["lowBalanceDays"]) == ([1], 13)
    assert changed.data["endingAlerts"] == []
    await record(database_url, charged("b", amount="0.7", time=now))
    credit = (await api.ask("GET", CREDITS, bearer=ALICE)).data
    [alert] = credit["endingAlerts"]
    assert (alert["thresholdDays"], alert["balance_usd"]) == (13, Decimal("13.3"))
    assert "lasts until" in alert["message"]
    [notice] = await fetch(database_url, "SELECT kind, is_urgent, content FROM notices")
    assert (notice["kind"], notice["is_urgent"]) == ("low_balance", False)
    assert '"eventType":"balance.ending"' in notice["content"]
    changed = await api.ask("PUT", CREDITS, bearer=ALICE, body={"lowBalanceDays": None})
    assert changed.data["lowBalanceDays"] is None
