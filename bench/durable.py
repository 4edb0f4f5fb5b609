"""Durable events per second: from resuming the workers to the last stored offset.

A run is valid only if every event is stored, none was refused, all totals were published, the
workers ended normally, and `verify` finds no differences.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final, NamedTuple

from bench.broker import SESSION_TIMEOUT_MS, Broker, fill
from bench.context import BenchContext, InvalidRunError
from bench.databases import open_database
from bench.events import LoadRecord
from bench.machine import CpuMeter, CpuUse
from bench.workers import Workers, running_workers
from ledger.operations.verification import verify
from ledger.postgres.database import Connection
from ledger.recording.ledger import BATCHES_BEFORE_TRUST
from schemas.topics import CALL_EVENTS

_POLL_SECONDS: Final = 0.01
_SLOWEST_EVENTS_PER_SECOND: Final = 500
_SMALL_BATCHES: Final = BATCHES_BEFORE_TRUST + 4
"""The number of small batches at the end of the warm-up. They are sent one by one, so that each
lane records enough batches without a repeat to stop looking up identities."""
_SMALL_BATCH_EVENTS: Final = 100
_FROZEN_MS_MAX: Final = SESSION_TIMEOUT_MS - 2_000
"""Workers that are frozen for longer would lose their partitions."""

COUNTED_EVENTS_SQL: Final = "SELECT coalesce(sum(next_offset), 0) FROM stream_offsets"
"""The number of counted events."""
_START = "SELECT clock_timestamp() AS since, pg_current_wal_insert_lsn() AS wal_lsn"
_WAL_BYTES = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)"
_STORED_BYTES = """
SELECT sum(pg_total_relation_size(oid))
FROM pg_class
WHERE relkind = 'r' AND (relname LIKE 'call_cost_events_2%' OR relname = 'event_identities')
"""
"""The names of partitions end with a date, such as `_20250901`."""
_ROW_COUNTS = """
SELECT (SELECT count(*) FROM call_cost_events WHERE type <> 'call.settled') AS events,
       (SELECT count(*) FROM event_identities) AS identities,
       (SELECT count(*) FROM dead_letters) AS refused,
       (SELECT count(*) FROM held_events) AS held,
       (SELECT count(*) FROM totals_outbox) AS unpublished
