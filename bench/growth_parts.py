"""The parts of `bench.growth`: writes, reads, and reads of whole tables."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from aiohttp import ClientSession, ClientTimeout

from api.http.roles import Role
from bench.context import BenchContext, InvalidRunError
from bench.databases import open_database
from bench.durable import DurableRun, measure_workers
from bench.events import WARM_UP_EVENTS, Load, LoadRecord, make_load
from bench.http_load import LoadResult, offer, request_bytes, saturate
from bench.machine import CpuMeter
from bench.memory import MemoryPeaks
from bench.reads import running_api
from bench.stored_events import (
    DAYS,
    EVENTS_OF_LONG_CALL,
    EXPORTER,
    LONG_CALL,
    OWNER_OF_LONG_CALL,
    user_of,
)
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.tokens import mint
from devkit.embedded.ports import LOOPBACK

READ_SECONDS: Final = 5
_CONNECTIONS: Final = 16
_READERS: Final = 200
"""The number of users or calls that are read alternately."""
_LIST_SECONDS: Final = 3
_ADMINISTRATORS: Final = 50
_TOKEN_SECONDS: Final = 4 * 3_600
_WHOLE_SECONDS_MAX: Final = 4 * 3_600
_PAGES_BEFORE: Final = EVENTS_OF_LONG_CALL // 100 // 2
"""The page in the middle of the long call."""
_SECRET_BYTES: Final = 48

# Decisions of the product (`call.settled`) are rows, but not events.
_STORED: Final = """
SELECT count(*) FROM call_cost_events
WHERE type <> 'call.settled' AND ($1::text IS NULL OR user_id = $1)
"""
_CALL_BYTES: Final = "SELECT pg_total_relation_size('calls') / count(*) FROM calls"


class ReadLoad(NamedTuple):
    """The reads of a route at a fixed rate, and their CPU time by process, in µs a read."""

    responses: LoadResult
    cpu_us: Mapping[str, float]


class WholeRead(NamedTuple):
    """One read of whole tables: the events, its duration, CPU seconds, and peak memory in bytes."""

    events: int
    seconds: float
    cpu_seconds: float
    peak_bytes: Mapping[str, int]


class GrowthApi(NamedTuple):
    """A running API on the database of one size."""

    context: BenchContext
    reads_per_second: int
    port: int
    pid: int
    tokens: TokenSection

    def token(self, user: str, role: Role = "user") -> str:
        """Return a token of a user."""
        return mint(self.tokens, user, role=role, ttl_seconds=_TOKEN_SECONDS)


@asynccontextmanager
async def growth_api(
    context: BenchContext, url: str, reads_per_second: int
) -> AsyncIterator[GrowthApi]:
    """Run an API during a block."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    async with running_api(context, url, secret) as (port, pid):
        yield GrowthApi(context, reads_per_second, port, pid, TokenSection(secret=Secret(secret)))


