"""Steps before a call's end, executed at fake vendors: who can, who cannot, and when it is too late."""

from dataclasses import replace

import pytest

from ledger.commands.lists import set_mode
from ledger.postgres.viewers import Viewer, reader_pool
from schemas.call_steps import CallStep
from tests.integration.control.test_execution import write_call
from tests.support.commands import (
    OPTIONS,
    attempt_rows,
    call_events,
    command_rows,
    command_worker,
    request,
    request_steps,
    router,
    until_closed,
    write_calls,
)
from tests.support.events import ended
from tests.support.logins import as_login
from tests.support.recording import fetch
from tests.support.vendor_servers import following, vendor_server

CAPABLE = [
    ("livekit", "warn"),
    ("livekit", "downgrade"),
    ("vapi", "warn"),
    ("webhook", "warn"),
    ("webhook", "downgrade"),
]
INCAPABLE = [
    ("twilio", "warn"), ("twilio", "downgrade"), ("telnyx", "warn"), ("telnyx", "downgrade"),
    ("retell", "warn"), ("retell", "downgrade"), ("vapi", "downgrade"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), CAPABLE)
async def test_step_is_executed_once_after_failures(
    database_url: str, name: str, kind: CallStep
) -> None:
    async with vendor_server(name, following("500", "429", "twice")) as server:
        vendor_call = await write_call(database_url, name, server.port)
        await request_steps(database_url, kind, "call-1")
        async with command_worker(database_url, router({name: server})):
            assert await until_closed(database_url, 1) == ["executed"]
        assert server.executions == {f"{vendor_call}#{kind}": 1}
        assert server.refused == []
    assert [row[1] for row in await attempt_rows(database_url)] == [
        "temporary",
        "temporary",
        "executed",
    ]


@pytest.mark.parametrize(("name", "kind"), INCAPABLE)
async def test_vendor_without_the_step_is_not_asked(
    database_url: str, name: str, kind: CallStep
) -> None:
    async with vendor_server(name) as server:
        await write_call(database_url, name, server.port)
        await request_steps(database_url, kind, "call-1")
        async with command_worker(database_url, router({name: server})):
            assert await until_closed(database_url, 1) == ["unsupported"]
        assert (server.seen, server.refused) == ([], [])
    [row] = await command_rows(database_url)
    assert "There is no webhook for commands" in row["outcome"]


async def test_webhook_gets_the_step_that_the_vendor_cannot_execute(database_url: str) -> None:
    async with vendor_server("twilio") as vendor, vendor_server("webhook") as webhook:
        await write_call(database_url, "twilio", vendor.port)
        await request_steps(database_url, "downgrade", "call-1")
        receivers = router({"twilio": vendor, "webhook": webhook})
        async with command_worker(database_url, receivers):
            assert await until_closed(database_url, 1) == ["executed"]
        assert vendor.seen == []
        [seen] = webhook.seen
    assert seen.request is not None
    event = seen.request.json
    assert (event["type"], event["subject"]) == ("call.downgrade", "call-1")
    assert event["data"]["suggestion"]["to"] == "llama3.1-8b"


async def test_room_without_an_agent_is_tried_again_and_the_caller_told_nothing(
    database_url: str,
) -> None:
    async with vendor_server("livekit") as server:
        await write_call(database_url, "livekit", server.port, "call without an agent")
        await request_steps(database_url, "warn", "call without an agent")
        options = replace(OPTIONS, deadline_seconds=1)
        async with command_worker(database_url, router({"livekit": server}), options):
            assert await until_closed(database_url, 1) == ["expired"]
        assert (server.seen, server.refused) == ([], [])
    assert (await attempt_rows(database_url))[0][3] == "No agent is in the room."


async def test_waiting_step_of_an_ended_call_is_not_executed(database_url: str) -> None:
    async with vendor_server("livekit") as server:
        await write_call(database_url, "livekit", server.port)
        await request_steps(database_url, "warn", "call-1")
        await write_calls(database_url, ended("call-1", "alice"))
        async with command_worker(database_url, router({"livekit": server})):
            assert await until_closed(database_url, 1) == ["ended"]
        assert server.seen == []
    assert await attempt_rows(database_url) == []


async def test_waiting_step_is_not_executed_once_the_end_is_requested(database_url: str) -> None:
    async with vendor_server("livekit", following("500")) as server:
        await write_call(database_url, "livekit", server.port)
        await request_steps(database_url, "warn", "call-1")
        await request_steps(database_url, "downgrade", "call-1")
        await request(database_url, "call-1", version=2)
        async with command_worker(database_url, router({"livekit": server})):
            assert await until_closed(database_url, 3) == ["ended", "ended", "executed"]
        assert [one.call for one in server.seen] == ["livekit:call-1", "livekit:call-1"]
    outcomes = [row["outcome"] for row in await command_rows(database_url)]
    assert outcomes[0] == "The end of the call was requested."


@pytest.mark.parametrize(("mode", "state"), [("dry_run", "dry_run"), ("stopped", "expired")])
async def test_modes_hold_for_steps(database_url: str, mode: str, state: str) -> None:
    async with (
        reader_pool(as_login(database_url, "api"), connections_max=1) as readers,
        readers.writing(Viewer("root", reads_all=True)) as connection,
    ):
        await set_mode(connection, mode, "A test.", changed_by="root")  # type: ignore[arg-type]
    async with vendor_server("livekit") as server:
        await write_call(database_url, "livekit", server.port)
        await request_steps(database_url, "warn", "call-1")
        options = replace(OPTIONS, deadline_seconds=1)
        async with command_worker(database_url, router({"livekit": server}), options):
            assert await until_closed(database_url, 1) == [state]
        assert server.seen == []


async def test_ends_of_calls_are_claimed_before_steps(database_url: str) -> None:
    await write_calls(database_url, *call_events("call-1"), *call_events("call-2"))
    await request_steps(database_url, "warn", "call-1")
    await request(database_url, "call-2")
    options = replace(OPTIONS, concurrent_max=1)
    async with command_worker(database_url, router({}), options):
        await until_closed(database_url, 2)
    rows = await fetch(
        database_url,
        "SELECT c.kind FROM call_command_attempts AS a JOIN call_commands AS c USING (command_id) ORDER BY a.at",
    )
    assert [row["kind"] for row in rows] == ["cutoff", "warn"]
