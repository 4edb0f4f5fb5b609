"""Processes that end calls are killed, and vendors fail in every way: each call is still ended.

A kill after a vendor's success, before it is stored, ends the call again: the vendor then answers
that it has ended. No request follows a success that is stored.
"""

import asyncio
import random
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

import pytest

from tests.support import parts
from tests.support.commands import call_events, command_rows, request, write_calls
from tests.support.commands_process import CommandsProcess
from tests.support.fault_table import FaultRecorder
from tests.support.recording import fetch
from tests.support.vendor_servers import (
    VENDORS,
    Behaviour,
    VendorServer,
    settings_of,
    vendor_server,
)

CALLS = 24
"""Calls of each vendor."""
KILLS = 4
NO_BROKER = "127.0.0.1:1"
"""Without a broker the poll finds every command."""
FAILURES: tuple[Behaviour, ...] = ("500", "429", "late", "lost", "twice", "hang", "ok", "ok")


def failing(call: str, number: int) -> Behaviour:
    """Fail up to two requests about a call, in ways that follow from its name; then succeed."""
    chance = random.Random(f"{call} {number}")
    return chance.choice(FAILURES) if number <= 2 else "ok"


async def expire_claims(database_url: str) -> None:
    """Expire the claims of dead processes, and the waits of retries, at once."""
    await fetch(
        database_url,
        """UPDATE call_commands SET claimed_until = now()
           WHERE state = 'executing' AND claimed_until < now() + interval '18 seconds'""",
    )
    await fetch(
        database_url,
        "UPDATE call_commands SET next_attempt_at = now() WHERE state = 'pending'",
    )


async def count(database_url: str, *states: str) -> int:
    return sum(row["state"] in states for row in await command_rows(database_url))


def successes(servers: Mapping[str, VendorServer]) -> int:
    return sum(len(server.executions) for server in servers.values())


async def until_more(servers: Mapping[str, VendorServer], more: int, database_url: str) -> None:
    begin = successes(servers)
    async with asyncio.timeout(60):
        while successes(servers) < min(begin + more, CALLS * len(VENDORS)):
            await asyncio.sleep(0.02)
            await expire_claims(database_url)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[CommandsProcess]]:
    started: list[CommandsProcess] = []
    yield started
    for process in started:
        process.abandon()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_kills_and_failing_vendors_lose_no_cutoff_and_repeat_none_after_a_success(
    database_url: str,
    tmp_path: Path,
    processes: list[CommandsProcess],
    record_fault: FaultRecorder,
) -> None:
    servers = await _run_and_kill(database_url, tmp_path, processes)
    rows = await command_rows(database_url)
    assert {row["state"] for row in rows} == {"executed"}
    ended = {row["call_id"]: row["ended_at"] for row in rows}
    requests = [(_call(one.call), one.at_ns) for s in servers.values() for one in s.seen]
    after_success = [call for call, at_ns in requests if at_ns / 1e9 > _seconds(ended[call])]
    executed = {_call(call) for server in servers.values() for call in server.executions}
    assert not [server.refused for server in servers.values() if server.refused]
    [interrupted] = await fetch(
        database_url,
        "SELECT count(*) FROM call_command_attempts WHERE outcome = 'interrupted'",
    )
    parts.figures.append(
        f"{KILLS} kills of two processes that end calls at six failing vendors: commands {len(rows)}, "
        f"requests {len(requests)}, executed {len(executed)}, difference {len(rows) - len(executed)}, "
        f"interrupted {interrupted[0]}, requests after a stored success {len(after_success)}"
    )
    record_fault(
        f"processes that end calls killed {KILLS} times, vendors failing",
        sent=len(rows),
        counted=len(executed),
        difference=len(rows) - len(executed),
    )
    assert executed == set(ended)
    assert after_success == []


async def _run_and_kill(
    database_url: str, directory: Path, processes: list[CommandsProcess]
) -> dict[str, VendorServer]:
    """Request the ends of all calls, and kill processes until all commands have ended."""
    async with AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(vendor_server(name, failing)) for name in VENDORS
        }
        values = {
            "DATABASE_URL": database_url,
            "KAFKA_BOOTSTRAP_SERVERS": NO_BROKER,
            **settings_of(servers),
        }
        await _request_all(database_url, servers)
        for name in ("one", "other"):
            processes.append(CommandsProcess(directory, values, name))
            processes[-1].start()
        for number in range(KILLS):
            await until_more(servers, 15, database_url)
            victim = processes[number % 2]
            victim.kill()
            victim.start()
        async with asyncio.timeout(150):
            while await count(database_url, "pending", "executing"):
                await asyncio.sleep(0.2)
                await expire_claims(database_url)
        for process in processes:
            await process.stop()
    return servers


async def _request_all(database_url: str, servers: Mapping[str, VendorServer]) -> None:
    """Write calls of each vendor, and request their ends."""
    events, names = [], []
    for vendor, server in servers.items():
        for number in range(CALLS):
            call = f"{vendor}-{number:02}"
            control = f"https://127.0.0.1:{server.port}/vapi:{call}/control"
            provider = "somebody" if vendor == "webhook" else vendor
            used = control if vendor == "vapi" else None
            events += call_events(call, provider, control_url=used)
            names.append(call)
    await write_calls(database_url, *events)
    await fetch(  # the fake vendors have no certificates
        database_url,
        """UPDATE call_cost_events SET data = replace(data::text, 'https:', 'http:')::json
           WHERE type = 'call.updated'""",
    )
    await request(database_url, *names)


def _call(vendor_call: str) -> str:
    """Return our id of a vendor's call."""
    return vendor_call.partition(":")[2] or vendor_call


def _seconds(at: datetime) -> float:
    return at.timestamp()
