"""Seconds until workers have caught up after a downtime, and the memory of each process.

Workers, an API and the process of notifications run as in production. Events arrive at a fixed
rate. Then the workers end, a minute of events is stored in Kafka, and new workers start while
events continue to arrive at the same rate. The clock starts with the processes of the new workers.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from bench.broker import Broker, fill
from bench.context import BenchContext, InvalidRunError
from bench.databases import as_login, open_database
from bench.durable import COUNTED_EVENTS_SQL, require_verified, wait_counted, warm_up
from bench.events import LoadRecord, make_load
from bench.figures import spread, table
from bench.latency import send_records
from bench.live import running_live_api
from bench.machine import CpuMeter, CpuUse
from bench.memory import MemoryPeaks
from bench.workers import Workers, running_workers
from ledger.postgres.database import Connection
from messaging.kafka import make_producer
from schemas.topics import CALL_EVENTS

RATE: Final = 5_000
"""Events per second."""
DOWNTIME_SECONDS: Final = 60
LOAD_SECONDS: Final = 10
IDLE_SECONDS: Final = 5
WORKERS: Final = (1, 2)
PHASES: Final = ("idle", "load", "backlog")
_BEHIND_SECONDS_MAX: Final = 1
"""Workers have caught up once they have counted all events but those of the last second."""
RECOVERY_SECONDS_MAX: Final = 60
_SLICE_SECONDS: Final = 0.05
_POLL_SECONDS: Final = 0.02
_MIB: Final = 2**20


class Recovery(NamedTuple):
    """One run: seconds until caught up, events counted by then, CPU, and peak bytes by phase.

    No delay of the event loop of a worker exceeded `delay_seconds`.
    """

    seconds: float
    events: int
    cpu: CpuUse
    delay_seconds: float
    memory: Mapping[str, Mapping[str, int]]


class RecoveryLoad(NamedTuple):
    """The events of each phase; those of `after` arrive while workers catch up."""

    load: list[LoadRecord]
    backlog: list[LoadRecord]
    after: list[LoadRecord]


class SteadySender:
    """Sends events at RATE during `running`; `sent` is their number so far."""

    def __init__(self, broker: Broker, records: Sequence[LoadRecord]) -> None:
        self.sent = 0
        self._broker = broker
        self._records = records
        self._is_stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Send during a block; all sent events are confirmed at its end."""
        task = asyncio.create_task(self._send())
        try:
            yield task
        finally:
            self._is_stopping = True
            await task

    async def _send(self) -> None:
        producer: Any = make_producer(self._broker.kafka)
        await producer.start()
        began = time.monotonic()
        confirmations: list[Any] = []
        try:
            while self.sent < len(self._records) and not self._is_stopping:
                await asyncio.sleep(_SLICE_SECONDS)
                due = min(len(self._records), int((time.monotonic() - began) * RATE))
                confirmations += await send_records(self._records[self.sent : due], producer)
                self.sent = due
            await asyncio.gather(*confirmations)
        finally:
            await producer.stop()


@dataclass(frozen=True, slots=True)
class RecoveryStage:
    """The running parts of one run; `pids` are the processes other than workers."""

    context: BenchContext
    workers: int
    load: RecoveryLoad
    broker: Broker
    url: str
    connection: Connection
    pids: Mapping[str, int]

    def running_workers(self) -> AbstractAsyncContextManager[Workers]:
        """Run the workers during a block."""
        return running_workers(self.context, self.workers, self.broker, self.url)

    def memory(self, workers: Workers) -> MemoryPeaks:
        """Return the peaks of all processes; the first worker represents all."""
        pids = {"worker": workers.pids[0], **self.pids}
        return MemoryPeaks(pids, self.context.databases.server_pid)

    def cpu(self, workers: Workers) -> CpuMeter:
        """Return a meter of workers and servers."""
        return CpuMeter(
            {
                "Python": workers.pids,
                "PostgreSQL": [self.context.databases.server_pid],
                "broker": [self.broker.pid],
            }
        )


async def measure_recovery(context: BenchContext) -> dict[int, list[Recovery]]:
    """Measure the recovery of one and of two workers; raises InvalidRunError."""
    runs: dict[int, list[Recovery]] = {number: [] for number in WORKERS}
    context, load = _with_load(context)
    for turn in range(1, context.options.runs + 1):
        for number in WORKERS:
            context.progress.title(f"recovery, round {turn}, workers: {number}")
            runs[number].append(await _run(context, number, load))
            context.progress.result(f"{runs[number][-1].seconds:.1f} s")
    return runs


