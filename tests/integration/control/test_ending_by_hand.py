"""Calls that people end, and the switch of all commands."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.api import ApiClient, served_from, token
from tests.support.commands import (
    attempt_rows,
    call_events,
    command_rows,
    command_worker,
    request,
    router,
    until_closed,
    write_calls,
)
from tests.support.events import ended
from tests.support.recording import fetch
from tests.support.vendor_servers import following, vendor_server

END, COMMANDS = "/api/costs/call/call-1/end", "/api/costs/call/call-1/commands"
MODE, ALL = "/api/admin/commands/mode", "/api/admin/commands"
ADMIN = token("root", role="admin")


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    """Serve calls of alice at Twilio: call-1, call-2 and the finished call-3."""
    for call in ("call-1", "call-2", "call-3"):
        await write_calls(database_url, *call_events(call, "twilio"))
    await write_calls(database_url, ended("call-3", "alice", time=datetime.now(UTC)))
    async with served_from(database_url) as api:
        yield api


async def end(api: ApiClient, bearer: str, path: str = END, **body: Any) -> Any:
    return await api.ask("POST", path, bearer=bearer, body=body)


def requested(answer: Any) -> Any:
    """Return the command of an answer."""
    assert answer.status == 202, answer.body
    return json.loads(answer.body)["data"]


async def test_owner_ends_a_call_once(api: ApiClient, database_url: str) -> None:
    answers = await asyncio.gather(*(end(api, token("alice"), reason="Too long") for _ in range(5)))
    assert {answer.status for answer in answers} == {202}
    assert len({requested(answer)["commandId"] for answer in answers}) == 1
    [message] = await fetch(database_url, "SELECT aggregateid, payload FROM outbox")
    event = json.loads(message["payload"])
    assert (message["aggregateid"], event["type"]) == ("call-1", "call.cutoff.requested")
    assert (event["data"]["requestedBy"], event["data"]["reason"]) == ("user alice", "Too long")
    async with vendor_server("twilio") as server:
        async with command_worker(database_url, router({"twilio": server})):
            assert await until_closed(database_url, 1) == ["executed"]
        again = await end(api, token("alice"))
        assert requested(again)["commandId"] == requested(answers[0])["commandId"]
        assert server.executions == {"twilio:call-1": 1}
    [listed] = (await api.get(COMMANDS, "alice")).data["commands"]
    assert (listed["state"], listed["cause"], listed["kind"]) == ("executed", "hand", "cutoff")
    assert listed["endedAt"] is not None
    assert "outcome" not in listed


async def test_only_owner_and_administrators_end_a_call(api: ApiClient, database_url: str) -> None:
    foreign = await end(api, token("bob"))
    unknown = await end(api, token("bob"), "/api/costs/call/nowhere/end")
    assert (foreign.status, foreign.body) == (403, unknown.body)
    assert (await end(api, token("billing", role="service"))).status == 403
    assert (await api.get(COMMANDS, "bob")).status == 403
    assert await command_rows(database_url) == []
    assert (await end(api, ADMIN)).status == 202
    [row] = await command_rows(database_url)
    assert (row["user_id"], row["requested_by"]) == ("alice", "admin root")
    assert row["reason"] == "Ended by hand."


async def test_ended_call_cannot_be_ended(api: ApiClient, database_url: str) -> None:
    answer = await end(api, token("alice"), "/api/costs/call/call-3/end")
    assert (answer.status, answer.code) == (409, "call_finished")
    assert await command_rows(database_url) == []


async def set_mode(api: ApiClient, mode: str, bearer: str = ADMIN) -> Any:
    return await api.ask("PUT", MODE, bearer=bearer, body={"mode": mode, "reason": f"To {mode}"})


async def test_switch_stops_all_processes_at_once(api: ApiClient, database_url: str) -> None:
    async with vendor_server("twilio") as server:
        receivers = [router({"twilio": server}) for _ in range(2)]
        async with (
            command_worker(database_url, receivers[0]),
            command_worker(database_url, receivers[1]),
        ):
            stopped = await set_mode(api, "stopped")
            assert stopped.data["mode"] == "stopped"
            await request(database_url, "call-1")
            await end(api, token("alice"), "/api/costs/call/call-2/end")
            await asyncio.sleep(0.5)
            assert server.seen == []
            assert {row["state"] for row in await command_rows(database_url)} == {"pending"}
            await set_mode(api, "execute")
            assert await until_closed(database_url, 2) == ["executed"] * 2
    body = (await api.ask("GET", MODE, bearer=ADMIN)).data
    assert [(one["mode"], one["changedBy"]) for one in body["changes"]] == [
        ("execute", "admin root"),
        ("stopped", "admin root"),
        ("execute", "migrate"),
    ]
    assert body["changes"][1]["reason"] == "To stopped"


async def test_dry_run_records_commands_and_sends_nothing(
    api: ApiClient, database_url: str
) -> None:
    await set_mode(api, "dry_run")
    await request(database_url, "call-1")
    async with vendor_server("twilio") as server:
        async with command_worker(database_url, router({"twilio": server})):
            assert await until_closed(database_url, 1) == ["dry_run"]
        assert server.seen == []
    assert await attempt_rows(database_url) == [
        ("twilio", "dry_run", None, "Dry run: nothing was sent.")
    ]


async def test_administrators_list_commands_with_their_attempts(
    api: ApiClient, database_url: str
) -> None:
    await request(database_url, "call-1", "call-2")
    async with (
        vendor_server("twilio", following("500")) as server,
        command_worker(database_url, router({"twilio": server})),
    ):
        await until_closed(database_url, 2)
    first = (await api.ask("GET", f"{ALL}?limit=1", bearer=ADMIN)).data
    assert [one["callId"] for one in first["commands"]] == ["call-2"]
    path = f"{ALL}?limit=1&cursor={first['nextCursor']}&state=executed"
    second = (await api.ask("GET", path, bearer=ADMIN)).data
    [command] = second["commands"]
    assert (command["callId"], command["userId"], command["target"]) == (
        "call-1",
        "alice",
        "twilio",
    )
    assert [(one["number"], one["outcome"], one["status"]) for one in command["attempts"]] == [
        (1, "temporary", "500"),
        (2, "executed", "200"),
    ]
    assert second["nextCursor"] is None
    assert (await api.ask("GET", f"{ALL}?state=failed", bearer=ADMIN)).data["commands"] == []


@pytest.mark.parametrize("path", [ALL, MODE])
async def test_only_administrators_see_all_commands(api: ApiClient, path: str) -> None:
    assert (await api.get(path, "alice")).status == 403


async def test_mode_changes_only_with_a_reason_and_by_administrators(api: ApiClient) -> None:
    assert (await set_mode(api, "stopped", token("alice"))).status == 403
    for body in (
        {"mode": "stopped"},
        {"mode": "stopped", "reason": " "},
        {"mode": "x", "reason": "y"},
    ):
        assert (await api.ask("PUT", MODE, bearer=ADMIN, body=body)).status == 400
    assert (await api.ask("GET", MODE, bearer=ADMIN)).data["mode"] == "execute"
