"""Large databases that show what does not scale: a million calls, a million events of one user.

They are filled by SQL, because a worker would take minutes; only reads are measured.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from bench.databases import open_database
from ledger.postgres.partitions import ensure_months, month_of

CALLS: Final = 1_000_000
USERS: Final = 10_000
DAYS: Final = 90
EVENTS: Final = 1_000_000
EVENTS_A_CALL: Final = 20
EXPORTER: Final = "user-exporter"

_MAKE_CALLS: Final = """
    INSERT INTO calls (call_id, user_id, persona_id, status, duration_ms, first_at, started_at,
                       ended_at, costs, charges, infrastructure, event_count, updated_at)
    SELECT 'call-' || n, 'user-' || n % $2, 'persona-' || n % 4, 'completed', 60000 + n % 600000,
           at, at, at, format('{"%s":{"twilio":%s,"elevenlabs":%s,"stripe":444710000}}',
                              day, n % 90000000, n % 70000000)::jsonb,
           format('{"%s":[4990000000,0]}', day)::jsonb, '{}', 4, at
    FROM generate_series(1, $1::integer) AS n,
         LATERAL (SELECT date_trunc('day', now()) - (n::bigint * 7919 % $3) * interval '1 day'
                         + n % 86400 * interval '1 second' - interval '1 day' AS at) AS moment,
         LATERAL (SELECT to_char(at, 'YYYY-MM-DD') AS day) AS days
"""
_MAKE_DAYS: Final = """
    INSERT INTO user_days
        (user_id, day, persona_id, calls, duration_ms, charged_nano, refunded_nano)
    SELECT user_id, utc_day(first_at), persona_id, count(*), sum(duration_ms),
           count(*) * 4990000000, 0
    FROM calls GROUP BY 1, 2, 3
"""
_MAKE_DAY_COSTS: Final = """
    INSERT INTO user_day_costs (user_id, day, persona_id, service, cost_nano)
    SELECT user_id, d.key::date, persona_id, c.key, sum(c.value::bigint)
    FROM calls, jsonb_each(costs::jsonb) AS d, jsonb_each_text(d.value) AS c GROUP BY 1, 2, 3, 4
"""
_MAKE_EVENTS: Final = """
    INSERT INTO call_cost_events
        (identity, source, event_id, type, time, recorded_at, user_id, call_id, persona_id,
         service, operation, operation_sent, model, usage, unit, cost_nano, price_id, data)
    SELECT md5(n::text)::uuid, 'bench', gen_random_uuid()::text, 'cost.recorded',
           first_at + n % $2 * interval '1 second', first_at, user_id, call_id, persona_id,
           'elevenlabs', 'tts', 'tts_streaming', 'eleven_turbo_v2_5', n % 4000, 'characters',
           n % 4000 * 150000, 13, format('{"turn":%s,"text":"a short reply"}', n % $2)
    FROM generate_series(0, $1::integer - 1) AS n JOIN calls ON call_id = 'call-' || (n / $2 + 1)
"""


async def make_calls(url: str) -> None:
    """Create a million calls of ten thousand users over 90 days, and the users' days."""
    async with open_database(url) as connection:
        for statement, *arguments in (
            (_MAKE_CALLS, CALLS, USERS, DAYS), (_MAKE_DAYS,), (_MAKE_DAY_COSTS,), ("ANALYZE",),
        ):  # fmt: skip
            await connection.execute(str(statement), *arguments, timeout=900)


async def make_events(url: str) -> None:
    """Create a million events of one user's calls."""
    async with open_database(url) as connection:
        calls = EVENTS // EVENTS_A_CALL
        now = datetime.now(UTC)
        days = [now - timedelta(days=number) for number in range(DAYS + 3)]
        await ensure_months(connection, {month_of(day) for day in days})
        await connection.execute(_MAKE_CALLS, calls, 1, DAYS, timeout=900)
        await connection.execute("UPDATE calls SET user_id = $1", EXPORTER)
        await connection.execute(_MAKE_EVENTS, EVENTS, EVENTS_A_CALL, timeout=900)
        await connection.execute("ANALYZE")