def _with_load(context: BenchContext) -> tuple[BenchContext, RecoveryLoad]:
    """Make one load, so that the phases continue the calls of the warm-up and of each other."""
    load_end = RATE * LOAD_SECONDS
    backlog_end = load_end + RATE * DOWNTIME_SECONDS
    events = backlog_end + RATE * RECOVERY_SECONDS_MAX
    load = make_load(context.options.seed, events, time.time_ns() // 1_000_000)
    measured = load.measured
    phases = RecoveryLoad(
        measured[:load_end], measured[load_end:backlog_end], measured[backlog_end:]
    )
    return replace(context, load=load), phases


async def _run(context: BenchContext, number: int, load: RecoveryLoad) -> Recovery:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(context.broker())
        url = await stack.enter_async_context(context.databases.fresh())
        connection = await stack.enter_async_context(open_database(url))
        first = await stack.enter_async_context(running_workers(context, number, broker, url))
        # The API is ready only beside workers.
        await first.wait_assigned(connection)
        secret = secrets.token_urlsafe(48)
        api = running_live_api(context, broker, url, secret)
        _, process = await stack.enter_async_context(api)
        values = broker.variables() | {"DATABASE_URL": as_login(url, "notifications")}
        notices = await stack.enter_async_context(
            context.running("notices", "cost_analytics", "notices", values=values)
        )
        pids = {"API": process.pid, "notifications": notices.pid, "broker": broker.pid}
        stage = RecoveryStage(context, number, load, broker, url, connection, pids)
        before, memory = await _before_downtime(stage, first)
        context.progress.update(f"{len(load.backlog):,} events arrive during the downtime")
        await fill(broker, CALL_EVENTS.name, load.backlog)
        await context.databases.checkpoint()
        context.progress.update("workers start and catch up")
        run = await _recover(stage, before)
        await require_verified(url)
    return run._replace(memory={**memory, **run.memory})


async def _before_downtime(
    stage: RecoveryStage, workers: Workers
) -> tuple[int, dict[str, Mapping[str, int]]]:
    """Measure without events and under load; returns the counted events and the memory."""
    context, connection = stage.context, stage.connection
    context.progress.update("all processes are idle")
    async with stage.memory(workers) as idle:
        await asyncio.sleep(IDLE_SECONDS)
    await warm_up(context, stage.broker, connection, workers)
    context.progress.update(f"{RATE:,} events/s arrive")
    sender = SteadySender(stage.broker, stage.load.load)
    async with stage.memory(workers) as loaded, sender.running() as task:
        await asyncio.shield(task)
    counted = len(context.load.warm_up) + sender.sent
    await wait_counted(connection, workers, counted)
    await workers.stop()
    return counted, {"idle": idle.bytes, "load": loaded.bytes}


async def _recover(stage: RecoveryStage, before: int) -> Recovery:
    stored = before + len(stage.load.backlog)
    sender = SteadySender(stage.broker, stage.load.after)
    began = time.monotonic()
    async with stage.running_workers() as workers:
        meter = stage.cpu(workers)
        async with stage.memory(workers) as peaks, sender.running():
            counted = await _wait_caught_up(stage, workers, sender, stored)
            seconds, cpu = time.monotonic() - began, meter.read()
        await wait_counted(stage.connection, workers, stored + sender.sent)
        delay = await workers.longest_delay()
        await workers.stop()
    return Recovery(seconds, counted - before, cpu, delay, {"backlog": peaks.bytes})


async def _wait_caught_up(
    stage: RecoveryStage, workers: Workers, sender: SteadySender, stored: int
) -> int:
    """Return the number of counted events once only those of the last second are missing."""
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    while True:
        workers.check_alive()
        counted = int(await stage.connection.fetchval(COUNTED_EVENTS_SQL))
        if counted >= stored + max(0, sender.sent - RATE * _BEHIND_SECONDS_MAX):
            return counted
        if time.monotonic() > deadline:
            missing = stored + sender.sent - counted
            raise InvalidRunError(f"{missing:,} events wait after {RECOVERY_SECONDS_MAX} s")
        await asyncio.sleep(_POLL_SECONDS)


def recovery_lines(runs: Mapping[int, Sequence[Recovery]]) -> list[str]:
    """Return the tables of the report."""
    backlog = RATE * DOWNTIME_SECONDS
    lines = ["", f"## After {DOWNTIME_SECONDS} s of downtime at {RATE:,} events/s", ""]
    lines += table(
        ["workers", "seconds until caught up", "events/s meanwhile", "µs of CPU per event: Python",
         "event loops delayed by less than"],
        [
            [
                str(number),
                spread([run.seconds for run in of_number], 1),
                spread([run.events / run.seconds for run in of_number], -2),
                spread([run.cpu.seconds["Python"] * 1e6 / run.events for run in of_number], 1),
                f"{max(run.delay_seconds for run in of_number):g} s",
            ]
            for number, of_number in runs.items()
        ],
    )  # fmt: skip
    lines += [
        "",
        f"{backlog:,} events wait in Kafka, and {RATE:,} events/s continue to arrive. From the "
        "start of the workers' processes, so with joining the group, until only events of the last "
        "second are not counted. `verify` found no differences afterwards.",
        "",
        "## Memory of each process, MiB",
        "",
    ]
    first = next(iter(runs.values()))
    peaks = {
        name: [max(run.memory[phase][name] for run in first) / _MIB for phase in PHASES]
        for name in first[0].memory[PHASES[0]]
    }
    load = f"at {RATE:,} events/s"
    lines += table(
        ["one worker", "idle", load, f"with a backlog of {backlog:,} events"],
        [[name, *(f"{size:,.0f}" for size in sizes)] for name, sizes in peaks.items()],
    )
    return [
        *lines,
        "",
        "Peak resident memory. PostgreSQL session: the largest session, without shared buffers.",
    ]
