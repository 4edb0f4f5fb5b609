"""Reservations of costs: calls can never cause more than their budgets allow."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api.http.options import ApiOptions
from tests.support.alerting import USD, change, just_now
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.events import cost, ended, started
from tests.support.recording import BatchWriter, TopicLog, fetch

NOW = just_now()
SERVICE = token("voice-bot", role="service")
SOURCE = "/voice-bot"
ONCE_NANO = 35_000_000
"""The infrastructure's share of a call, which its first event adds."""


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    """Serve the API with budgets that limit costs."""
    async with served_from(database_url, options=ApiOptions(budget_basis="cost")) as api:
        yield api


def planned(name: str, amount: object) -> dict[str, Any]:
    return {"source": SOURCE, "id": name, "amount": amount}


async def reserve(api: ApiClient, call: str, *costs: Any, **more: Any) -> ApiResponse:
    body = {"userId": "alice", "costs": list(costs), **more}
    path = f"/api/costs/call/{call}/reserve"
    return await api.ask("POST", path, bearer=SERVICE, body=body)


async def is_granted(api: ApiClient, call: str, name: str, amount: object) -> bool:
    return bool((await reserve(api, call, planned(name, amount))).data["granted"])


async def authorize(api: ApiClient, call: str, amount: object) -> bool:
    body = {"callId": call, "estimatedCost": amount}
    path = "/api/costs/user/alice/authorize"
    return bool((await api.ask("POST", path, bearer=SERVICE, body=body)).data["allowed"])


async def record(database_url: str, *events: Any) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))


def caused(name: str, total: str, call: str = "call-1", **more: Any) -> Any:
    """Return the event that reports a planned cost."""
    return cost(call, source=SOURCE, id=name, time=NOW, totalCost=total, **more)


async def reserved(database_url: str) -> int:
    [row] = await fetch(database_url, "SELECT count(*) FROM cost_reservations")
    return int(row[0])


async def test_parallel_turns_share_the_remaining_budget(api: ApiClient, database_url: str) -> None:
    await change(database_url, "alice", "cost", daily_limit=(True, USD))
    responses = await asyncio.gather(
        *(reserve(api, f"call-{n % 10}", planned(f"turn-{n}", "0.07")) for n in range(100))
    )
    contents = [response.data for response in responses]
    granted = [content for content in contents if content["granted"]]
    assert len(granted) == 14  # of 0.07 each
    assert min(content["remaining"] for content in granted) == Decimal("0.02")
    refused = [content for content in contents if not content["granted"]]
    assert {(c["budget"], c["remaining"], c["reservedUntil"]) for c in refused} == {
        ("daily", Decimal("0.02"), None)
    }
    assert refused[0]["reason"] == "Not enough left of the daily budget: $0.02."
    assert await reserved(database_url) == 14


async def test_reservation_draws_on_the_hold_of_its_call(api: ApiClient, database_url: str) -> None:
    await change(database_url, "alice", "cost", monthly_limit=(True, 10 * USD))
    assert await authorize(api, "call-1", 6)
    assert await is_granted(api, "call-1", "a", 4), "within the hold"
    assert await is_granted(api, "call-2", "b", 4), "the hold of 6 counts once"
    assert not await is_granted(api, "call-3", "c", "0.01")
    assert await is_granted(api, "call-1", "d", 2), "the rest of the hold"
    assert not await is_granted(api, "call-1", "e", "0.01"), "the hold is used up"
    assert not await authorize(api, "call-4", "0.01"), "reservations count for other calls"


async def test_recorded_cost_replaces_its_reservation(api: ApiClient, database_url: str) -> None:
    limit = USD + ONCE_NANO
    await change(database_url, "alice", "cost", daily_limit=(True, limit))
    await record(database_url, started(time=NOW))
    assert await is_granted(api, "call-1", "a", "0.6")
    assert not await is_granted(api, "call-1", "b", "0.5")
    await record(database_url, caused("a", "0.1"))
    response = await reserve(api, "call-1", planned("b", "0.5"))
    assert response.data["remaining"] == Decimal("0.4")
    await record(database_url, caused("b", "0.5"))
    assert not await is_granted(api, "call-1", "c", "0.400000001")
    assert await is_granted(api, "call-1", "c", "0.4")
    assert await reserved(database_url) == 1
    recorded = await reserve(api, "call-1", planned("d", 0), planned("b", "0.5"))
    assert (recorded.status, recorded.code) == (409, "cost_recorded")


