"""Processes that execute commands are killed while vendors fail."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from tests.support.commands import call_events, command_rows, write_calls
from tests.support.commands_process import CommandsProcess
from tests.support.recording import fetch
from tests.support.vendor_servers import Behaviour, VendorServer, settings_of, vendor_server

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


async def until_more(
    servers: Mapping[str, VendorServer], more: int, expected: int, database_url: str
) -> None:
    begin = successes(servers)
    async with asyncio.timeout(60):
        while successes(servers) < min(begin + more, expected):
            await asyncio.sleep(0.02)
            await expire_claims(database_url)


async def run_and_kill(
    database_url: str,
    directory: Path,
    processes: list[CommandsProcess],
    vendors: Iterable[str],
    request_all: Callable[[dict[str, VendorServer]], Awaitable[int]],
) -> dict[str, VendorServer]:
    """Request commands, and kill processes until all have ended.

    `request_all` returns how many of the commands a vendor can execute.
    """
    async with AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(vendor_server(name, failing)) for name in vendors
        }
        values = {
            "DATABASE_URL": database_url,
            "KAFKA_BOOTSTRAP_SERVERS": NO_BROKER,
            **settings_of(servers),
        }
        expected = await request_all(servers)
        for name in ("one", "other"):
            processes.append(CommandsProcess(directory, values, name))
            processes[-1].start()
        for number in range(KILLS):
            await until_more(servers, min(15, expected // (KILLS + 1)), expected, database_url)
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


async def write_vendor_calls(
    database_url: str, servers: Mapping[str, VendorServer], calls: int
) -> list[str]:
    """Write some calls of each vendor, and return their names."""
    events, names = [], []
    for vendor, server in servers.items():
        for number in range(calls):
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
    return names


async def interruptions(database_url: str) -> int:
    """Return how many attempts ended with their process."""
    [row] = await fetch(
        database_url,
        "SELECT count(*) FROM call_command_attempts WHERE outcome = 'interrupted'",
    )
    return int(row[0])


def our_call(vendor_call: str) -> str:
    """Return our id of a vendor's call."""
    return vendor_call.partition(":")[2] or vendor_call
