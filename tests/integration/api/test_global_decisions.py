"""Authorizations and reservations count the budgets of all users, of services and of tags."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.http.options import ApiOptions
from ledger.budgets.tag_totals import sum_tags
from ledger.postgres.database import connected
from tests.support.alerting import just_now
from tests.support.api import ApiClient, served_from, token
from tests.support.events import charged, cost
from tests.support.recording import BatchWriter, TopicLog, until

BUDGETS = "/api/admin/budgets"
ADMIN = token("root", role="admin")
SERVICE = token("voice-pipeline", role="service")
REASON = "A limit of all users does not allow it. Ask an administrator."
ACME = {"key": "customer", "value": "acme"}
NOTHING = {"budget": "global", "budgetId": None, "remaining": None, "reason": REASON}


@pytest.fixture(params=["charged", "cost"])
async def api(database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, options=ApiOptions(budget_basis=request.param)) as api:
        yield api


async def create(api: ApiClient, **body: Any) -> None:
    created = await api.ask("POST", BUDGETS, bearer=ADMIN, body={"period": "day", **body})
    assert created.status == 200


async def authorize(api: ApiClient, call: str, user: str = "alice", **body: Any) -> Any:
    wanted = {"callId": call, "estimatedCost": 1, **body}
    path = f"/api/costs/user/{user}/authorize"
    return (await api.ask("POST", path, bearer=SERVICE, body=wanted)).data


async def reserve(api: ApiClient, call: str, amount: str, **body: Any) -> Any:
    costs = [{"source": "/bot", "id": f"{call}-{amount}", "amount": amount, **body}]
    path = f"/api/costs/call/{call}/reserve"
    wanted = {"userId": "alice", "costs": costs}
    return (await api.ask("POST", path, bearer=SERVICE, body=wanted)).data


def said(answer: Any) -> dict[str, Any]:
    return {name: answer[name] for name in NOTHING}


async def test_calls_of_all_users_share_a_limit(api: ApiClient) -> None:
    own = f"{BUDGETS.replace('admin', 'costs/user/bob')}"
    await api.ask("POST", own, bearer=token("bob"), body={"period": "day", "limit_usd": 9})
    await create(api, limit_usd=3)
    first = await authorize(api, "one", estimatedCost=2)
    assert (first["allowed"], first["remaining"]) == (True, None)
    await asyncio.sleep(1.1)  # the use of global limits is a second old at most
    refused = await authorize(api, "two", "bob", estimatedCost=2)
    assert (refused["allowed"], refused["held"]) == (False, 0)
    assert said(refused) == NOTHING
    fits = await authorize(api, "three", "bob", estimatedCost=1)
    assert (fits["allowed"], fits["remaining"]) == (True, 9), "the rest of the user's own budget"
    again = await authorize(api, "one", estimatedCost=2)
    assert again["allowed"], "its own hold does not count"


async def test_reservation_beyond_the_limit_of_all_users_is_refused(api: ApiClient) -> None:
    await create(api, limit_usd=6)
    assert (await reserve(api, "one", "0.5"))["granted"]
    await asyncio.sleep(1.1)
    refused = await reserve(api, "two", "7")
    assert not refused["granted"]
    assert said(refused) == NOTHING


async def test_service_counts_where_it_is_named(api: ApiClient, database_url: str) -> None:
    await create(api, limit_usd=5, scope={"kind": "service", "value": "twilio"})
    assert (await authorize(api, "one", services=["twilio"]))["allowed"]
    assert not (await reserve(api, "one", "6", service="twilio"))["granted"]
    assert (await reserve(api, "one", "6", service="openai"))["granted"]
    async with BatchWriter(database_url) as writer:
        spent = cost(call="x", user="bob", time=just_now(), totalCost=5, service="twilio")
        await writer.record(TopicLog().batch([spent]))
    await asyncio.sleep(1.1)
    refused = await authorize(api, "two", services=["openai", "twilio"])
    assert said(refused) == NOTHING
    assert (await authorize(api, "three", services=["openai"]))["allowed"]
    assert (await authorize(api, "four"))["allowed"]
    assert said(await reserve(api, "one", "0.01", service="twilio")) == NOTHING


async def test_tag_counts_where_the_call_has_it(api: ApiClient, database_url: str) -> None:
    await create(api, limit_usd=5, scope={"kind": "tag", **ACME})
    tags = {ACME["key"]: ACME["value"]}
    assert (await authorize(api, "one", estimatedCost=3, tags=tags))["allowed"]
    assert (await authorize(api, "two", "bob", estimatedCost=9))["allowed"]
    await asyncio.sleep(1.1)
    refused = await authorize(api, "three", "bob", estimatedCost=3, tags=tags)
    assert said(refused) == NOTHING, "another call of the tag holds 3"
    assert (await authorize(api, "three", "bob", estimatedCost=3))["allowed"]
    assert (await authorize(api, "four", estimatedCost=2, tags=tags))["allowed"]
    again = await authorize(api, "one", estimatedCost=3, tags=tags)
    assert again["allowed"], "its own hold does not count"
    async with BatchWriter(database_url) as writer:
        spent = [
            cost(call="x", user="bob", time=just_now(), totalCost=5, tags=tags),
            charged("x", "bob", time=just_now(), amount=5),
        ]
        await writer.record(TopicLog().batch(spent))
    async with connected(database_url, name="test") as connection:

        async def is_summed() -> bool:
            return await sum_tags(connection, just_now())

        await until(is_summed)
    await asyncio.sleep(1.1)
    assert said(await authorize(api, "five", tags=tags)) == NOTHING
    assert said(await reserve(api, "one", "9")) == NOTHING, "authorized with the tag"
    assert (await authorize(api, "five"))["allowed"]
    assert (await reserve(api, "six", "0.5"))["granted"]
