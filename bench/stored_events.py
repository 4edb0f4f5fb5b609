"""Fills a database with any number of events, whose totals `verify` accepts.

SQL writes the events and their identities, because a worker would take hours; `rebuild`, which
shares no code with the worker, sums them into the totals.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from bench.databases import open_database
from ledger.operations.verification import rebuild
from ledger.postgres.database import Connection
from ledger.postgres.partitions import ensure_months, month_of

EVENTS_A_CALL: Final = 20
CALLS_OF_USER: Final = 50
"""The same for every number of events, so that a user's reads do not grow."""
DAYS: Final = 359
"""A prime number, so that a user's calls are on different days."""
EXPORTER: Final = "user-exporter"
"""Owns a tenth of all calls."""
EVENTS_OF_LONG_CALL: Final = 10_000
LONG_CALL: Final = "call-long"
OWNER_OF_LONG_CALL: Final = "user-long"
ANOMALY_OF_CALLS: Final = 20
"""One of so many calls has an anomaly."""
_EVENTS_AT_ONCE: Final = 500_000
_SECONDS_MAX: Final = 4 * 3600

_SERVICES: Final = """
    (VALUES (0, 'twilio', 'outbound_call', NULL, 'minutes', 14000000),
            (1, 'deepgram', 'streaming_stt', 'nova-2', 'seconds', 98333),
            (2, 'cerebras', 'inference', 'llama3.1-8b', 'tokens', 100),
            (3, 'elevenlabs', 'tts', 'eleven_turbo_v2_5', 'characters', 150000))
        AS s (place, service, operation, model, unit, nano)
"""

# Events of 1,000 calls alternate, so that the events of a call are not neighbours on disk.
_EVENTS: Final = f"""
    WITH numbered AS (
        SELECT n, n / ($3 * 1000) * 1000 + n % 1000 AS call, n % ($3 * 1000) / 1000 AS turn
        FROM generate_series($1::bigint, $2::bigint - 1) AS n
    ), events AS (
        SELECT lpad(to_hex(n), 32, '0')::uuid AS identity, n::text AS event_id, turn, s.*,
               CASE turn WHEN 0 THEN 'call.started' WHEN $3 - 2 THEN 'call.charged'
                         WHEN $3 - 1 THEN 'call.ended' ELSE 'cost.recorded' END AS type,
               $5::timestamptz - (call * 7919 % $6) * interval '1 day'
                   + (call % 80000 + turn * 15) * interval '1 second' AS time,
               CASE WHEN call < $4 / 10 THEN '{EXPORTER}' ELSE 'user-' || call % $7 END AS user_id,
               'call-' || call AS call_id, 'persona-' || call % 4 AS persona_id,
               1 + n % 60 AS usage
        FROM numbered, LATERAL (SELECT * FROM {_SERVICES} WHERE place = turn % 4) AS s
        WHERE call < $4
    ), recorded AS (
        INSERT INTO call_cost_events
            (identity, source, event_id, type, time, recorded_at, user_id, call_id, persona_id,
             service, operation, model, usage, unit, cost_nano, amount_nano, data)
        SELECT identity, 'bench', event_id, type, time, time, user_id, call_id,
               CASE WHEN turn < $3 - 2 THEN persona_id END,
               CASE type WHEN 'cost.recorded' THEN service WHEN 'call.charged' THEN 'stripe' END,
               CASE WHEN type = 'cost.recorded' THEN operation END,
               CASE WHEN type = 'cost.recorded' THEN model END,
               CASE WHEN type = 'cost.recorded' THEN usage END,
               CASE WHEN type = 'cost.recorded' THEN unit END,
               CASE type WHEN 'cost.recorded' THEN usage * nano WHEN 'call.charged' THEN 444710000
                         ELSE 0 END,
               CASE WHEN type = 'call.charged' THEN 4990000000 ELSE 0 END,
               CASE type
                   WHEN 'call.started' THEN format('{{"callId":"%s","userId":"%s",'
                       '"personaId":"%s","direction":"outbound","expectedDuration_seconds":300}}',
                       call_id, user_id, persona_id)
                   WHEN 'call.ended' THEN format('{{"callId":"%s","status":"completed",'
                       '"duration_seconds":%s}}', call_id, 15 * $3)
                   WHEN 'cost.recorded' THEN format('{{"turn":%s}}', turn)
               END
        FROM events
        UNION ALL
        SELECT md5('decision ' || call_id)::uuid, 'cost-analytics', call_id || '/2', 'call.settled',
               time, time, user_id, call_id, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0,
               '{{"infrastructure":{{"raindrop":20000000,"vultr":10000000,"vercel":5000000}},'
               '"defaultCharge":0,"defaultFee":0,"version":2}}'
        FROM events WHERE turn = 0
    )
    INSERT INTO event_identities (identity, fingerprint) SELECT identity, 0 FROM events
"""
_LONG_CALL: Final = f"""
    WITH events AS (
        SELECT md5('long ' || n)::uuid AS identity, n,
               $2::timestamptz + n * interval '1 second' AS time
        FROM generate_series(1, $1::integer) AS n
    ), recorded AS (
        INSERT INTO call_cost_events
            (identity, source, event_id, type, time, recorded_at, user_id, call_id, persona_id,
             service, operation, usage, unit, cost_nano, data)
        SELECT identity, 'bench', 'long-' || n, 'cost.recorded', time, time, '{OWNER_OF_LONG_CALL}',
               '{LONG_CALL}', 'persona-1', 'twilio', 'outbound_call', 1, 'minutes', 14000000,
               format('{{"turn":%s}}', n)
        FROM events
    )
    INSERT INTO event_identities (identity, fingerprint) SELECT identity, 0 FROM events
"""
_ANOMALIES: Final = """
    INSERT INTO cost_anomalies (anomaly_id, user_id, kind, subject, part, day, observed_nano,
                                expected_nano, detected_at, data)
    SELECT md5('anomaly ' || call_id)::uuid, user_id, 'call_spike', call_id, 'elevenlabs',
           utc_day(first_at), 2000000000, 500000000, ended_at,
           json_build_object(
               'anomalyId', md5('anomaly ' || call_id)::uuid, 'userId', user_id,
               'kind', 'call_spike', 'service', 'elevenlabs', 'leg', NULL, 'callId', call_id,
               'day', utc_day(first_at), 'observed_usd', 2, 'expected_usd', 0.5, 'score', 8,
               'comparedWith', 'own_calls', 'comparedCount', 20, 'message', 'Four times the usual.',
               'occurredAt', to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
               'detectedAt', to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
    FROM calls WHERE call_id ~ '[0-9]$' AND substr(call_id, 6)::bigint % $1 = 0
"""