"""


class DurableRun(NamedTuple):
    """The result of a run. Rows recorded after `since` belong to the measured part.

    `wal_event_bytes` are the bytes of WAL per event, `stored_event_bytes` those of tables and
    indexes.
    """

    events: int
    seconds: float
    since: datetime
    cpu: CpuUse
    wal_event_bytes: int
    stored_event_bytes: int

    @property
    def rate(self) -> float:
        """Durable events per second."""
        return self.events / self.seconds


class _Timing(NamedTuple):
    """The measured part of a run. Its rows were recorded after `since`."""

    seconds: float
    since: datetime
    cpu: CpuUse
    wal_bytes: int


async def measure_workers(
    context: BenchContext,
    number: int,
    database_url: str,
    measured: Sequence[LoadRecord],
    *,
    verify_totals: bool = True,
) -> DurableRun:
    """Let `number` workers record the load; the warm-up is not measured.

    The database may have other events, but no offsets. Without `verify_totals` the caller
    must verify the database. Raises InvalidRunError.
    """
    async with (
        context.broker() as broker,
        open_database(database_url) as connection,
        running_workers(context, number, broker, database_url) as workers,
    ):
        context.progress.update("workers join their group")
        before = await _count_rows(connection)
        await workers.wait_assigned(connection)
        context.progress.update("warm-up: calls start")
        await warm_up(context, broker, connection, workers)
        await context.databases.checkpoint()
        await _fill_frozen(context, broker, workers, measured)
        run = await _timed(context, broker, connection, workers, len(measured))
        rate = len(measured) / run.seconds
        context.progress.update(f"{rate:,.0f} events/s; workers stop, totals are verified")
        await workers.stop()
        # Some events are sent twice.
        distinct_events = len({record.value for record in (*context.load.warm_up, *measured)})
        await _require_complete(connection, before, distinct_events)
        if verify_totals:
            await require_verified(database_url)
        stored = int(await connection.fetchval(_STORED_BYTES))
    return DurableRun(
        events=len(measured),
        seconds=run.seconds,
        since=run.since,
        cpu=run.cpu,
        wal_event_bytes=run.wal_bytes // len(measured),
        stored_event_bytes=stored // (before["events"] + distinct_events),
    )


async def _fill_frozen(
    context: BenchContext, broker: Broker, workers: Workers, measured: Sequence[LoadRecord]
) -> None:
    """Fill the topic with the measured events while the workers are frozen."""
    context.progress.update("workers are frozen while events are put into the topic")
    began = time.monotonic()
    workers.freeze()
    await fill(broker, CALL_EVENTS.name, measured)
    if (time.monotonic() - began) * 1_000 > _FROZEN_MS_MAX:
        raise InvalidRunError("filling the topic took too long: reduce --events")


async def warm_up(
    context: BenchContext, broker: Broker, connection: Connection, workers: Workers
) -> None:
    """Let the workers record the whole warm-up; then they no longer look up identities."""
    records = context.load.warm_up
    first = len(records) - _SMALL_BATCHES * _SMALL_BATCH_EVENTS
    ends = [*range(first, len(records), _SMALL_BATCH_EVENTS), len(records)]
    for start, end in pairwise([0, *ends]):
        await fill(broker, CALL_EVENTS.name, records[start:end])
        await wait_counted(connection, workers, end)


async def wait_counted(connection: Connection, workers: Workers, events: int) -> None:
    """Wait until this many events are counted; raises InvalidRunError on timeout."""
    statement = await connection.prepare(COUNTED_EVENTS_SQL)
    deadline = time.monotonic() + 30 + events / _SLOWEST_EVENTS_PER_SECOND
    while (counted := await statement.fetchval()) < events:
        workers.check_alive()
        if time.monotonic() > deadline:
            raise InvalidRunError(f"only {counted} of {events} events were counted in time")
        await asyncio.sleep(_POLL_SECONDS)


async def _timed(
    context: BenchContext, broker: Broker, connection: Connection, workers: Workers, events: int
) -> _Timing:
    """Resume the workers and wait for the last offset."""
    context.progress.update("measuring")
    parts = {
        "Python": workers.pids,
        "PostgreSQL": [context.databases.server_pid],
        "broker": [broker.pid],
    }
    start = await connection.fetchrow(_START)
    if start is None:
        raise InvalidRunError("PostgreSQL returned no time")
    meter = CpuMeter(parts)
    began = time.monotonic()
    workers.resume()
    await wait_counted(connection, workers, len(context.load.warm_up) + events)
    seconds = time.monotonic() - began
    cpu = meter.read()
    wal_bytes = int(await connection.fetchval(_WAL_BYTES, start["wal_lsn"]))
    return _Timing(seconds, start["since"], cpu, wal_bytes)


async def _count_rows(connection: Connection) -> dict[str, int]:
    return dict(await connection.fetchrow(_ROW_COUNTS) or {})


async def _require_complete(connection: Connection, before: dict[str, int], events: int) -> None:
    """Raise InvalidRunError unless exactly `events` events were added since `before`."""
    stored, wanted = await _count_rows(connection), dict(before)
    wanted["events"] += events
    wanted["identities"] += events
    if stored != wanted:
        raise InvalidRunError(f"the database holds {stored} instead of {wanted}")


async def require_verified(database_url: str) -> None:
    """Raise InvalidRunError if `verify` finds differences."""
    verification = await verify(database_url)
    if verification.differences:
        raise InvalidRunError(f"{verification.differences} differences: {verification.lines[:3]}")
