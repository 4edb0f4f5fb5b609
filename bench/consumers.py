"""Consumers that record nothing, on the same broker: a bare one, and a Faust agent.

The agent gets fewer events than the workers, because it is slower and only the rate counts. Its
clock starts with its own first batch, after all start-up, which is to its advantage.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from bench.broker import Broker, fill
from bench.context import BenchContext, InvalidRunError
from bench.figures import TimedRun
from devkit.embedded.processes import ServerProcess
from messaging.kafka import make_consumer
from schemas.topics import CALL_EVENTS

AGENT_EVENTS_MAX: Final = 30_000
_POLL_SECONDS: Final = 0.1
_SECONDS_MAX: Final = 120
_READ_RECORDS: Final = 8_000
_READ_MS: Final = 200

AgentRole = Literal["noop", "fails", "fails-take", "heals"]
_FAUST: Final = "bench.faust_agent"


class AgentReport(NamedTuple):
    """The result of an agent."""

    events: int
    seconds: float
    done: int
    failed: int


async def measure_reading(context: BenchContext) -> TimedRun:
    """Measure a consumer that ignores what it reads."""
    events = len(context.load.measured)
    async with context.broker() as broker:
        await fill(broker, CALL_EVENTS.name, context.load.measured)
        consumer = make_consumer(broker.kafka, CALL_EVENTS.name, group=None)
        await consumer.start()
        try:
            context.progress.update("measuring")
            began, read = time.monotonic(), 0
            while read < events:
                polled = await consumer.getmany(timeout_ms=_READ_MS, max_records=_READ_RECORDS)
                read += sum(map(len, polled.values()))
                if time.monotonic() - began > _SECONDS_MAX:
                    raise InvalidRunError(f"only {read} of {events} events could be read")
            return TimedRun(read, time.monotonic() - began)
        finally:
            await consumer.stop()


async def measure_noop(context: BenchContext) -> TimedRun:
    """Measure an agent that only decodes each event."""
    records = context.load.measured[:AGENT_EVENTS_MAX]
    async with context.broker() as broker:
        await fill(broker, CALL_EVENTS.name, records)
        context.progress.update("measuring the agent")
        report = context.directory / f"noop-{time.monotonic_ns()}.json"
        process = agent(context, broker, "noop", report, "--expected", str(len(records)))
        await process.start()
        try:
            await wait_for(process, report.exists)
            result = read_report(report)
        finally:
            await process.stop()
    return TimedRun(result.events, result.seconds)


def agent(
    context: BenchContext, broker: Broker, role: AgentRole, report: Path, *more: str
) -> ServerProcess:
    """Return a Faust agent, not started yet; agents on one broker share a group."""
    where = [role, broker.kafka.bootstrap_servers, "bench-faust", str(report)]
    return context.python(f"Faust {role}", _FAUST, *where, *more, values={})


def read_report(report: Path) -> AgentReport:
    """Return the result that an agent wrote."""
    result: dict[str, Any] = json.loads(report.read_text())
    return AgentReport(**result)


async def wait_for(process: ServerProcess, done: Any) -> None:
    """Wait until `done()`; raises InvalidRunError if the process ends or time is up first."""
    deadline = time.monotonic() + _SECONDS_MAX
    while not done():
        if not process.running:
            raise InvalidRunError(process.exit_report())
        if time.monotonic() > deadline:
            raise InvalidRunError(f"{process.program.name} was not done after {_SECONDS_MAX} s")
        await asyncio.sleep(_POLL_SECONDS)