async def test_cost_that_is_not_in_the_totals_stays_reserved(
    api: ApiClient, database_url: str
) -> None:
    await change(database_url, "alice", "cost", daily_limit=(True, USD))
    assert await is_granted(api, "call-1", "held", "0.6")
    assert await is_granted(api, "call-2", "unpriced", "0.4")
    held = cost("call-1", None, source=SOURCE, id="held", time=NOW, totalCost="0.6")
    unpriced = cost("call-2", source=SOURCE, id="unpriced", time=NOW, service="unknown")
    await record(database_url, held)
    assert not await is_granted(api, "call-3", "c", "0.01")
    await record(database_url, unpriced)
    assert not await is_granted(api, "call-3", "c", "0.01")
    await record(database_url, started("call-1", time=NOW))
    assert await is_granted(api, "call-3", "c", 0)
    assert await reserved(database_url) == 1, "the held cost is counted now"


async def test_reservation_ends_with_its_time_its_call_or_a_bound_of_zero(
    api: ApiClient, database_url: str
) -> None:
    await change(database_url, "alice", "cost", daily_limit=(True, USD))
    before = datetime.now(UTC)
    content = (await reserve(api, "call-1", planned("a", 1), lasts_seconds=90)).data
    until = datetime.fromisoformat(content["reservedUntil"])
    assert timedelta(seconds=90) <= until - before <= timedelta(seconds=100)
    await fetch(database_url, "UPDATE cost_reservations SET expires_at = now()")
    assert await is_granted(api, "call-2", "b", "0.9")
    assert not await is_granted(api, "call-3", "c", "0.9")
    assert await is_granted(api, "call-2", "b", 0)
    assert await is_granted(api, "call-2", "b2", "0.9")
    end = ended("call-2", time=NOW, status="failed")
    await record(database_url, started("call-2", time=NOW), end)
    assert await is_granted(api, "call-3", "c", "0.9")
    late = await reserve(api, "call-2", planned("d", "0.1"))
    assert (late.status, late.code) == (409, "call_finished")


async def test_repeated_request_replaces_the_earlier_one(api: ApiClient, database_url: str) -> None:
    await change(database_url, "alice", "cost", daily_limit=(True, USD))
    for amount in ("0.9", "0.9", "0.95", "0.5"):
        assert await is_granted(api, "call-1", "a", amount)
    assert await is_granted(api, "call-1", "b", "0.5")
    assert not await is_granted(api, "call-1", "a", "0.6")
    assert not await is_granted(api, "call-2", "c", "0.01"), "a refusal keeps the earlier one"


async def test_limit_of_a_call_bounds_its_costs_by_either_basis(database_url: str) -> None:
    for basis in ("cost", "charged"):
        options = ApiOptions(budget_basis=basis)
        async with served_from(database_url, options=options) as api:
            await change(database_url, "alice", basis, call_limit=(True, USD + ONCE_NANO))
            call = f"call-{basis}"
            await record(database_url, started(call, time=NOW), caused(basis, "0.3", call))
            assert await is_granted(api, call, f"{basis}-a", "0.5")
            refused = (await reserve(api, call, planned(f"{basis}-b", "0.3"))).data
            assert (refused["budget"], refused["remaining"]) == ("call", Decimal("0.2"))


async def test_charge_that_follows_costs_must_fit_the_budget(database_url: str) -> None:
    await fetch(
        database_url,
        """INSERT INTO charge_plans (kind, markup_ppm, effective_from, source, set_by)
           VALUES ('cost_plus', 1000000, '2025-01-01', 'test', 'test')""",
    )
    await change(database_url, "alice", daily_limit=(True, 2 * USD))
    async with served_from(database_url) as api:
        assert await is_granted(api, "call-1", "a", "0.6")  # charged 1.20
        assert not await is_granted(api, "call-2", "b", "0.5")
        assert await is_granted(api, "call-2", "b", "0.4")
        assert not await is_granted(api, "call-1", "c", "0.01")


