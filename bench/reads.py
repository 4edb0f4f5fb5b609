"""Authenticated reads of the API, beside a handler that does nothing on the same server.

The API as production runs it, a process of its own over a database that a worker has filled; the
bare handler likewise. Saturated for the rate, and at a fixed offered load for the latencies.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from bench import bare_server
from bench.broker import fill
from bench.databases import as_login, open_database
from bench.durable import wait_counted, warm_up
from bench.events import Emitter
from bench.http_load import Answers, offer, request_bytes, saturate
from bench.stage import InvalidRunError, Stage
from bench.workers import running_workers
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.tokens import mint
from devkit.embedded.ports import LOOPBACK, choose_port, is_listening
from schemas.topics import CALL_EVENTS

BARE: Final = "bare handler"
OFFERED_PER_SECOND: Final = 500
_USERS: Final = 500
"""Readers taking turns: none of them comes near the limit of requests that each has."""
_CONNECTIONS: Final = 32
_SECONDS: Final = 3
_EVENTS: Final = 40_000
_READY_SECONDS_MAX: Final = 30
_TOKEN_SECONDS: Final = 3_600
_SECRET_BYTES: Final = 48


class Reads(NamedTuple):
    """One run of one route: at saturation, and at the fixed load."""

    saturated: Answers
    offered: Answers


async def measure_reads(stage: Stage) -> dict[str, list[Reads]]:
    """Return the runs of the bare handler and of each route; raises InvalidRunError."""
    stage.narrator.title("reads")
    runs: dict[str, list[Reads]] = {}
    async with stage.databases.fresh() as url:
        await _fill_database(stage, url)
        for number in range(1, stage.options.runs + 1):
            stage.narrator.title(f"reads, round {number} of {stage.options.runs}")
            async with _bare(stage) as port:
                run = await _measure(stage, BARE, port, [request_bytes(bare_server.PATH)])
                runs.setdefault(BARE, []).append(run)
            secret = secrets.token_urlsafe(_SECRET_BYTES)
            routes = _requests(stage, secret)
            async with running_api(stage, url, secret) as (port, _):
                for name, requests in routes.items():
                    run = await _measure(stage, name, port, requests)
                    runs.setdefault(name, []).append(run)
    return runs


async def _fill_database(stage: Stage, url: str) -> None:
    """Let a worker record calls for the readers to ask about."""
    stage.narrator.say("a worker records what will be read")
    measured = stage.load.measured[:_EVENTS]
    async with (
        stage.broker() as broker,
        open_database(url) as connection,
        running_workers(stage, 1, broker, url) as workers,
    ):
        await workers.wait_assigned(connection)
        await warm_up(stage, broker, connection, workers)
        await fill(broker, CALL_EVENTS.name, measured)
        await wait_counted(connection, workers, len(stage.load.warm_up) + len(measured))
        await workers.stop()


def _requests(stage: Stage, secret: str) -> dict[str, list[bytes]]:
    """Return the requests for each route, each reader asking for what is his own."""
    tokens = TokenSection(secret=Secret(secret))
    emitter = Emitter(stage.options.seed, 0)
    calls, spending, budgets = [], [], []
    for number in range(_USERS):
        user = emitter.user_of(number)
        token = mint(tokens, user, ttl_seconds=_TOKEN_SECONDS)
        calls.append(request_bytes(f"/api/costs/call/{emitter.call_id(number)}", token))
        spending.append(request_bytes(f"/api/costs/user/{user}/spending?period=30d", token))
        budgets.append(request_bytes(f"/api/costs/user/{user}/budget", token))
    return {
        "GET call/{callId}": calls,
        "GET user/{userId}/spending": spending,
        "GET user/{userId}/budget": budgets,
    }


@asynccontextmanager
async def _bare(stage: Stage) -> AsyncIterator[int]:
    port = choose_port()
    values = {"API_HOST": LOOPBACK, "API_PORT": str(port)}
    async with stage.running("bare server", "bench.bare_server", values=values):
        await _wait_listening(port)
        yield port


@asynccontextmanager
async def running_api(
    stage: Stage, database_url: str, secret: str
) -> AsyncIterator[tuple[int, int]]:
    """Run an API process for the length of a block; lends its port and its process id."""
    port = choose_port()
    values = {
        "DATABASE_URL": as_login(database_url, "api"),
        "JWT_SECRET": secret,
        "API_HOST": LOOPBACK,
        "API_PORT": str(port),
        # The reads that are measured need no broker; the address is only required.
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:9",
        # A line for each request is for the operator to switch on, and off.
        "LOG_LEVEL": "WARNING",
    }
    async with stage.running("api", "cost_analytics", "api", values=values) as process:
        await _wait_listening(port)
        yield port, process.pid


async def _wait_listening(port: int) -> None:
    deadline = asyncio.get_running_loop().time() + _READY_SECONDS_MAX
    while not is_listening(port):
        if asyncio.get_running_loop().time() > deadline:
            raise InvalidRunError(f"nothing listens on port {port}")
        await asyncio.sleep(0.1)


async def _measure(stage: Stage, name: str, port: int, requests: Sequence[bytes]) -> Reads:
    stage.narrator.say(f"{name}: measuring")
    # Every reader once, so that connections are open and tokens known.
    await saturate(port, requests, connections=_CONNECTIONS, seconds=1)
    saturated = await saturate(port, requests, connections=_CONNECTIONS, seconds=_SECONDS)
    offered = await offer(
        port, requests, connections=_CONNECTIONS, rate=OFFERED_PER_SECOND, seconds=_SECONDS
    )
    refused = saturated.refused + offered.refused
    if refused:
        raise InvalidRunError(f"{name}: {refused} requests were not answered with 200")
    stage.narrator.result(f"{name}: {saturated.rate:,.0f} reads/s")
    return Reads(saturated, offered)
