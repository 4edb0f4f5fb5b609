"""Authorizations and reservations count the budgets of a call's persona and tags."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.http.options import ApiOptions
from tests.support.alerting import just_now
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.events import charged, cost, started
from tests.support.recording import BatchWriter, TopicLog

BUDGETS = "/api/costs/user/alice/budgets"
AUTHORIZE = "/api/costs/user/alice/authorize"
SERVICE = token("voice-pipeline", role="service")
ACME = {"customer": "acme"}


@pytest.fixture(params=["charged", "cost"])
async def api(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, options=ApiOptions(budget_basis=request.param)) as api:
        yield api


async def create(api: ApiClient, **body: Any) -> str:
    wanted = {"scope": {"kind": "tag", "key": "customer", "value": "acme"}, **body}
    created = await api.ask("POST", BUDGETS, bearer=token("alice"), body=wanted)
    return str(created.data["budgetId"])


async def authorize(api: ApiClient, call: str, **body: Any) -> Any:
    wanted = {"callId": call, "estimatedCost": 1, **body}
    return (await api.ask("POST", AUTHORIZE, bearer=SERVICE, body=wanted)).data


async def reserve(api: ApiClient, call: str, amount: str) -> ApiResponse:
    costs = [{"source": "/bot", "id": f"{call}-turn", "amount": amount}]
    body = {"userId": "alice", "costs": costs}
    path = f"/api/costs/call/{call}/reserve"
    return await api.ask("POST", path, bearer=SERVICE, body=body)


async def record(database_url: str, *events: Any) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))


async def test_parallel_calls_of_a_tag_share_its_budget(api: ApiClient) -> None:
    budget = await create(api, period="week", limit_usd=5)
    of_tag = [authorize(api, f"acme-{number}", tags=ACME) for number in range(12)]
    others = [authorize(api, f"other-{number}", tags={"customer": "x"}) for number in range(4)]
    answers = await asyncio.gather(*of_tag, *others)
    assert [sum(one["allowed"] for one in part) for part in (answers[:12], answers[12:])] == [5, 4]
    refused = next(one for one in answers if not one["allowed"])
    assert (refused["budget"], refused["budgetId"], refused["remaining"]) == ("weekly", budget, 0)
    assert refused["reason"] == "Not enough left of the weekly budget for customer: acme: $0.00."


async def test_reported_tag_counts_without_being_named(api: ApiClient, database_url: str) -> None:
    budget = await create(api, period="month", limit_usd=3)
    now = just_now()
    await record(
        database_url,
        started("one", time=now, tags=ACME),
        charged("one", time=now, amount=2, fee=2, tags=ACME),
        started("two", time=now, tags=ACME),
    )
    refused = await authorize(api, "two", estimatedCost=2)
    assert (refused["allowed"], refused["budgetId"]) == (False, budget)
    assert (await authorize(api, "three", estimatedCost=2))["allowed"]


async def test_limit_per_call_of_a_persona_refuses_a_reservation(
    api: ApiClient, database_url: str
) -> None:
    scope = {"kind": "persona", "value": "brad_001"}
    budget = await create(api, scope=scope, period="call", limit_usd=1)
    now = just_now()
    await record(
        database_url, started("one", time=now), cost("one", time=now, totalCost="0.5"),
        started("two", time=now, persona="other"), cost("two", time=now, totalCost="0.5"),
    )  # fmt: skip
    refused = (await reserve(api, "one", "0.6")).data
    assert (refused["granted"], refused["budget"], refused["budgetId"]) == (False, "call", budget)
    assert refused["reason"].startswith("Not enough left of the limit per call for the persona")
    assert (await reserve(api, "one", "0.4")).data["granted"]
    assert (await reserve(api, "two", "0.6")).data["granted"]


async def test_reservation_knows_the_tags_that_the_call_was_authorized_with(
    database_url: str,
) -> None:
    async with served_from(database_url, options=ApiOptions(budget_basis="cost")) as api:
        budget = await create(api, period="day", limit_usd=5)
        assert (await authorize(api, "one", tags=ACME, estimatedCost=4))["allowed"]
        assert (await reserve(api, "one", "4.5")).data["granted"]
        refused = (await reserve(api, "one", "5.5")).data
        assert (refused["granted"], refused["budgetId"]) == (False, budget)
        assert (await reserve(api, "unknown", "5.5")).data["granted"]


async def test_invalid_tag_is_refused_by_name(api: ApiClient) -> None:
    body = {"callId": "one", "estimatedCost": 1, "tags": {"Customer": "acme"}}
    refused = await api.ask("POST", AUTHORIZE, bearer=SERVICE, body=body)
    assert (refused.status, refused.code) == (400, "invalid_body")
    assert "Customer" in refused.json["error"]
