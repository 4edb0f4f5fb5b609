"""What the marks of changed hours add to a batch."""

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest

from tests.support.ledger_rows import rows
from tests.support.parts import figures

CALLS, TURNS, BATCHES = 1_000, 8, 4
NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
SWITCHES = {
    "without marks": (
        "DROP INDEX calls_first",
        "ALTER TABLE calls DISABLE TRIGGER mark_former_hour",
        "ALTER TABLE totals_outbox DISABLE TRIGGER mark_changed_calls",
    ),
    "with marks": (
        "CREATE INDEX calls_first ON calls USING brin (first_at) WITH (autosummarize = on)",
        "ALTER TABLE calls ENABLE TRIGGER mark_former_hour",
        "ALTER TABLE totals_outbox ENABLE TRIGGER mark_changed_calls",
    ),
}
PUT = """
    INSERT INTO calls AS c (call_id, user_id, duration_ms, first_at, costs, charges, version, updated_at)
    SELECT 'call-' || n, 'alice', n, $1, '{"2026-11-22":{"twilio":1,"elevenlabs":2,"cerebras":3,"stripe":4}}',
           '{"2026-11-22":[5,0]}', 1, now()
      FROM generate_series(1, $2::integer) AS n
    ON CONFLICT (call_id) DO UPDATE
    SET (duration_ms, first_at, costs, version) = (c.duration_ms + 1, excluded.first_at, excluded.costs, c.version + 1)
"""
QUEUE = """
    INSERT INTO totals_outbox (worker_id, call_ids, hours)
    SELECT 'test', array_agg('call-' || n), $2 FROM generate_series(1, $1::integer) AS n
"""


@pytest.mark.alone
async def test_marks_of_a_batch_are_one_row_for_each_hour(database_url: str) -> None:
    """Prints what they cost beside the calls of the batch, measured in turns."""
    took: dict[str, list[float]] = defaultdict(list)
    hours = [NOW.replace(minute=0) - timedelta(hours=n) for n in range(2)]
    async with rows(database_url) as ledger:
        connection = ledger.connection
        for _ in range(TURNS):
            for name, statements in SWITCHES.items():
                for statement in statements:
                    await connection.execute(statement)
                await connection.execute("TRUNCATE calls, changed_hours")
                for batch in range(BATCHES):
                    began = time.perf_counter()
                    async with connection.transaction():
                        await connection.execute(PUT, NOW, CALLS)
                        await connection.execute(QUEUE, CALLS, hours)
                    took[name] += [time.perf_counter() - began] if batch else []
                marks = await connection.fetchval("SELECT count(*) FROM changed_hours")
                assert marks == (BATCHES * len(hours) if name == "with marks" else 0)
    for name, seconds in took.items():
        figures.append(f"{CALLS} changed calls {name}: {median(seconds) * 1000:.1f} ms a batch")