async def test_default_charge_of_a_call_is_held_with_its_first_reservation(
    database_url: str,
) -> None:
    await change(database_url, "alice", daily_limit=(True, 6 * USD))
    async with served_from(database_url) as api:
        assert await is_granted(api, "call-1", "a", 3)
        assert await is_granted(api, "call-1", "b", 3), "the charge does not follow the cost"
        refused = (await reserve(api, "call-2", planned("c", "0.01"))).data
        assert (refused["budget"], refused["remaining"]) == ("daily", Decimal("1.01"))


async def test_usage_is_priced_and_a_cheaper_model_suggested(
    api: ApiClient, database_url: str
) -> None:
    await change(database_url, "alice", "cost", daily_limit=(True, USD // 100))
    request = {
        "source": SOURCE,
        "id": "llm",
        "service": "cerebras",
        "operation": "chat_completion",
        "model": "llama3.1-405b",
        "usages": [
            {"unit": "input_tokens", "quantity": 1_000},
            {"unit": "output_tokens", "quantity": 250},
        ],
    }
    content = (await reserve(api, "call-1", request)).data
    assert (content["granted"], content["costs"][0]["amount"]) == (True, Decimal("0.009"))
    assert content["cheaper"] == {
        "id": "llm", "model": "llama3.1-8b", "amount": Decimal("0.000125"),
    }  # fmt: skip
    refused = (await reserve(api, "call-1", request | {"id": "llm-2"})).data
    assert (refused["granted"], refused["cheaper"]["model"]) == (False, "llama3.1-8b")
    await change(database_url, "alice", "cost", daily_limit=(True, USD))
    assert (await reserve(api, "call-1", request | {"id": "llm-3"})).data["cheaper"] is None


USAGES = [{"unit": "input_tokens", "quantity": 1}]
OF_LLM = {"source": "s", "id": "i", "service": "cerebras", "operation": "inference"}


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, "userId"),
        ({"userId": "", "costs": [planned("a", 1)]}, "userId"),
        ({"userId": "alice", "costs": []}, "costs"),
        ({"userId": "alice", "costs": [planned("a", -1)]}, "amount"),
        ({"userId": "alice", "costs": [planned("a", "0.0000000001")]}, "decimals"),
        ({"userId": "alice", "costs": [planned("", 1)]}, "costs[0].id"),
        ({"userId": "alice", "costs": [planned("a", 1), planned("a", 2)]}, "twice"),
        ({"userId": "alice", "costs": [{"source": "s", "id": "i"}]}, "costs[0].usages"),
        ({"userId": "alice", "costs": [planned("a", 1) | {"usages": USAGES}]}, "either"),
        ({"userId": "alice", "costs": [OF_LLM | {"usages": USAGES * 2}]}, "twice"),
        ({"userId": "alice", "costs": [OF_LLM | {"usages": [], "model": "m"}]}, "usages"),
        (
            {"userId": "alice", "costs": [OF_LLM | {"usages": USAGES, "service": "unknown"}]},
            "no price for unknown inference",
        ),
        ({"userId": "alice", "costs": [planned("a", 1)], "lasts_seconds": 3601}, "lasts_seconds"),
    ],
)
async def test_invalid_request_is_refused(api: ApiClient, body: Any, names: str) -> None:
    path = "/api/costs/call/call-1/reserve"
    response = await api.ask("POST", path, bearer=SERVICE, body=body)
    assert (response.status, response.code) == (400, "invalid_body")
    assert names in response.json["error"]


async def test_only_services_and_admins_may_reserve(api: ApiClient) -> None:
    body = {"userId": "alice", "costs": [planned("a", 1)]}
    for bearer, status in (
        (token("alice"), 403),
        (SERVICE, 200),
        (token("root", role="admin"), 200),
    ):
        path = "/api/costs/call/call-1/reserve"
        assert (await api.ask("POST", path, bearer=bearer, body=body)).status == status
