"""Charge plans over HTTP: administrators enter and list them, a user sees that of each own call."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from ledger.postgres.viewers import Viewer, reader_pool
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.charge_plans import SamplePlan, enter_plans
from tests.support.events import cost, ended, started
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog

PLANS = "/api/admin/charge-plans"
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
PER_MINUTE = {
    "userId": "alice",
    "kind": "per_minute",
    "amount_usd": "0.35",
    "increment_seconds": 60,
    "includedMinutes": 1,
    "effectiveFrom": "2026-01-01T00:00:00Z",
}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url) as api:
        yield api


async def admin(api: ApiClient, method: str, path: str = PLANS, body: Any = None) -> ApiResponse:
    return await api.ask(method, path, bearer=token("root", role="admin"), body=body)


async def test_administrators_enter_plans_and_list_them(api: ApiClient) -> None:
    assert (await admin(api, "GET")).data == {"plans": []}
    assert (await admin(api, "POST", body=PER_MINUTE)).data == {"result": "entered"}
    assert (await admin(api, "POST", body=PER_MINUTE)).data == {"result": "known"}
    changed = await admin(api, "POST", body={**PER_MINUTE, "amount_usd": "0.36"})
    assert (changed.status, changed.code) == (409, "plan_conflict")
    assert "a changed plan needs another effective_from" in changed.json["error"]
    [plan] = (await admin(api, "GET")).data["plans"]
    assert (plan["amount_usd"], plan["state"], plan["setBy"], plan["source"]) == (
        Decimal("0.35"), "in force", "admin root", "entered by root",
    )  # fmt: skip
    assert plan["description"] == "$0.35 per minute, in 60 s steps, 1 min included"

    await admin(api, "POST", body={"kind": "ended", "userId": "alice"})
    assert [one["kind"] for one in (await admin(api, "GET")).data["plans"]] == ["ended"]
    everything = (await admin(api, "GET", f"{PLANS}?all=true")).data["plans"]
    assert [one["state"] for one in everything] == ["past", "in force"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"kind": "default"}, "A plan of the kind default has no amount_usd."),
        ({"amount_usd": None}, "A plan of the kind per_minute needs amount_usd."),
        ({"amount_usd": "0.0000000001"}, "amount_usd must be a number from 0 to 1000000"),
        ({"tagKey": "campaign"}, "The tag `campaign` has 0 characters"),
        ({"markup_percent": 1}, "A plan of the kind per_minute has no markup_percent."),
        ({"increment_seconds": -1}, "increment_seconds"),
        ({"kind": "weekly"}, "kind"),
        ({"planId": 1}, "planId"),
    ],
)
async def test_invalid_plans_are_refused(
    api: ApiClient, changed: dict[str, Any], reason: str
) -> None:
    refused = await admin(api, "POST", body={**PER_MINUTE, **changed})
    assert (refused.status, refused.code) == (400, "invalid_body")
    assert reason in refused.json["error"]


async def test_a_call_shows_the_plan_that_it_was_charged_by(
    api: ApiClient, database_url: str
) -> None:
    await enter_plans(
        database_url,
        SamplePlan("per_minute", "0.35", increment=60, included=1, user="alice"),
        SamplePlan("cost_plus", "0.10", markup="25", persona="sarah_001"),
    )
    events = [
        started("call-1", time=NOW),
        ended("call-1", time=NOW, duration_seconds=190),
        started("call-2", "bob", time=NOW, persona="sarah_001"),
        cost("call-2", "bob", time=NOW, totalCost=1),
        ended("call-2", "bob", time=NOW),
        ended("call-3", "bob", time=NOW),
        ended("call-4", "bob", time=NOW, status="failed"),
    ]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))

    async def plan_of(call: str, user: str) -> Any:
        found = await api.ask("GET", f"/api/costs/call/{call}", bearer=token(user))
        return found.data["chargePlan"]

    per_minute = {
        "planId": 1,
        "kind": "per_minute",
        "description": "Per minute: 4 min at $0.35, 1 min included",
        "billed_seconds": 240,
        "costBasis": None,
    }
    assert await plan_of("call-1", "alice") == per_minute
    assert await plan_of("call-2", "bob") == {
        "planId": 2,
        "kind": "cost_plus",
        "description": "Cost plus 25% and $0.10, of a cost of $1.035",
        "billed_seconds": None,
        "costBasis": Decimal("1.035"),
    }
    default = {**per_minute, "planId": None, "kind": "default", "billed_seconds": None}
    assert await plan_of("call-3", "bob") == {**default, "description": "Default price"}
    assert await plan_of("call-4", "bob") is None


async def test_lists_events_and_exports_show_the_plan(api: ApiClient, database_url: str) -> None:
    await enter_plans(database_url, SamplePlan("per_call", "1.50"))
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([ended("call-1", time=NOW)]))
    plan = {
        "planId": 1,
        "kind": "per_call",
        "description": "Per call: $1.50",
        "billed_seconds": None,
        "costBasis": None,
    }
    calls = (await api.ask("GET", "/api/costs/user/alice/calls", bearer=token("alice"))).data[
        "calls"
    ]
    assert [one["chargePlan"] for one in calls] == [plan]
    path = "/api/costs/call/call-1/events"
    listed = (await api.ask("GET", path, bearer=token("alice"))).data["events"]
    [settled] = [one["data"] for one in listed if one["type"] == "call.settled"]
    assert settled["chargePlan"] == plan
    exported = await api.ask(
        "GET", "/api/costs/user/alice/export.csv?type=calls", bearer=token("alice")
    )
    assert "1,Per call: $1.50" in exported.body.decode()


async def test_plans_are_hidden_from_users(api: ApiClient) -> None:
    await admin(api, "POST", body=PER_MINUTE)
    for user in ("alice", "bob"):
        for method, body in (("GET", None), ("POST", PER_MINUTE)):
            refused = await api.ask(method, PLANS, bearer=token(user), body=body)
            assert (refused.status, refused.code) == (403, "forbidden")


async def test_row_policies_hide_plans_of_other_users(database_url: str) -> None:
    await enter_plans(
        database_url,
        SamplePlan("per_call", "1"),
        SamplePlan("per_call", "2", user="alice"),
        SamplePlan("per_call", "3", user="bob"),
    )
    add = "INSERT INTO charge_plans (user_id, effective_from, kind, source, set_by) SELECT 'bob', now(), 'ended', '', ''"
    async with reader_pool(as_login(database_url, "api")) as readers:
        for viewer, seen in (
            (Viewer("bob"), ["", "bob"]),
            (Viewer("root", reads_all=True), ["", "alice", "bob"]),
        ):
            async with readers.reading(viewer) as connection:
                rows = await connection.fetch("SELECT user_id FROM charge_plans ORDER BY plan_id")
                assert [row["user_id"] for row in rows] == seen
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with readers.writing(Viewer("bob")) as connection:
                await connection.execute(add)


async def test_expected_charges_follow_the_plan(api: ApiClient, database_url: str) -> None:
    """Authorization and burn rate expect the charge of the call's own plan."""
    await enter_plans(
        database_url,
        SamplePlan("per_minute", "0.30", user="alice"),
        SamplePlan("per_call", "2", user="alice", persona="sarah_001"),
        SamplePlan("per_call", "7", user="bob"),
    )
    path, service = "/api/costs/user/alice/authorize", token("voice", role="service")
    body = {"callId": "call-1", "expectedDuration_seconds": 600}
    held = await api.ask("POST", path, bearer=service, body=body)
    assert held.data["held"] == 3
    async with BatchWriter(database_url) as writer:
        begin = started("call-1", time=NOW, persona="sarah_001", expectedDuration_seconds=3600)
        await writer.record(TopicLog().batch([begin]))
    held = await api.ask("POST", path, bearer=service, body=body)
    assert held.data["held"] == 2
    budget = await api.ask("GET", "/api/costs/user/alice/budget", bearer=token("alice"))
    assert budget.data["burnRatePerHour"] == 2
