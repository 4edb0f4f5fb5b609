"""Measures a peer: from resuming its frozen processes to the last row and the last total.

Every peer starts with an empty database and records the warm-up, as our workers do. Then it is
frozen while the topic is filled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from bench.broker import Broker, fill
from bench.context import BenchContext, InvalidRunError
from bench.databases import open_database
from bench.events import LoadRecord
from bench.figures import TimedRun
from bench.machine import CpuMeter, CpuUse
from bench.peers.checks import Expected, find_faults
from bench.peers.contenders import Peer
from bench.peers.costs import TABLES_SQL
from bench.peers.report import PeerRun
from bench.workers import Workers
from devkit.embedded.processes import run_to_end
from ledger.postgres.database import Connection
from schemas.topics import CALL_EVENTS

PYTHON: Final = Path(".local/peers/bin/python")
"""The environment of `requirements/peers.txt`, which `make bench-peers` creates."""
_POLL_SECONDS: Final = 0.05
_START_SECONDS_MAX: Final = 240
_STALLED_SECONDS: Final = 20
_SETTLE_SECONDS: Final = 2
"""The time in which a peer that counts an event too often has done so."""

_COUNTED = "SELECT coalesce(sum(events), 0) FROM user_totals"
_RECORDED = "SELECT count(*) FROM cost_events"


async def measure_peer(
    context: BenchContext, peer: Peer, measured: Sequence[LoadRecord]
) -> PeerRun:
    """Let a peer record the load; raises InvalidRunError if it does not start."""
    warm_up = Expected.of(context.load.warm_up)
    expected = Expected.of([*context.load.warm_up, *measured])
    counted = expected.events
    if peer.counts_repeats:
        counted = len(context.load.warm_up) + len(measured)
    async with (
        context.broker() as broker,
        context.databases.fresh(migrated=False) as url,
        open_database(url) as connection,
    ):
        await connection.execute(TABLES_SQL)
        async with _running(context, peer, broker, url) as processes:
            context.progress.update("the peer starts and records the warm-up")
            await fill(broker, CALL_EVENTS.name, context.load.warm_up)
            ready = _Goal(warm_up.events, warm_up.events, _START_SECONDS_MAX)
            if await _wait(connection, processes, ready) is None:
                raise InvalidRunError(f"{peer.title}: the warm-up was not recorded in time")
            await context.databases.checkpoint()
            processes.freeze()
            context.progress.update("the peer is frozen while the topic is filled")
            await fill(broker, CALL_EVENTS.name, measured)
            goal = _Goal(expected.events, counted, _STALLED_SECONDS)
            ended = await _timed(context, broker, connection, processes, goal)
            await asyncio.sleep(_SETTLE_SECONDS)
            findings = await find_faults(connection, expected)
    if ended is None:
        return PeerRun(None, findings)
    events = expected.events - len(context.load.warm_up)
    return PeerRun(TimedRun(events, ended.seconds, cpu=ended.cpu), findings)


@asynccontextmanager
async def _running(
    context: BenchContext, peer: Peer, broker: Broker, database_url: str
) -> AsyncIterator[Workers]:
    directory = context.directory / f"peer-{time.monotonic_ns()}"
    directory.mkdir()
    values = {
        "KAFKA_BOOTSTRAP_SERVERS": broker.kafka.bootstrap_servers,
        "DATABASE_URL": database_url,
        **peer.environment,
    }
    start = partial(context.python, peer.name, values=values, interpreter=PYTHON.absolute())
    if peer.preparation:
        arguments = [text.format(directory=directory) for text in peer.preparation]
        await run_to_end(start(*arguments).program, _START_SECONDS_MAX)
    processes = [start(*arguments) for arguments in peer.commands(directory)]
    try:
        for process in processes:
            await process.start()
        yield Workers(processes)
    finally:
        await asyncio.gather(*(process.kill() for process in processes))


class _Goal(NamedTuple):
    """The rows and counted events to reach, and the seconds without progress that end the wait."""

    rows: int
    counted: int
    stalled_seconds: float


class _Ended(NamedTuple):
    """The measured seconds and the CPU use."""

    seconds: float
    cpu: CpuUse


async def _wait(connection: Connection, processes: Workers, goal: _Goal) -> float | None:
    """Return the time when the goal was reached; None if the peer has stalled before."""
    counting = await connection.prepare(_COUNTED)
    recorded = await connection.prepare(_RECORDED)
    last, changed = -1, time.monotonic()
    while True:
        counted = await counting.fetchval()
        if counted >= goal.counted and await recorded.fetchval() >= goal.rows:
            return time.monotonic()
        processes.check_alive()
        if counted != last:
            last, changed = counted, time.monotonic()
        elif time.monotonic() - changed > goal.stalled_seconds:
            return None
        await asyncio.sleep(_POLL_SECONDS)


async def _timed(
    context: BenchContext,
    broker: Broker,
    connection: Connection,
    processes: Workers,
    goal: _Goal,
) -> _Ended | None:
    """Resume the processes and wait for the last event; returns None if it is not reached."""
    context.progress.update("measuring")
    meter = CpuMeter(
        {
            "Python": processes.pids,
            "PostgreSQL": [context.databases.server_pid],
            "broker": [broker.pid],
        }
    )
    began = time.monotonic()
    processes.resume()
    try:
        ended = await _wait(connection, processes, goal)
    except InvalidRunError as error:
        context.progress.result(str(error))
        ended = None
    return None if ended is None else _Ended(ended - began, meter.read())
