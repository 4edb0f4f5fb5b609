"""The upper limit of the rate: plain COPY of the rows that the workers recorded.

It copies into the same tables with the same indexes, partitions and warm-up rows; in the same
batches, one transaction each; over one connection; from buffers in PostgreSQL's binary format, so
that the client needs almost no CPU. It makes no look-ups, writes no totals and no offsets, and does
not use Kafka.
"""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final, NamedTuple

from bench.context import BenchContext, InvalidRunError
from bench.databases import open_database
from bench.figures import TimedRun
from bench.machine import CpuMeter
from ledger.postgres.database import Connection

_CREATE_INDEX: Final = "CREATE INDEX ON call_cost_events (recorded_at)"
_SELECT_BATCHES: Final = """
SELECT recorded_at, count(*) AS rows FROM call_cost_events GROUP BY 1 ORDER BY 1
"""
_SELECT_EVENTS: Final = "SELECT * FROM call_cost_events WHERE recorded_at = $1"
_SELECT_IDENTITIES: Final = """
SELECT known.identity, known.fingerprint
FROM call_cost_events AS recorded JOIN event_identities AS known USING (identity)
WHERE recorded.recorded_at = $1
ORDER BY known.identity
"""


class CopyBatch(NamedTuple):
    """The rows of one transaction, ready to be sent."""

    identities: bytes
    events: bytes


class CopyBatches(NamedTuple):
    """The batches of a run, in its warm-up and measured; `row_count` is the number of all rows."""

    warm_up: list[CopyBatch]
    measured: list[CopyBatch]
    row_count: int


async def extract(database_url: str, since: datetime) -> CopyBatches:
    """Read the rows of a run; the measured ones were recorded after `since`."""
    warm_up: list[CopyBatch] = []
    measured: list[CopyBatch] = []
    row_count = 0
    async with open_database(database_url) as connection:
        await connection.execute(_CREATE_INDEX)
        await connection.execute("ANALYZE")
        for batch in await connection.fetch(_SELECT_BATCHES):
            recorded_at = batch["recorded_at"]
            copied = CopyBatch(
                await _copied_out(connection, _SELECT_IDENTITIES, recorded_at),
                await _copied_out(connection, _SELECT_EVENTS, recorded_at),
            )
            if recorded_at > since:
                measured.append(copied)
            else:
                warm_up.append(copied)
            row_count += batch["rows"]
    return CopyBatches(warm_up, measured, row_count)


async def _copied_out(connection: Connection, query: str, recorded_at: datetime) -> bytes:
    buffer = io.BytesIO()
    await connection.copy_from_query(query, recorded_at, output=buffer, format="binary")
    return buffer.getvalue()


async def measure_copy(context: BenchContext, batches: CopyBatches, events: int) -> TimedRun:
    """Measure COPY of the measured batches, which represent `events` events."""
    async with context.databases.fresh() as url, open_database(url) as connection:
        context.progress.update("the same rows by plain COPY: warm-up")
        for batch in batches.warm_up:
            await _copy(connection, batch)
        await context.databases.checkpoint()
        context.progress.update("the same rows by plain COPY: measuring")
        meter = CpuMeter({"PostgreSQL": [context.databases.server_pid]})
        began = time.monotonic()
        for batch in batches.measured:
            await _copy(connection, batch)
        seconds = time.monotonic() - began
        used = meter.read()
        copied = await connection.fetchval("SELECT count(*) FROM call_cost_events")
        if copied != batches.row_count:
            raise InvalidRunError(f"{copied} rows were copied instead of {batches.row_count}")
    cpu_seconds = {
        "Python": used.seconds["bench"],
        "PostgreSQL": used.seconds["PostgreSQL"],
        "broker": 0.0,
    }
    return TimedRun(events, seconds, ratio=1.0, cpu=used._replace(seconds=cpu_seconds))


async def _copy(connection: Connection, batch: CopyBatch) -> None:
    async with connection.transaction():
        await connection.copy_to_table(
            "event_identities",
            columns=("identity", "fingerprint"),
            source=_single_chunk(batch.identities),
            format="binary",
        )
        await connection.copy_to_table(
            "call_cost_events", source=_single_chunk(batch.events), format="binary"
        )


async def _single_chunk(data: bytes) -> AsyncIterator[bytes]:
    yield data
