"""Faust (faust-streaming): an agent that takes batches and records each in one transaction.

Faust's tables would keep totals in changelog topics, apart from the rows.
"""

from __future__ import annotations

import os
from typing import Any, Final

import asyncpg
import faust

from bench.peers.costs import INCOMING_SQL, RECORD_SQL, TOPIC, CostRow, rows_of

_BATCH_EVENTS: Final = 5_000
_BATCH_SECONDS: Final = 0.5

app: Any = faust.App(
    "faust",
    broker=f"kafka://{os.environ.get('KAFKA_BOOTSTRAP_SERVERS', '')}",
    store="memory://",
    web_enabled=False,
    topic_disable_leader=True,
    topic_partitions=8,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=45,
    stream_buffer_maxsize=2 * _BATCH_EVENTS,
)
_topic = app.topic(TOPIC, value_type=bytes, value_serializer="raw")


@app.agent(_topic)
async def record_costs(stream: Any) -> None:
    """Record batches; Faust acknowledges them also if this fails."""
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute(INCOMING_SQL)
    async for values in stream.take(_BATCH_EVENTS, within=_BATCH_SECONDS):
        await record(connection, rows_of(values))


async def record(connection: asyncpg.Connection, rows: list[CostRow]) -> None:
    """Record the rows that are new, and add them to the totals, in one transaction."""
    async with connection.transaction():
        await connection.copy_records_to_table("incoming", records=rows)
        await connection.execute(RECORD_SQL)


if __name__ == "__main__":
    app.main()
