"""What others reach on the same broker with the same events: a bare consumer, and Faust agents.

Fewer events than the workers get, because they are slower and only the rate counts; the clock
starts with their own first batch, after all start-up, which is to their advantage.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from bench.broker import Broker, fill
from bench.databases import open_database
from bench.events import Record
from bench.figures import Timed
from bench.stage import InvalidRunError, Stage
from devkit.embedded.processes import ServerProcess
from messaging.kafka import make_consumer
from schemas.topics import CALL_EVENTS

AGENT_EVENTS_MAX: Final = 30_000
_LOOK_SECONDS: Final = 0.1
_SECONDS_MAX: Final = 120
_READ_RECORDS: Final = 8_000
_READ_MS: Final = 200

Role = Literal["noop", "take", "fails", "fails-take", "heals"]
_FAUST: Final = "bench.faust_agent"
_KEPT: Final = "SELECT count(*) FROM call_cost_events"


class Told(NamedTuple):
    """What an agent said of its work."""

    events: int
    seconds: float
    done: int
    failed: int


async def measure_reading(stage: Stage) -> Timed:
    """Return how fast a consumer reads that does nothing with what it reads."""
    events = len(stage.load.measured)
    async with stage.broker() as broker:
        await fill(broker, CALL_EVENTS.name, stage.load.measured)
        consumer = make_consumer(broker.kafka, CALL_EVENTS.name, group=None)
        await consumer.start()
        try:
            stage.narrator.say("measuring")
            began, read = time.monotonic(), 0
            while read < events:
                polled = await consumer.getmany(timeout_ms=_READ_MS, max_records=_READ_RECORDS)
                read += sum(map(len, polled.values()))
                if time.monotonic() - began > _SECONDS_MAX:
                    raise InvalidRunError(f"{read} of {events} events could be read")
            return Timed(read, time.monotonic() - began)
        finally:
            await consumer.stop()


async def measure_noop(stage: Stage) -> Timed:
    """Return how fast an agent is that decodes each event and does nothing with it."""
    async with stage.broker() as broker:
        return await _measure(stage, broker, "noop", _share(stage))


async def measure_take(stage: Stage) -> Timed:
    """Return how fast an agent records batches; raises InvalidRunError unless all are there."""
    measured = _share(stage)
    async with stage.broker() as broker, stage.databases.fresh() as url:
        timed = await _measure(stage, broker, "take", measured, "--database-url", url)
        async with open_database(url) as connection:
            kept = await connection.fetchval(_KEPT)
        if kept != len(measured):
            raise InvalidRunError(f"{kept} of {len(measured)} events were recorded")
    return timed


def _share(stage: Stage) -> Sequence[Record]:
    return stage.load.measured[:AGENT_EVENTS_MAX]


async def _measure(
    stage: Stage, broker: Broker, role: Role, records: Sequence[Record], *more: str
) -> Timed:
    await fill(broker, CALL_EVENTS.name, records)
    stage.narrator.say("the agent starts, and is measured")
    report = stage.directory / f"{role}-{time.monotonic_ns()}.json"
    process = agent(stage, broker, role, report, *more, "--expected", str(len(records)))
    await process.start()
    try:
        await wait_for(process, report.exists)
        told = read_report(report)
    finally:
        await process.stop()
    return Timed(told.events, told.seconds)


def agent(stage: Stage, broker: Broker, role: Role, report: Path, *more: str) -> ServerProcess:
    """Return a Faust agent that is not started yet; those of one broker share a group."""
    where = [role, broker.kafka.bootstrap_servers, "bench-faust", str(report)]
    return stage.python(f"Faust {role}", _FAUST, *where, *more, values={})


def read_report(report: Path) -> Told:
    """Return what an agent wrote down."""
    words: dict[str, Any] = json.loads(report.read_text())
    return Told(**words)


async def wait_for(process: ServerProcess, done: Any) -> None:
    """Wait until `done()`; raises InvalidRunError if the process ends or time is up before."""
    deadline = time.monotonic() + _SECONDS_MAX
    while not done():
        if not process.running:
            raise InvalidRunError(process.exit_report())
        if time.monotonic() > deadline:
            raise InvalidRunError(f"{process.program.name} was not done after {_SECONDS_MAX} s")
        await asyncio.sleep(_LOOK_SECONDS)
