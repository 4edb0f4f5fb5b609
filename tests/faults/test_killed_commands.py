"""Processes that execute commands are killed, and vendors fail in every way: none is lost.

A kill after a vendor's success, before it is stored, ends the call again: the vendor then answers
that it has ended. No request follows a success that is stored.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support import parts
from tests.support.commands import command_rows, request, request_steps
from tests.support.commands_process import CommandsProcess
from tests.support.fault_table import FaultRecorder
from tests.support.killed_commands import (
    KILLS,
    interruptions,
    our_call,
    run_and_kill,
    write_vendor_calls,
)
from tests.support.vendor_requests import VENDORS
from tests.support.vendor_servers import VendorServer

CALLS = 24
"""Calls of each vendor that are ended."""
WARNED_CALLS = 12
"""Calls of each vendor that are warned and downgraded."""
STEPS = {"livekit": 2, "vapi": 1}
"""How many of the two steps a vendor can execute."""


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
    async def request_all(servers: Mapping[str, VendorServer]) -> int:
        calls = await write_vendor_calls(database_url, servers, CALLS)
        await request(database_url, *calls)
        return len(calls)

    servers = await run_and_kill(database_url, tmp_path, processes, VENDORS, request_all)
    rows = await command_rows(database_url)
    assert {row["state"] for row in rows} == {"executed"}
    ended = {row["call_id"]: row["ended_at"].timestamp() for row in rows}
    requests = [(our_call(one.call), one.at_ns) for s in servers.values() for one in s.seen]
    after_success = [call for call, at_ns in requests if at_ns / 1e9 > ended[call]]
    executed = {our_call(call) for server in servers.values() for call in server.executions}
    assert not [server.refused for server in servers.values() if server.refused]
    parts.figures.append(
        f"{KILLS} kills of two processes that end calls at six failing vendors: commands {len(rows)}, "
        f"requests {len(requests)}, executed {len(executed)}, difference {len(rows) - len(executed)}, "
        f"interrupted {await interruptions(database_url)}, "
        f"requests after a stored success {len(after_success)}"
    )
    record_fault(
        f"processes that end calls killed {KILLS} times, vendors failing",
        sent=len(rows),
        counted=len(executed),
        difference=len(rows) - len(executed),
    )
    assert executed == set(ended)
    assert after_success == []


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_kills_and_failing_vendors_lose_no_step_and_ask_no_vendor_that_has_none(
    database_url: str,
    tmp_path: Path,
    processes: list[CommandsProcess],
    record_fault: FaultRecorder,
) -> None:
    async def request_all(servers: Mapping[str, VendorServer]) -> int:
        calls = await write_vendor_calls(database_url, servers, WARNED_CALLS)
        await request_steps(database_url, "warn", *calls)
        await request_steps(database_url, "downgrade", *calls)
        return WARNED_CALLS * sum(STEPS.values())

    vendors = [name for name in VENDORS if name != "webhook"]
    servers = await run_and_kill(database_url, tmp_path, processes, vendors, request_all)
    rows = await command_rows(database_url)
    done = {
        f"{row['call_id']}#{row['kind']}": row["ended_at"].timestamp()
        for row in rows
        if row["state"] == "executed"
    }
    unsupported = [row for row in rows if row["state"] == "unsupported"]
    requests = [(our_call(one.call), one.at_ns) for s in servers.values() for one in s.seen]
    after_success = [step for step, at_ns in requests if at_ns / 1e9 > done[step]]
    executed = {our_call(call) for server in servers.values() for call in server.executions}
    difference = len(rows) - len(executed) - len(unsupported)
    parts.figures.append(
        f"{KILLS} kills of two processes that warn and downgrade calls at five failing vendors: "
        f"commands {len(rows)}, requests {len(requests)}, executed {len(executed)}, "
        f"unsupported {len(unsupported)}, difference {difference}, "
        f"interrupted {await interruptions(database_url)}, "
        f"requests after a stored success {len(after_success)}"
    )
    record_fault(
        f"processes that warn and downgrade calls killed {KILLS} times, vendors failing",
        sent=len(rows) - len(unsupported),
        counted=len(executed),
        difference=difference,
    )
    assert executed == set(done)
    assert len(executed) == WARNED_CALLS * sum(STEPS.values())
    assert difference == 0
    assert after_success == []
    asked = {name for name, server in servers.items() if server.seen or server.refused}
    assert asked == STEPS.keys()
