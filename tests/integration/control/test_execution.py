"""Commands in a real database, executed at fake vendors in the documented shapes."""

import asyncio
from dataclasses import replace

import pytest

from tests.support.commands import (
    OPTIONS,
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
from tests.support.vendor_requests import VENDORS
from tests.support.vendor_servers import following, vendor_server

NAMES = [*VENDORS]


async def write_call(url: str, name: str, port: int, call: str = "call-1") -> str:
    """Write a call that a vendor carries; returns the vendor's id of it."""
    control = f"https://127.0.0.1:{port}/vapi:{call}/control" if name == "vapi" else None
    provider = "somebody" if name == "webhook" else name
    await write_calls(url, *call_events(call, provider, control_url=control))
    if control:  # the fake vendor has no certificate
        await fetch(
            url,
            """UPDATE call_cost_events SET data = replace(data::text, 'https:', 'http:')::json
               WHERE type = 'call.updated'""",
        )
    return call if name == "webhook" else f"{provider}:{call}"


@pytest.mark.parametrize("name", NAMES)
async def test_cutoff_ends_the_call_through_its_vendor(database_url: str, name: str) -> None:
    async with vendor_server(name) as server:
        vendor_call = await write_call(database_url, name, server.port)
        await request(database_url, "call-1")
        async with command_worker(database_url, router({name: server})):
            assert await until_closed(database_url, 1) == ["executed"]
        assert server.executions == {vendor_call: 1}
        assert server.refused == []
    status = "204" if name == "retell" else "200"
    assert await attempt_rows(database_url) == [(name, "executed", status, None)]


@pytest.mark.parametrize("name", NAMES)
async def test_failures_are_repeated_until_the_call_is_ended(database_url: str, name: str) -> None:
    async with vendor_server(name, following("500", "429", "twice")) as server:
        vendor_call = await write_call(database_url, name, server.port)
        await request(database_url, "call-1")
        async with command_worker(database_url, router({name: server})):
            assert await until_closed(database_url, 1) == ["executed"]
            await asyncio.sleep(0.2)
        assert server.executions == {vendor_call: 1}
        assert [one.behaviour for one in server.seen] == ["500", "429", "twice"]
    attempts = await attempt_rows(database_url)
    assert [(row[0], row[1], row[2]) for row in attempts[:2]] == [
        (name, "temporary", "500"),
        (name, "temporary", "429"),
    ]
    assert "A scripted failure" in attempts[0][3]


@pytest.mark.parametrize("name", NAMES)
async def test_call_that_its_vendor_has_ended_is_not_ended_again(
    database_url: str, name: str
) -> None:
    async with vendor_server(name, following("ended")) as server:
        await write_call(database_url, name, server.port)
        await request(database_url, "call-1")
        async with command_worker(database_url, router({name: server})):
            assert await until_closed(database_url, 1) == ["ended"]
        assert len(server.seen) == 1


@pytest.mark.parametrize("name", NAMES)
async def test_end_whose_answer_was_lost_counts_as_executed(database_url: str, name: str) -> None:
    async with vendor_server(name, following("lost")) as server:
        vendor_call = await write_call(database_url, name, server.port)
        await request(database_url, "call-1")
        async with command_worker(database_url, router({name: server})):
            assert await until_closed(database_url, 1) == ["executed"]
        assert server.executions == {vendor_call: 1}
    assert [row[1] for row in await attempt_rows(database_url)] == ["temporary", "ended"]


async def test_refused_request_is_not_repeated(database_url: str) -> None:
    async with vendor_server("retell", following("400")) as server:
        await write_call(database_url, "retell", server.port)
        await request(database_url, "call-1")
        async with command_worker(database_url, router({"retell": server})):
            assert await until_closed(database_url, 1) == ["failed"]
    [row] = await command_rows(database_url)
    assert row["outcome"] == "It answered 400: A scripted failure"


async def test_command_of_an_ended_call_is_closed_without_an_attempt(database_url: str) -> None:
    async with vendor_server("twilio") as server:
        await write_call(database_url, "twilio", server.port)
        await write_calls(database_url, ended("call-1", "alice"))
        await request(database_url, "call-1")
        async with command_worker(database_url, router({"twilio": server})):
            assert await until_closed(database_url, 1) == ["ended"]
        assert server.seen == []
    assert await attempt_rows(database_url) == []


async def test_command_expires_after_its_deadline(database_url: str) -> None:
    async with vendor_server("twilio", lambda *_: "500") as server:
        await write_call(database_url, "twilio", server.port)
        await request(database_url, "call-1")
        options = replace(OPTIONS, deadline_seconds=1)
        async with command_worker(database_url, router({"twilio": server}), options):
            assert await until_closed(database_url, 1) == ["expired"]
        assert len(server.seen) >= 1
    [row] = await command_rows(database_url)
    assert row["outcome"] == "No attempt succeeded in time."


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (None, "No event names the vendor of the call."),
        ("somebody", "The vendor somebody is not configured."),
        ("vapi", "No event names the control address of the call."),
    ],
)
async def test_command_without_a_receiver_is_unsupported(
    database_url: str, provider: str | None, words: str
) -> None:
    await write_calls(database_url, *call_events("call-1", provider))
    await request(database_url, "call-1")
    async with command_worker(database_url, router({})):
        assert await until_closed(database_url, 1) == ["unsupported"]
    [row] = await command_rows(database_url)
    assert row["outcome"].startswith(words)
    assert "COMMANDS_WEBHOOK_URL" in row["outcome"]


async def test_several_workers_execute_each_command_once(database_url: str) -> None:
    calls = [f"call-{number:02}" for number in range(30)]
    async with vendor_server("telnyx", following("late")) as server:
        for call in calls:
            await write_call(database_url, "telnyx", server.port, call)
        await request(database_url, *calls)
        receivers = [router({"telnyx": server}) for _ in range(3)]
        async with (
            command_worker(database_url, receivers[0]),
            command_worker(database_url, receivers[1]),
            command_worker(database_url, receivers[2]),
        ):
            await until_closed(database_url, len(calls))
        assert sorted(one.call for one in server.seen) == [f"telnyx:{call}" for call in calls]
        assert set(server.executions.values()) == {1}


async def test_control_address_in_a_private_network_is_never_called(database_url: str) -> None:
    async with vendor_server("vapi") as server:
        await write_call(database_url, "vapi", server.port)
        await request(database_url, "call-1")
        guarded = router({"vapi": server}, WEBHOOK_ALLOW_PRIVATE="false")
        async with command_worker(database_url, guarded):
            assert await until_closed(database_url, 1) == ["failed"]
        await request(database_url, "call-1", version=2)
        other_host = router({"vapi": server}, VAPI_CONTROL_HOSTS="vapi.ai")
        async with command_worker(database_url, other_host):
            assert await until_closed(database_url, 2) == ["failed", "failed"]
        assert server.seen == []
        assert server.refused == []
    outcomes = [row["outcome"] for row in await command_rows(database_url)]
    assert outcomes[0] == "The address is not HTTPS on an allowed port."
    assert outcomes[1] == "The control address is on no host of VAPI_CONTROL_HOSTS."
