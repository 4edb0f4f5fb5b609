"""Authenticated reads of the API, against a handler that does nothing on the same server.

The API runs as in production, in its own process, on a database that a worker has filled. Its live
feed has loaded the active calls before measuring. The bare handler has a process of its own. Rates
are measured at saturation, latencies at a fixed load.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import psutil

from bench import bare_server
from bench.broker import Broker, fill
from bench.context import BenchContext, InvalidRunError
from bench.databases import as_login, open_database
from bench.durable import wait_counted, warm_up
from bench.events import CALLS, USERS, LoadEmitter
from bench.http_load import (
    NOT_MODIFIED,
    OK,
    LoadResult,
    offer,
    request_bytes,
    saturate,
    with_tags,
)
from bench.machine import CpuMeter
from bench.workers import running_workers
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.tokens import mint
from devkit.embedded.ports import LOOPBACK, choose_port, is_listening
from schemas.topics import CALL_EVENTS

BARE: Final = "bare handler"
API: Final = "API"
POSTGRES: Final = "PostgreSQL"
CALL: Final = "GET call/{callId}"
SPENDING: Final = "GET user/{userId}/spending"
BUDGET: Final = "GET user/{userId}/budget"
REVALIDATED: Final = (CALL, SPENDING)
"""Routes that answer an unchanged version without building the body."""
AGAIN: Final = ", again"
UNCHANGED: Final = ", unchanged"

OFFERED_PER_SECOND: Final = 500
_USERS: Final = 500
"""The number of users; requests alternate, so that none reaches the request limit."""
_SPANS: Final = 40
"""The number of different periods of a user, so that the API reads each for the first time."""
_DAYS_MIN: Final = 10
_WARM_UP, _SATURATED, _OFFERED = 0.0, 0.2, 0.92
"""Where each part of a measurement begins in the requests, so that no part repeats another's."""
_CONNECTIONS: Final = 32
_SECONDS: Final = 3
_EVENTS: Final = 40_000
_READY_SECONDS_MAX: Final = 30
_IDLE_SECONDS: Final = 2
_IDLE_CPU_PERCENT: Final = 5
_IDLE_SECONDS_MAX: Final = 120
_TOKEN_SECONDS: Final = 3_600
_SECRET_BYTES: Final = 48


class Target(NamedTuple):
    """A route of a server to measure, and the status that its responses should have."""

    name: str
    port: int
    pid: int
    status: int = OK


class ReadResult(NamedTuple):
    """One run of one route: at saturation and at the fixed load.

    `cpu_us` are the CPU microseconds of a read by part, at saturation.
    """

    saturated: LoadResult
    offered: LoadResult
    cpu_us: Mapping[str, float]


async def measure_reads(context: BenchContext) -> dict[str, list[ReadResult]]:
    """Measure the bare handler and each route; raises InvalidRunError."""
    context.progress.title("reads")
    runs: dict[str, list[ReadResult]] = {}
    async with context.broker() as broker, context.databases.fresh() as url:
        await _fill_database(context, broker, url)
        for number in range(1, context.options.runs + 1):
            context.progress.title(f"reads, round {number} of {context.options.runs}")
            async with _bare(context) as (port, pid):
                bare = Target(BARE, port, pid)
                run = await _measure(context, bare, [request_bytes(bare_server.PATH)])
                runs.setdefault(BARE, []).append(run)
            secret = secrets.token_urlsafe(_SECRET_BYTES)
            routes = _requests(context, secret)
            context.progress.update("the API starts and loads the active calls")
            async with running_api(context, url, secret, broker) as (port, pid):
                for name, requests in routes.items():
                    run = await _measure(context, Target(name, port, pid), requests)
                    runs.setdefault(name, []).append(run)
                for name in REVALIDATED:
                    tagged = await with_tags(port, routes[name + AGAIN])
                    unchanged = Target(name + UNCHANGED, port, pid, NOT_MODIFIED)
                    run = await _measure(context, unchanged, tagged)
                    runs.setdefault(unchanged.name, []).append(run)
    return runs


async def _fill_database(context: BenchContext, broker: Broker, url: str) -> None:
    """Let a worker record the calls to read."""
    context.progress.update("a worker records the calls to read")
    measured = context.load.measured[:_EVENTS]
    async with (
        open_database(url) as connection,
        running_workers(context, 1, broker, url) as workers,
    ):
        await workers.wait_assigned(connection)
        await warm_up(context, broker, connection, workers)
        await fill(broker, CALL_EVENTS.name, measured)
        await wait_counted(connection, workers, len(context.load.warm_up) + len(measured))
        await workers.stop()


