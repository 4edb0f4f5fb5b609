"""The live feed: from the commit of a change to the sockets that hear of it.

The API and a worker as production runs them, and calls whose costs come ten times a second each.
First two thousand sockets on the one API process; then a hundred, with and without one beside them
that asks for everything and never reads.
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
from bench.databases import as_login, open_database
from bench.durable import wait_counted
from bench.events import Emitter
from bench.live_clients import Crowd, upgrade
from bench.stage import InvalidRunError, Stage
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
"""Long enough for one that never reads to be cut off before the end."""
_TICK_SECONDS: Final = 0.01
_SETTLE_SECONDS: Final = 2
_READY_SECONDS_MAX: Final = 60
_TOKEN_SECONDS: Final = 3_600
_SECRET_BYTES: Final = 48
_KIB: Final = 1024


class Live(NamedTuple):
    """One setting: latencies in milliseconds, and what it took of the API process."""

    name: str
    seconds: int
    milliseconds: list[float]
    dropped: int
    kib_per_socket: int | None
    grown_kib: int
    cpu_percent: int


async def measure_live(stage: Stage) -> list[Live]:
    """Return what each crowd noted; raises InvalidRunError."""
    stage.narrator.title("live feed")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(stage.broker())
        url = await stack.enter_async_context(stage.databases.fresh())
        connection = await stack.enter_async_context(open_database(url))
        workers = await stack.enter_async_context(running_workers(stage, 1, broker, url))
        await workers.wait_assigned(connection)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        api = await stack.enter_async_context(_api(stage, broker, url, secret))
        emitter = Emitter(stage.options.seed, time.time_ns() // 1_000_000)
        calls = [emitter.started(call) for call in range(ACTIVE_CALLS)]
        await fill(broker, CALL_EVENTS.name, calls)
        await wait_counted(connection, workers, len(calls))
        tokens = TokenSection(secret=Secret(secret))
        users = [
            upgrade(mint(tokens, emitter.user_of(call), ttl_seconds=_TOKEN_SECONDS))
            for call in range(ACTIVE_CALLS)
        ]
        everything = upgrade(mint(tokens, "root", role="admin", ttl_seconds=_TOKEN_SECONDS))
        bench = _Bench(stage, broker, emitter, *api)
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
async def _api(
    stage: Stage, broker: Broker, database_url: str, secret: str
) -> AsyncIterator[tuple[int, psutil.Process]]:
    port = choose_port()
    values = broker.variables() | {
        "DATABASE_URL": as_login(database_url, "api"),
        "JWT_SECRET": secret,
        "API_HOST": LOOPBACK,
        "API_PORT": str(port),
        "LOG_LEVEL": "WARNING",
    }
    async with stage.running("live api", "cost_analytics", "api", values=values) as process:
        deadline = time.monotonic() + _READY_SECONDS_MAX
        while (await get(port, "/ready"))[0] != 200:
            if time.monotonic() > deadline:
                raise InvalidRunError(f"the API is not ready: {process.exit_report()}")
            await asyncio.sleep(0.2)
        yield port, psutil.Process(process.pid)


class _Bench:
    """Runs one crowd after another against the same process."""

    def __init__(
        self, stage: Stage, broker: Broker, emitter: Emitter, port: int, api: psutil.Process
    ) -> None:
        self._stage = stage
        self._broker = broker
        self._emitter = emitter
        self._port = port
        self._api = api

    async def run(self, name: str, requests: list[bytes], mute: bytes | None, seconds: int) -> Live:
        """Open the sockets, let the calls change, and note what arrives."""
        self._stage.narrator.say(f"{name}: {ACTIVE_CALLS * CHANGES_PER_SECOND:,} changes/s")
        crowd = Crowd()
        empty_kib = self._rss_kib()
        try:
            await crowd.join(self._port, requests)
            joined_kib = self._rss_kib()
            if mute is not None:
                crowd.join_mute(self._port, mute)
            offering = asyncio.create_task(self._offer(seconds + _SETTLE_SECONDS))
            await asyncio.sleep(_SETTLE_SECONDS)
            crowd.is_noting, used = True, sum(self._api.cpu_times()[:2])
            await asyncio.sleep(seconds)
            crowd.is_noting, used = False, sum(self._api.cpu_times()[:2]) - used
            await offering
        except (ConnectionError, TimeoutError) as error:
            raise InvalidRunError(f"{name}: {error}") from None
        finally:
            crowd.leave()
        if not crowd.milliseconds:
            raise InvalidRunError(f"{name}: no change reached a socket")
        self._stage.narrator.result(f"{name}: {len(crowd.milliseconds):,} messages")
        await asyncio.sleep(_SETTLE_SECONDS)
        return Live(
            name,
            seconds,
            crowd.milliseconds,
            crowd.dropped,
            (joined_kib - empty_kib) // len(requests) if len(requests) >= SOCKETS else None,
            self._rss_kib() - joined_kib,
            round(100 * used / seconds),
        )

    def _rss_kib(self) -> int:
        return int(self._api.memory_info().rss) // _KIB

    async def _offer(self, seconds: int) -> None:
        """Send each call's costs on schedule, the calls in another order each time."""
        calls, rng = list(range(ACTIVE_CALLS)), Random(self._stage.options.seed)
        per_tick = round(ACTIVE_CALLS * CHANGES_PER_SECOND * _TICK_SECONDS)
        producer: Any = make_producer(self._broker.kafka)
        await producer.start()
        try:
            began, sent, place = time.monotonic(), [], 0
            while (spent := time.monotonic() - began) < seconds:
                due = int(spent / _TICK_SECONDS) * per_tick
                while place < due:
                    if place % ACTIVE_CALLS == 0:
                        rng.shuffle(calls)
                    call = calls[place % ACTIVE_CALLS]
                    record = self._emitter.cost_at(call, time.time_ns() // 1_000_000)
                    sent.append(
                        await producer.send(
                            CALL_EVENTS.name,
                            record.value,
                            key=record.key,
                            partition=record.partition,
                        )
                    )
                    place += 1
                await asyncio.sleep(_TICK_SECONDS)
            await asyncio.gather(*sent)
        finally:
            await producer.stop()