def user_of(number: int, calls: int) -> str:
    """Return an ordinary user; `calls` are all calls of the database."""
    return f"user-{number % users_of(calls)}"


def users_of(calls: int) -> int:
    """Return the number of ordinary users."""
    return max(1, calls // CALLS_OF_USER)


async def store_events(url: str, events: int, progress: Callable[[str], None]) -> int:
    """Store about `events` events with their totals; returns the number of calls.

    The long call and its events come in addition.
    """
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = today - timedelta(days=1)
    calls = events // EVENTS_A_CALL
    whole_blocks = -(-calls // 1_000) * 1_000 * EVENTS_A_CALL
    async with open_database(url) as connection:
        days = [today - timedelta(days=number) for number in range(DAYS + 3)]
        await ensure_months(connection, {month_of(day) for day in days})
        for start in range(0, whole_blocks, _EVENTS_AT_ONCE):
            end = min(start + _EVENTS_AT_ONCE, whole_blocks)
            progress(f"writing events: {start:,} of {events:,}")
            values = (start, end, EVENTS_A_CALL, calls, yesterday, DAYS, users_of(calls))
            await connection.execute(_EVENTS, *values, timeout=_SECONDS_MAX)
        await connection.execute(_LONG_CALL, EVENTS_OF_LONG_CALL, yesterday)
        await _vacuum(connection)
    await rebuild(url, progress)
    async with open_database(url) as connection:
        await connection.execute(_ANOMALIES, ANOMALY_OF_CALLS, timeout=_SECONDS_MAX)
        await _vacuum(connection)
    return calls


async def _vacuum(connection: Connection) -> None:
    """Leave the tables as autovacuum keeps them: with statistics and a visibility map."""
    await connection.execute("VACUUM (ANALYZE)", timeout=_SECONDS_MAX)
