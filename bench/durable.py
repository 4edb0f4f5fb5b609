"""Durable events a second: from the thaw of the workers to the last stored offset.

A run counts only if every event is a row, nothing was refused, all totals have been published, the
workers ended well, and `verify` finds no difference.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final, NamedTuple

from bench.broker import SESSION_TIMEOUT_MS, Broker, fill
from bench.databases import open_database
from bench.events import Record
from bench.machine import CpuMeter, CpuUse
from bench.stage import InvalidRunError, Stage
from bench.workers import Workers, running_workers
from ledger.operations.verification import verify
from ledger.postgres.database import Connection
from ledger.recording.ledger import BATCHES_BEFORE_TRUST
from schemas.topics import CALL_EVENTS

_LOOK_SECONDS: Final = 0.01
_SLOWEST_EVENTS_PER_SECOND: Final = 500
_TRUST_SLICES: Final = BATCHES_BEFORE_TRUST + 4
"""The end of the warm-up comes in as many small parts, waited for one by one, so that each lane
records enough batches without a repeat to trust its stream."""
_TRUST_SLICE_EVENTS: Final = 100
_FROZEN_MS_MAX: Final = SESSION_TIMEOUT_MS - 2_000

_COUNTED = "SELECT coalesce(sum(next_offset), 0) FROM stream_offsets"
_START = "SELECT clock_timestamp() AS since, pg_current_wal_insert_lsn() AS log"
_LOGGED = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)"
_KEPT_BYTES = """
SELECT sum(pg_total_relation_size(oid))
FROM pg_class
WHERE relkind = 'r' AND (relname LIKE 'call_cost_events_2%' OR relname = 'event_identities')
"""
_KEPT = """
SELECT (SELECT count(*) FROM call_cost_events WHERE type <> 'call.settled') AS events,
       (SELECT count(*) FROM event_identities) AS identities,
       (SELECT count(*) FROM dead_letters) AS refused,
       (SELECT count(*) FROM held_events) AS held,
       (SELECT count(*) FROM totals_outbox) AS unpublished
"""


class DurableRun(NamedTuple):
    """What a run came to. `since` is when it began, by which its rows are known.

    `logged_bytes` and `kept_bytes` are those of write-ahead log, and of recorded events and their
    indexes, for each event.
    """

    events: int
    seconds: float
    since: datetime
    cpu: CpuUse
    logged_bytes: int
    kept_bytes: int

    @property
    def rate(self) -> float:
        """Durable events a second."""
        return self.events / self.seconds


async def measure_workers(
    stage: Stage, number: int, database_url: str, measured: Sequence[Record]
) -> DurableRun:
    """Let so many workers record the load; the warm-up before the clock starts.

    Raises InvalidRunError.
    """
    async with (
        stage.broker() as broker,
        open_database(database_url) as connection,
        running_workers(stage, number, broker, database_url) as workers,
    ):
        stage.narrator.say("workers join their group")
        await workers.wait_assigned(connection)
        stage.narrator.say("warm-up: calls are announced")
        await warm_up(stage, broker, connection, workers)
        await stage.databases.checkpoint()
        await _fill_unseen(stage, broker, workers, measured)
        run = await _timed(stage, broker, connection, workers, len(measured))
        stage.narrator.say(f"{run.rate:,.0f} events/s; workers stop, totals are verified")
        await workers.stop()
        expected = len({record.value for record in (*stage.load.warm_up, *measured)})
        await _require_whole(connection, database_url, expected)
        kept = int(await connection.fetchval(_KEPT_BYTES))
    return run._replace(kept_bytes=kept // expected)


async def _fill_unseen(
    stage: Stage, broker: Broker, workers: Workers, measured: Sequence[Record]
) -> None:
    """Put the measured events into the topic while the workers are frozen."""
    stage.narrator.say("workers are frozen while events are put into the topic")
    began = time.monotonic()
    workers.freeze()
    await fill(broker, CALL_EVENTS.name, measured)
    if (time.monotonic() - began) * 1_000 > _FROZEN_MS_MAX:
        raise InvalidRunError("putting events into the topic took too long: lessen --events")


async def warm_up(stage: Stage, broker: Broker, connection: Connection, workers: Workers) -> None:
    """Let the workers record the warm-up until all of it is counted and they trust the stream."""
    records = stage.load.warm_up
    first = len(records) - _TRUST_SLICES * _TRUST_SLICE_EVENTS
    ends = [*range(first, len(records), _TRUST_SLICE_EVENTS), len(records)]
    for start, end in pairwise([0, *ends]):
        await fill(broker, CALL_EVENTS.name, records[start:end])
        await wait_counted(connection, workers, end)


async def wait_counted(connection: Connection, workers: Workers, events: int) -> None:
    """Wait until so many events are counted; raises InvalidRunError where that takes for ever."""
    statement = await connection.prepare(_COUNTED)
    deadline = time.monotonic() + 30 + events / _SLOWEST_EVENTS_PER_SECOND
    while (counted := await statement.fetchval()) < events:
        workers.check_alive()
        if time.monotonic() > deadline:
            raise InvalidRunError(f"{counted} of {events} events were counted in time")
        await asyncio.sleep(_LOOK_SECONDS)


async def _timed(
    stage: Stage, broker: Broker, connection: Connection, workers: Workers, events: int
) -> DurableRun:
    """Thaw the workers and wait for the last offset."""
    stage.narrator.say("measuring")
    parts = {
        "Python": workers.pids,
        "PostgreSQL": [stage.databases.server_pid],
        "broker": [broker.pid],
    }
    start = await connection.fetchrow(_START)
    if start is None:
        raise InvalidRunError("PostgreSQL does not say what time it is")
    meter = CpuMeter(parts)
    began = time.monotonic()
    workers.thaw()
    await wait_counted(connection, workers, len(stage.load.warm_up) + events)
    seconds = time.monotonic() - began
    cpu = meter.read()
    logged = int(await connection.fetchval(_LOGGED, start["log"]))
    return DurableRun(events, seconds, start["since"], cpu, logged // events, 0)


async def _require_whole(connection: Connection, database_url: str, events: int) -> None:
    """Raise InvalidRunError unless the database holds exactly what the events say."""
    kept = dict(await connection.fetchrow(_KEPT) or {})
    wanted = {"events": events, "identities": events, "refused": 0, "held": 0, "unpublished": 0}
    if kept != wanted:
        raise InvalidRunError(f"the database holds {kept}, and not {wanted}")
    found = await verify(database_url)
    if found.differences:
        raise InvalidRunError(f"{found.differences} differences: {found.lines[:3]}")
