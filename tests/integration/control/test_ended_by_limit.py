"""What calls, their lists and their tags say about the limit that ended a call."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.api import ApiClient, served_from, token
from tests.support.commands import (
    call_events,
    command_rows,
    command_worker,
    request,
    router,
    until_closed,
    write_calls,
)
from tests.support.events import cost, ended
from tests.support.recording import fetch
from tests.support.vendor_servers import Behaviour, following, vendor_server

CALL, LIST = "/api/costs/call/call-1", "/api/costs/user/alice/calls"
ADMIN = token("root", role="admin")


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    """Serve the calls call-1 and call-2 of alice at Twilio."""
    for call in ("call-1", "call-2"):
        await write_calls(database_url, *call_events(call, "twilio"))
    async with served_from(database_url) as api:
        yield api


async def tag_of(api: ApiClient, path: str) -> str:
    return str((await api.ask("GET", path, bearer=token("alice"))).headers["ETag"])


async def revalidate(api: ApiClient, path: str, tag: str) -> Any:
    return await api.ask("GET", path, bearer=token("alice"), headers={"If-None-Match": tag})


async def limits(api: ApiClient) -> dict[str, Any]:
    """Return `endedByLimit` by call, from the call itself; its lists must say the same."""
    by_call = {}
    for call in ("call-1", "call-2"):
        by_call[call] = (await api.get(f"/api/costs/call/{call}", "alice")).data["endedByLimit"]
    for order in ("", "?sort=totalCost"):
        listed = (await api.get(f"{LIST}{order}", "alice")).data["calls"]
        assert {one["callId"]: one["endedByLimit"] for one in listed} == by_call
    return by_call


async def execute(database_url: str, *statuses: Behaviour) -> list[str]:
    """Execute all commands at Twilio, which answers with these statuses first."""
    commands = len(await command_rows(database_url))
    async with (
        vendor_server("twilio", following(*statuses)) as server,
        command_worker(database_url, router({"twilio": server})),
    ):
        return await until_closed(database_url, commands)


async def test_call_names_the_limit_that_ended_it(api: ApiClient, database_url: str) -> None:
    await request(database_url, "call-1", version=3)
    assert await limits(api) == {"call-1": None, "call-2": None}, "only requested"
    assert await execute(database_url) == ["executed"]
    [command] = await command_rows(database_url)
    executed_at = command["ended_at"].astimezone(UTC)
    found = await limits(api)
    assert found["call-2"] is None
    assert datetime.fromisoformat(found["call-1"].pop("executedAt")) == executed_at
    assert found["call-1"] == {"limit_usd": 1, "budgetId": None, "limitVersion": 3}
    foreign = await api.ask("GET", CALL, bearer=token("bob"))
    assert foreign.status == 403


async def test_execution_changes_the_tags_of_call_and_list(
    api: ApiClient, database_url: str
) -> None:
    await request(database_url, "call-1")
    tags = {path: await tag_of(api, path) for path in (CALL, f"{CALL[:-1]}2", LIST)}
    for path, tag in tags.items():
        assert (await revalidate(api, path, tag)).status == 304
    assert await execute(database_url, "500") == ["executed"]
    statuses = {path: (await revalidate(api, path, tag)).status for path, tag in tags.items()}
    assert statuses == {CALL: 200, f"{CALL[:-1]}2": 304, LIST: 200}
    current = await tag_of(api, CALL)
    assert (await revalidate(api, CALL, current)).status == 304


async def test_call_that_ended_before_was_not_ended_by_its_limit(
    api: ApiClient, database_url: str
) -> None:
    await request(database_url, "call-1")
    later = datetime.now(UTC) + timedelta(seconds=1)
    await write_calls(database_url, ended("call-1", "alice", time=later))
    assert await execute(database_url) == ["ended"]
    assert await limits(api) == {"call-1": None, "call-2": None}


async def test_dry_run_does_not_end_a_call(api: ApiClient, database_url: str) -> None:
    mode = {"mode": "dry_run", "reason": "A trial"}
    await api.ask("PUT", "/api/admin/commands/mode", bearer=ADMIN, body=mode)
    await request(database_url, "call-1")
    assert await execute(database_url) == ["dry_run"]
    assert await limits(api) == {"call-1": None, "call-2": None}


async def test_call_ended_by_hand_was_not_ended_by_a_limit(
    api: ApiClient, database_url: str
) -> None:
    answer = await api.ask("POST", f"{CALL}/end", bearer=token("alice"), body={})
    assert answer.status == 202
    assert await execute(database_url) == ["executed"]
    await request(database_url, "call-1")  # its vendor has not reported the end yet
    assert await execute(database_url) == ["executed", "executed"]
    assert await limits(api) == {"call-1": None, "call-2": None}


async def test_budget_of_a_persona_is_named(api: ApiClient, database_url: str) -> None:
    body = {"scope": {"kind": "persona", "value": "brad_001"}, "period": "call", "limit_usd": 1}
    made = await api.ask("POST", "/api/costs/user/alice/budgets", bearer=token("alice"), body=body)
    assert made.status == 200, made.body
    await write_calls(
        database_url, cost("call-2", "alice", totalCost="1.5", time=datetime.now(UTC))
    )
    assert await execute(database_url) == ["executed"]
    found = (await limits(api))["call-2"]
    assert found["budgetId"] == json.loads(made.body)["data"]["budgetId"]
    [payload] = await fetch(database_url, "SELECT payload FROM call_commands")
    assert json.loads(payload["payload"])["data"]["budgetId"] == found["budgetId"]
