"""The limit: plain COPY of the rows that the workers recorded.

It copies into the same tables with the same indexes, partitions and warm-up rows; in the same
batches, one transaction each; over one connection; from buffers in PostgreSQL's binary format, so
that the client needs almost no CPU. Without look-ups, totals, offsets and Kafka.
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

_INDEX: Final = "CREATE INDEX ON call_cost_events (recorded_at)"
_BATCHES: Final = """
SELECT recorded_at, count(*) AS rows FROM call_cost_events GROUP BY 1 ORDER BY 1
"""
_EVENTS: Final = "SELECT * FROM call_cost_events WHERE recorded_at = $1"
_IDENTITIES: Final = """
SELECT known.identity, known.fingerprint
FROM call_cost_events AS recorded JOIN event_identities AS known USING (identity)
WHERE recorded.recorded_at = $1
ORDER BY known.identity
"""


_TABLES: Final = (("event_identities", ("identity", "fingerprint")), ("call_cost_events", None))


class CopyBatch(NamedTuple):
    """The rows of one transaction, ready to be sent."""

    identities: bytes
    events: bytes


class CopyRows(NamedTuple):
    """All rows of a run by batch: those of the warm-up, and the measured ones."""

    warm_up: list[CopyBatch]
    measured: list[CopyBatch]
    rows: int


async def extract(database_url: str, since: datetime) -> CopyRows:
    """Read the rows of a run; the measured ones were recorded after `since`."""
    warm_up: list[CopyBatch] = []
    measured: list[CopyBatch] = []
    rows = 0
    async with open_database(database_url) as connection:
        await connection.execute(_INDEX)
        await connection.execute("ANALYZE")
        for batch in await connection.fetch(_BATCHES):
            recorded_at = batch["recorded_at"]
            copied = CopyBatch(
                await _copied_out(connection, _IDENTITIES, recorded_at),
                await _copied_out(connection, _EVENTS, recorded_at),
            )
            if recorded_at > since:
                measured.append(copied)
            else:
                warm_up.append(copied)
            rows += batch["rows"]
    return CopyRows(warm_up, measured, rows)


async def _copied_out(connection: Connection, query: str, recorded_at: datetime) -> bytes:
    buffer = io.BytesIO()
    await connection.copy_from_query(query, recorded_at, output=buffer, format="binary")
    return buffer.getvalue()


async def measure_copy(context: BenchContext, rows: CopyRows, events: int) -> TimedRun:
    """Measure COPY of the measured rows, which represent `events` events."""
    async with context.databases.fresh() as url, open_database(url) as connection:
        context.progress.update("the same rows by plain COPY: warm-up")
        for batch in rows.warm_up:
            await _copy(connection, batch)
        await context.databases.checkpoint()
        context.progress.update("the same rows by plain COPY: measuring")
        meter = CpuMeter({"PostgreSQL": [context.databases.server_pid]})
        began = time.monotonic()
        for batch in rows.measured:
            await _copy(connection, batch)
        seconds = time.monotonic() - began
        used = meter.read()
        copied = await connection.fetchval("SELECT count(*) FROM call_cost_events")
        if copied != rows.rows:
            raise InvalidRunError(f"{copied} of {rows.rows} rows were copied")
    client = {"Python": used.seconds["bench"], "PostgreSQL": used.seconds["PostgreSQL"]}
    return TimedRun(events, seconds, 1.0, used._replace(seconds=client | {"broker": 0.0}))


async def _copy(connection: Connection, batch: CopyBatch) -> None:
    async with connection.transaction():
        for (table, columns), rows in zip(_TABLES, batch, strict=True):
            await connection.copy_to_table(
                table, columns=columns, source=_at_once(rows), format="binary"
            )


async def _at_once(rows: bytes) -> AsyncIterator[bytes]:
    yield rows
