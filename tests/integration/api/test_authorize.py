"""Authorization of calls: parallel calls cannot all use the same remaining budget."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api.http.options import ApiOptions
from tests.support.alerting import USD, change, just_now
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.events import charged, cost, ended, started
from tests.support.recording import BatchWriter, TopicLog, fetch

PATH = "/api/costs/user/alice/authorize"
NOW = just_now()
SERVICE = token("voice-pipeline", role="service")


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url) as api:
        yield api


async def ask(api: ApiClient, call: str, **body: Any) -> ApiResponse:
    return await api.ask("POST", PATH, bearer=SERVICE, body={"callId": call, **body})


async def test_hundred_parallel_calls_share_the_remaining_budget(
    api: ApiClient, database_url: str
) -> None:
    await change(database_url, "alice", daily_limit=(True, 10 * USD))
    await _record(database_url, charged("earlier", time=NOW, amount="2.90", fee=0))
    responses = await asyncio.gather(
        *(ask(api, f"call-{number}", estimatedCost=1) for number in range(100))
    )
    allowed = [response.data for response in responses if response.data["allowed"]]
    assert len(allowed) == 7
    assert {content["held"] for content in allowed} == {1}
    denied = [response.data for response in responses if not response.data["allowed"]]
    assert {(content["budget"], content["remaining"], content["held"]) for content in denied} == {
        ("daily", Decimal("0.1"), 0)
    }
    assert denied[0]["reason"] == "Not enough left of the daily budget: $0.10."


async def _record(database_url: str, *events: Any) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))


async def test_hold_ends_with_the_call_the_charge_or_its_expiry(
    api: ApiClient, database_url: str
) -> None:
    await change(database_url, "alice", monthly_limit=(True, 10 * USD))

    async def fits(call: str, amount: int) -> bool:
        return bool((await ask(api, call, estimatedCost=amount)).data["allowed"])

    assert await fits("call-1", 6)
    assert not await fits("call-2", 6)
    assert await fits("call-1", 6), "the same call asks again"
    await _record(database_url, started(time=NOW), cost(time=NOW))
    assert not await fits("call-2", 6)
    await _record(database_url, ended(time=NOW, status="failed"))
    assert await fits("call-2", 6)
    await _record(database_url, charged("call-2", time=NOW, amount=1, fee=0))
    assert await fits("call-3", 9)
    assert not await fits("call-4", 1)
    expire = "UPDATE budget_holds SET expires_at = now() - interval '1 second' RETURNING 1"
    assert len(await fetch(database_url, expire)) == 1
    assert await fits("call-4", 1)
    assert [r[0] for r in await fetch(database_url, "SELECT call_id FROM budget_holds")] == [
        "call-4"
    ]


async def test_hold_shrinks_by_what_the_call_has_spent(database_url: str) -> None:
    """Spent amounts already count, so holding them as well would count them twice."""
    await change(database_url, "alice", "cost", daily_limit=(True, 10 * USD))
    async with served_from(database_url, options=ApiOptions(budget_basis="cost")) as api:
        assert (await ask(api, "call-1", estimatedCost=6)).data["remaining"] == 10
        await _record(database_url, cost(time=NOW, totalCost="2"), cost(time=NOW, totalCost="3"))
        [spent] = await fetch(database_url, "SELECT sum(cost_nano)::bigint FROM user_spend")
        assert spent[0] > 5 * USD  # a share of infrastructure is part of what a call costs
        content = (await ask(api, "call-2", estimatedCost=4)).data
        assert (content["allowed"], content["remaining"]) == (True, 4)
        content = (await ask(api, "call-1", estimatedCost=6)).data
        assert (content["allowed"], content["held"]) == (True, 6 - Decimal(spent[0]).scaleb(-9))
        await _record(database_url, cost(time=NOW, totalCost="2"))  # more than the estimate
        content = (await ask(api, "call-3", estimatedCost="0.1")).data
        assert not content["allowed"]
        assert (await ask(api, "call-2", estimatedCost="0.1")).data["remaining"] == 10 - Decimal(
            spent[0] + 2 * USD
        ).scaleb(-9).normalize()


async def test_finished_call_cannot_be_authorized(api: ApiClient, database_url: str) -> None:
    await _record(database_url, started(time=NOW), ended(time=NOW))
    response = await ask(api, "call-1", estimatedCost=1)
    assert (response.status, response.code) == (409, "call_finished")


async def test_expected_duration_is_priced(api: ApiClient, database_url: str) -> None:
    before = datetime.now(UTC)
    content = (await ask(api, "call-1", expectedDuration_seconds=600)).data
    assert (content["allowed"], content["held"], content["remaining"]) == (
        True,
        Decimal("4.99"),
        None,
    )
    until = datetime.fromisoformat(content["heldUntil"])
    assert timedelta(minutes=35) <= until - before <= timedelta(minutes=36)
    await change(database_url, "alice", call_limit=(True, USD))
    content = (await ask(api, "call-2", expectedDuration_seconds="660")).data
    assert (content["allowed"], content["budget"], content["remaining"]) == (False, "call", 1)
    await _record(
        database_url,
        started("old", time=NOW),
        cost("old", time=NOW, totalCost="0.465"),
        ended("old", time=NOW, duration_seconds=60, status="failed"),
    )
    options = ApiOptions(budget_basis="cost")
    async with served_from(database_url, options=options) as by_cost:
        content = (await ask(by_cost, "call-3", expectedDuration_seconds=90)).data
    assert (content["held"], content["allowed"]) == (Decimal("0.75"), True)


@pytest.mark.parametrize(
    "body",
    [{}, {"callId": "c"}, {"callId": "c", "estimatedCost": -1}, {"callId": "", "estimatedCost": 1},
     {"callId": "c", "estimatedCost": 1, "expectedDuration_seconds": 1}, {"callId": "c", "cost": 1},
     {"callId": "c", "expectedDuration_seconds": "long"}, {"estimatedCost": 1}],
)  # fmt: skip
async def test_invalid_request_is_refused(api: ApiClient, body: Any) -> None:
    response = await api.ask("POST", PATH, bearer=SERVICE, body=body)
    assert (response.status, response.code) == (400, "invalid_body")


async def test_only_services_and_admins_may_authorize(api: ApiClient) -> None:
    body = {"callId": "c", "estimatedCost": 1}
    for bearer, status in (
        (token("alice"), 403),
        (SERVICE, 200),
        (token("root", role="admin"), 200),
    ):
        assert (await api.ask("POST", PATH, bearer=bearer, body=body)).status == status
