"""The live feed: from the commit of a change to its arrival at sockets.

It uses API and worker as in production, with calls that have ten costs per second each. First with
two thousand sockets on one API process; then with a hundred, with and without a subscriber of all
calls that never reads.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any, Final, NamedTuple

import psutil

from bench.broker import Broker, fill
from bench.context import BenchContext, InvalidRunError
from bench.databases import as_login, open_database
from bench.durable import wait_counted
from bench.events import LoadEmitter
from bench.live_clients import LiveClients, upgrade
from bench.workers import running_workers
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.tokens import mint
from devkit.dev.http import get
from devkit.embedded.ports import LOOPBACK, choose_port
from messaging.kafka import make_producer
from schemas.topics import CALL_EVENTS

SOCKETS: Final = 2_000
ACTIVE_CALLS: Final = 200
CHANGES_PER_SECOND: Final = 10
READERS: Final = 100
_SECONDS: Final = 10
_MUTE_SECONDS: Final = 25
"""Long enough for a client that never reads to be disconnected."""
_TICK_SECONDS: Final = 0.01
_SETTLE_SECONDS: Final = 2
_READY_SECONDS_MAX: Final = 60
_TOKEN_SECONDS: Final = 3_600
_SECRET_BYTES: Final = 48
_KIB: Final = 1024


class LiveResult(NamedTuple):
    """One test: latencies in milliseconds, and the resources of the API process."""

    name: str
    seconds: int
    milliseconds: list[float]
    dropped: int
    kib_per_socket: int | None
    grown_kib: int
    cpu_percent: int


async def measure_live(context: BenchContext) -> list[LiveResult]:
    """Run all tests; raises InvalidRunError."""
    context.progress.title("live feed")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(context.broker())
        url = await stack.enter_async_context(context.databases.fresh())
        connection = await stack.enter_async_context(open_database(url))
        workers = await stack.enter_async_context(running_workers(context, 1, broker, url))
        await workers.wait_assigned(connection)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        api = await stack.enter_async_context(running_live_api(context, broker, url, secret))
        emitter = LoadEmitter(context.options.seed, time.time_ns() // 1_000_000)
        calls = [emitter.started(call) for call in range(ACTIVE_CALLS)]
        await fill(broker, CALL_EVENTS.name, calls)
        await wait_counted(connection, workers, len(calls))
        tokens = TokenSection(secret=Secret(secret))
        users = [
            upgrade(mint(tokens, emitter.user_of(call), ttl_seconds=_TOKEN_SECONDS))
            for call in range(ACTIVE_CALLS)
        ]
        everything = upgrade(mint(tokens, "root", role="admin", ttl_seconds=_TOKEN_SECONDS))
        bench = _LiveTests(context, broker, emitter, *api)
        many = [users[number % ACTIVE_CALLS] for number in range(SOCKETS)]
        runs = [
            await bench.run(f"{SOCKETS:,} sockets", many, None, _SECONDS),
            await bench.run(f"{READERS} sockets", users[:READERS], None, _MUTE_SECONDS),
            await bench.run(
                f"{READERS} sockets beside one that never reads",
                users[:READERS],
                everything,
                _MUTE_SECONDS,
            ),
        ]
        workers.check_alive()
    return runs


@asynccontextmanager
async def running_live_api(
    context: BenchContext, broker: Broker, database_url: str, secret: str
) -> AsyncIterator[tuple[int, psutil.Process]]:
    """Run an API that follows the topics during a block; yields its port and its process."""
    port = choose_port()
    values = broker.variables() | {
        "DATABASE_URL": as_login(database_url, "api"),
        "JWT_SECRET": secret,
        "API_HOST": LOOPBACK,
        "API_PORT": str(port),
        "LOG_LEVEL": "WARNING",
    }
    async with context.running("live api", "cost_analytics", "api", values=values) as process:
        deadline = time.monotonic() + _READY_SECONDS_MAX
        while (await get(port, "/ready"))[0] != 200:
            if time.monotonic() > deadline:
                raise InvalidRunError(f"the API is not ready: {process.exit_report()}")
            await asyncio.sleep(0.2)
        yield port, psutil.Process(process.pid)


class _LiveTests:
    """Runs the tests against the same process."""

    def __init__(
        self,
        context: BenchContext,
        broker: Broker,
        emitter: LoadEmitter,
        port: int,
        api: psutil.Process,
    ) -> None:
        self._context = context
        self._broker = broker
        self._emitter = emitter
        self._port = port
        self._api = api

    async def run(
        self, name: str, requests: list[bytes], unread: bytes | None, seconds: int
    ) -> LiveResult:
        """Open the sockets, change the calls, and collect latencies."""
        self._context.progress.update(f"{name}: {ACTIVE_CALLS * CHANGES_PER_SECOND:,} changes/s")
        clients = LiveClients()
        empty_kib = self._rss_kib()
        try:
            await clients.open(self._port, requests)
            joined_kib = self._rss_kib()
            if unread is not None:
                clients.open_unread(self._port, unread)
            offering = asyncio.create_task(self._send_on_schedule(seconds + _SETTLE_SECONDS))
            await asyncio.sleep(_SETTLE_SECONDS)
            clients.is_measuring, used = True, sum(self._api.cpu_times()[:2])
            await asyncio.sleep(seconds)
            clients.is_measuring, used = False, sum(self._api.cpu_times()[:2]) - used
            await offering
        except (ConnectionError, TimeoutError) as error:
            raise InvalidRunError(f"{name}: {error}") from None
        finally:
            clients.close()
        if not clients.milliseconds:
            raise InvalidRunError(f"{name}: no change reached a socket")
        self._context.progress.result(f"{name}: {len(clients.milliseconds):,} messages")
        await asyncio.sleep(_SETTLE_SECONDS)
        return LiveResult(
            name,
            seconds,
            clients.milliseconds,
            clients.dropped,
            (joined_kib - empty_kib) // len(requests) if len(requests) >= SOCKETS else None,
            self._rss_kib() - joined_kib,
            round(100 * used / seconds),
        )

    def _rss_kib(self) -> int:
        return int(self._api.memory_info().rss) // _KIB

    async def _send_on_schedule(self, seconds: int) -> None:
        """Send each call's costs on schedule, in a new order of calls each time."""
        calls, rng = list(range(ACTIVE_CALLS)), Random(self._context.options.seed)
        per_tick = round(ACTIVE_CALLS * CHANGES_PER_SECOND * _TICK_SECONDS)
        producer: Any = make_producer(self._broker.kafka)
        await producer.start()
        try:
            began, sent, number = time.monotonic(), [], 0
            while (spent := time.monotonic() - began) < seconds:
                due = int(spent / _TICK_SECONDS) * per_tick
                while number < due:
                    if number % ACTIVE_CALLS == 0:
                        rng.shuffle(calls)
                    call = calls[number % ACTIVE_CALLS]
                    record = self._emitter.cost_at(call, time.time_ns() // 1_000_000)
                    sent.append(
                        await producer.send(
                            CALL_EVENTS.name,
                            record.value,
                            key=record.key,
                            partition=record.partition,
                        )
                    )
                    number += 1
                await asyncio.sleep(_TICK_SECONDS)
            await asyncio.gather(*sent)
        finally:
            await producer.stop()