def _requests(context: BenchContext, secret: str) -> dict[str, list[bytes]]:
    """Return the requests of each route; each user reads the user's own data."""
    tokens = TokenSection(secret=Secret(secret))
    emitter = LoadEmitter(context.options.seed, 0)
    bearers = [
        mint(tokens, emitter.user_of(number), ttl_seconds=_TOKEN_SECONDS) for number in range(USERS)
    ]
    calls = [
        request_bytes(f"/api/costs/call/{emitter.call_id(number)}", bearers[number % USERS])
        for number in range(CALLS)
    ]
    today = datetime.now(UTC).date()
    spans = [f"{today - timedelta(days=_DAYS_MIN + number)}" for number in range(_SPANS)]
    of_users = [f"/api/costs/user/{emitter.user_of(number)}" for number in range(_USERS)]

    def of_each_user(rest: str) -> list[bytes]:
        return [request_bytes(f"{of_users[n]}/{rest}", bearers[n]) for n in range(_USERS)]

    first = [f"spending?period=custom&startDate={since}&endDate={today}" for since in spans]
    return {
        CALL: calls,
        CALL + AGAIN: calls[:_USERS],
        SPENDING: [request for rest in first for request in of_each_user(rest)],
        SPENDING + AGAIN: of_each_user("spending?period=30d"),
        BUDGET: of_each_user("budget"),
    }


@asynccontextmanager
async def _bare(context: BenchContext) -> AsyncIterator[tuple[int, int]]:
    port = choose_port()
    values = {"API_HOST": LOOPBACK, "API_PORT": str(port)}
    async with context.running("bare server", "bench.bare_server", values=values) as process:
        await _wait_listening(port)
        yield port, process.pid


@asynccontextmanager
async def running_api(
    context: BenchContext, database_url: str, secret: str, broker: Broker | None = None
) -> AsyncIterator[tuple[int, int]]:
    """Run an API process during a block; yields its port and its process id once it is idle.

    Reads need no broker, but a live feed without one compares all active calls more often.
    """
    port = choose_port()
    values = {
        # The setting is required.
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:9",
        **(broker.variables() if broker else {}),
        "DATABASE_URL": as_login(database_url, "api"),
        "JWT_SECRET": secret,
        "API_HOST": LOOPBACK,
        "API_PORT": str(port),
        # Request logs are optional in production, so they are switched off here.
        "LOG_LEVEL": "WARNING",
    }
    async with context.running("api", "cost_analytics", "api", values=values) as process:
        await _wait_listening(port)
        await _wait_idle(process.pid)
        yield port, process.pid


async def _wait_listening(port: int) -> None:
    deadline = asyncio.get_running_loop().time() + _READY_SECONDS_MAX
    while not is_listening(port):
        if asyncio.get_running_loop().time() > deadline:
            raise InvalidRunError(f"nothing listens on port {port}")
        await asyncio.sleep(0.1)


async def _wait_idle(pid: int) -> None:
    """Wait until a process has used little CPU for some seconds; raises InvalidRunError."""
    process = psutil.Process(pid)
    deadline = time.monotonic() + _IDLE_SECONDS_MAX
    used = sum(process.cpu_times()[:2])
    while True:
        await asyncio.sleep(_IDLE_SECONDS)
        before, used = used, sum(process.cpu_times()[:2])
        if (used - before) * 100 < _IDLE_CPU_PERCENT * _IDLE_SECONDS:
            return
        if time.monotonic() > deadline:
            raise InvalidRunError(f"the API is not idle after {_IDLE_SECONDS_MAX} s")


async def _measure(context: BenchContext, target: Target, requests: Sequence[bytes]) -> ReadResult:
    name, port, pid, status = target
    context.progress.update(f"{name}: measuring")
    # Connections are opened and tokens verified before.
    await saturate(port, _from(requests, _WARM_UP), connections=_CONNECTIONS, seconds=1)
    meter = CpuMeter({API: [pid], POSTGRES: [context.databases.server_pid]})
    saturated = await saturate(
        port,
        _from(requests, _SATURATED),
        connections=_CONNECTIONS,
        seconds=_SECONDS,
        status=status,
    )
    used = meter.read().seconds
    offered = await offer(
        port,
        _from(requests, _OFFERED),
        connections=_CONNECTIONS,
        rate=OFFERED_PER_SECOND,
        seconds=_SECONDS,
        status=status,
    )
    refused = saturated.refused + offered.refused
    if refused:
        raise InvalidRunError(f"{name}: {refused} responses did not have the status {status}")
    context.progress.result(f"{name}: {saturated.rate:,.0f} reads/s")
    reads = len(saturated.milliseconds)
    cpu_us = {part: used[part] * 1_000_000 / reads for part in (API, POSTGRES)}
    return ReadResult(saturated, offered, cpu_us)


def _from(requests: Sequence[bytes], share: float) -> Sequence[bytes]:
    """Return the requests from this share of them on, followed by those before it."""
    start = int(len(requests) * share)
    return [*requests[start:], *requests[:start]]