def write_loads(context: BenchContext) -> Iterator[Load]:
    """Yield the events of each write; later ones continue the calls of earlier ones."""
    options = context.options
    events = options.runs * (WARM_UP_EVENTS + options.events)
    load = make_load(options.seed, events - WARM_UP_EVENTS, time.time_ns() // 1_000_000)
    records: list[LoadRecord] = [*load.warm_up, *load.measured]
    for start in range(0, events, WARM_UP_EVENTS + options.events):
        end = start + WARM_UP_EVENTS
        yield Load(records[start:end], records[end : end + options.events])


async def measure_write(context: BenchContext, url: str, load: Load) -> DurableRun:
    """Let one worker record new events beside the stored ones; raises InvalidRunError."""
    async with open_database(url) as connection:
        await connection.execute("DELETE FROM stream_offsets")  # of brokers that have ended
    await context.databases.checkpoint()
    return await measure_workers(
        replace(context, load=load), 1, url, load.measured, verify_totals=False
    )


async def measure_reads(api: GrowthApi, calls: int) -> dict[str, ReadLoad]:
    """Measure each route of users at a fixed rate; raises InvalidRunError."""
    middle = await _middle_page(api)
    names = ("GET call", "GET spending", "GET budget", "GET a page of calls")
    paths: dict[str, list[bytes]] = {name: [] for name in names}
    for number in range(_READERS):
        call = calls - 1 - number * (calls // _READERS // 2)
        user = user_of(call, calls)
        token, of_user = api.token(user), f"/api/costs/user/{user}"
        paths["GET call"].append(request_bytes(f"/api/costs/call/call-{call}", token))
        paths["GET spending"].append(request_bytes(f"{of_user}/spending?period=90d", token))
        paths["GET budget"].append(request_bytes(f"{of_user}/budget", token))
        paths["GET a page of calls"].append(request_bytes(f"{of_user}/calls?limit=20", token))
    paths[f"GET a page in the middle of {EVENTS_OF_LONG_CALL:,} events of a call"] = [
        request_bytes(middle, api.token(f"admin-{number}", "admin")) for number in range(_READERS)
    ]
    return {name: await _offered(api, name, requests) for name, requests in paths.items()}


async def _offered(api: GrowthApi, name: str, requests: list[bytes]) -> ReadLoad:
    # Send each request before measuring, so that connections are open and tokens are cached.
    await saturate(api.port, requests, connections=_CONNECTIONS, seconds=1)
    meter = CpuMeter({"API": [api.pid], "PostgreSQL": [api.context.databases.server_pid]})
    responses = await offer(
        api.port,
        requests,
        connections=_CONNECTIONS,
        rate=api.reads_per_second,
        seconds=READ_SECONDS,
    )
    used = meter.read().seconds
    if responses.refused:
        raise InvalidRunError(f"{name}: {responses.refused} requests failed")
    reads = len(responses.milliseconds)
    return ReadLoad(responses, {part: used[part] * 1e6 / reads for part in ("API", "PostgreSQL")})


async def _middle_page(api: GrowthApi) -> str:
    """Return the path of the page in the middle of the long call."""
    path = f"/api/costs/call/{LONG_CALL}/events?limit=100"
    cursor = ""
    async with _session(api, OWNER_OF_LONG_CALL) as session:
        for _ in range(_PAGES_BEFORE):
            async with session.get(f"{path}&cursor={cursor}" if cursor else path) as response:
                response.raise_for_status()
                cursor = (await response.json())["data"]["nextCursor"]
    return f"{path}&cursor={cursor}"


async def measure_lists(api: GrowthApi) -> dict[str, LoadResult]:
    """Measure lists and analytics of all users, one request at a time."""
    last = datetime.now(UTC).date()
    first = last - timedelta(days=30)
    days = f"startDate={first}&endDate={last}"
    paths = {
        "analytics of 30 days": "/api/admin/costs/analytics?period=30d",
        "top users of 30 days": f"/api/admin/costs/top?by=user&period=custom&{days}",
        "top services of 30 days": f"/api/admin/costs/top?by=service&period=custom&{days}",
        "users": "/api/admin/users?q=user-1",
        "a page of anomalies": "/api/admin/costs/anomalies?limit=20",
    }
    loads = {}
    for name, path in paths.items():
        requests = [
            request_bytes(path, api.token(f"admin-{number}", "admin"))
            for number in range(_ADMINISTRATORS)
        ]
        await saturate(api.port, requests, connections=1, seconds=1)
        loads[name] = await saturate(api.port, requests, connections=1, seconds=_LIST_SECONDS)
        if loads[name].refused:
            raise InvalidRunError(f"{name}: {loads[name].refused} requests failed")
    return loads


async def call_bytes(url: str) -> int:
    """Return the size of the row of a call with its indexes, in bytes."""
    async with open_database(url) as connection:
        return int(await connection.fetchval(_CALL_BYTES))


async def measure_whole_reads(api: GrowthApi, url: str) -> dict[str, WholeRead]:
    """Measure the commands and requests that read whole tables; raises InvalidRunError."""
    span = "period=custom&startDate={}&endDate={}".format(*_all_days())
    export = f"/api/costs/user/{EXPORTER}/export.csv?type=events&{span}"
    events = await _count_events(url)
    administrator = _session(api, "administrator", "admin")
    reconciliation = f"/api/admin/reconciliation?{span}"
    exporter = _session(api, EXPORTER)
    exported = await _count_events(url, EXPORTER)
    return {
        "`verify`": await verify_command(api.context, url),
        "reconciliation of all days": await _measured_request(
            api, administrator, reconciliation, events
        ),
        "export of a tenth of the events": await _measured_request(api, exporter, export, exported),
    }


async def _count_events(url: str, user: str | None = None) -> int:
    """Return the number of stored events, of one user or of all."""
    async with open_database(url) as connection:
        return int(await connection.fetchval(_STORED, user))


def _all_days() -> tuple[str, str]:
    today = datetime.now(UTC).date()
    return str(today - timedelta(days=DAYS + 2)), str(today)


async def verify_command(context: BenchContext, url: str) -> WholeRead:
    """Run `verify`; raises InvalidRunError if it finds a difference."""
    events = await _count_events(url)
    async with context.running(
        "verify", "cost_analytics", "verify", values={"DATABASE_URL": url}
    ) as process:

        async def ended() -> None:
            if await process.wait():
                raise InvalidRunError(process.exit_report())

        return await _measured(context, {"command": process.pid}, ended, events)


async def _measured_request(
    api: GrowthApi, session: ClientSession, path: str, events: int
) -> WholeRead:
    """Measure a request that reads so many events; closes the session."""

    async def read() -> None:
        async with session, session.get(path) as response:
            if response.status != 200:
                raise InvalidRunError(f"{path}: {await response.text()}")
            async for _ in response.content.iter_any():
                pass

    return await _measured(api.context, {"API": api.pid}, read, events)


async def _measured(
    context: BenchContext,
    pids: Mapping[str, int],
    work: Callable[[], Awaitable[None]],
    events: int,
) -> WholeRead:
    server = context.databases.server_pid
    meter = CpuMeter({"PostgreSQL": [server]})
    began = time.monotonic()
    async with MemoryPeaks(pids, server) as peaks:
        await work()
    seconds = time.monotonic() - began
    return WholeRead(events, seconds, meter.read().seconds["PostgreSQL"], peaks.bytes)


def _session(api: GrowthApi, user: str, role: Role = "user") -> ClientSession:
    return ClientSession(
        base_url=f"http://{LOOPBACK}:{api.port}",
        headers={"Authorization": f"Bearer {api.token(user, role)}"},
        timeout=ClientTimeout(total=_WHOLE_SECONDS_MAX),
    )
