"""An agent of the Faust library, written as in its documentation.

A separate program that the benchmark starts: `python -m bench.faust_agent ROLE …`. It records
nothing; the agent that does is `bench/peers/faust.py`.

noop: decodes event by event. fails: raises for some events. fails-take: raises for batches with
such an event. heals: counts all events. Its result is one JSON object in a file, written when all
is done and at its end.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import faust
import msgspec

from schemas.topics import CALL_EVENTS

FAILS: Final = b"-fails"
"""Part of an event's id: processing it raises."""
_TAKE_FAILING_EVENTS: Final = 100
_TAKE_SECONDS: Final = 0.5

_decode: Final = msgspec.json.Decoder().decode


class AgentCounter:
    """Counts finished events, and writes the result when all are finished."""

    def __init__(self, report: Path, expected: int) -> None:
        self._report = report
        self._expected = expected
        self._began = 0.0
        self._first = 0
        self.done = 0
        self.failed = 0

    def add(self, number: int) -> None:
        """Count finished events; the first batch starts the clock and is not measured."""
        self.done += number
        if not self._began:
            self._began, self._first = time.monotonic(), number
        elif self.done >= self._expected > 0:
            self.write()

    def write(self) -> None:
        """Write the present result."""
        result = {
            "events": self.done - self._first,
            "seconds": time.monotonic() - self._began,
            "done": self.done,
            "failed": self.failed,
        }
        unfinished = self._report.with_suffix(".new")
        unfinished.write_text(json.dumps(result))
        unfinished.replace(self._report)


def build(role: str, bootstrap: str, group: str, counter: AgentCounter) -> Any:
    """Return a Faust app with one agent on the topic of events."""
    app: Any = faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_partitions=8,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=6,
        broker_heartbeat_interval=1,
        broker_rebalance_timeout=3,
    )
    topic = app.topic(CALL_EVENTS.name, value_type=bytes, value_serializer="raw")
    agents: dict[str, Callable[[Any], Awaitable[None]]] = {
        "noop": lambda stream: _noop(stream, counter),
        "fails": lambda stream: _fails(stream, counter),
        "fails-take": lambda stream: _fails_take(stream, counter),
        "heals": lambda stream: _heals(stream, counter),
    }
    work = agents[role]

    async def agent(stream: Any) -> None:
        await work(stream)

    app.agent(topic)(agent)
    return app


async def _noop(stream: AsyncIterable[bytes], counter: AgentCounter) -> None:
    async for value in stream:
        _decode(value)
        counter.add(1)


async def _fails(stream: AsyncIterable[bytes], counter: AgentCounter) -> None:
    async for value in stream:
        _process([value], counter)


async def _fails_take(stream: Any, counter: AgentCounter) -> None:
    async for values in stream.take(_TAKE_FAILING_EVENTS, within=_TAKE_SECONDS):
        _process(values, counter)


async def _heals(stream: AsyncIterable[bytes], counter: AgentCounter) -> None:
    async for _ in stream:
        counter.add(1)


def _process(values: Sequence[bytes], counter: AgentCounter) -> None:
    """Simulate a sporadic error: a database that is unavailable for a moment."""
    if any(FAILS in value for value in values):
        counter.failed += 1
        raise ConnectionError("the database is unavailable")
    counter.add(len(values))


def main() -> None:
    """Run the agent until a signal arrives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("noop", "fails", "fails-take", "heals"))
    parser.add_argument("bootstrap")
    parser.add_argument("group")
    parser.add_argument("report", type=Path)
    parser.add_argument("--expected", type=int, default=0)
    given = parser.parse_args()
    counter = AgentCounter(given.report, given.expected)
    app = build(given.role, given.bootstrap, given.group, counter)
    try:
        faust.Worker(app, loglevel=logging.WARNING).execute_from_commandline()
    finally:
        counter.write()


if __name__ == "__main__":
    main()
