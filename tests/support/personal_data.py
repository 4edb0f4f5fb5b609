"""A user in every table with personal data, also in tables that are added later."""

import asyncio
import json
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from devkit.embedded.postgres_files import find_program
from ledger.operations.archive_files import rows_of
from ledger.people.erasure import erase_user
from ledger.postgres.database import connected
from schemas.people import ErasureReceipt, ErasureRecord
from tests.support.archives import NOW
from tests.support.recording import fetch

IDENTITY = 'zoë "o\'hara"+1@example.org'
PARTS = ("o'hara", "zoë")
"""Parts of the identity that nothing else contains."""

TABLES = """
    SELECT c.relname::text AS name, array_agg(a.attname::text) AS users
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'text'::regtype
      AND (a.attname = 'user_id' OR a.attname LIKE '%\\_by' AND c.relname NOT IN ('calls', 'read_functions'))
    GROUP BY c.relname ORDER BY 1
"""
_COLUMNS = """
    SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type
    FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
      AND attidentity = '' AND attgenerated = '' ORDER BY attnum
"""
_TEXT = 'about zoë "o\'hara"+1@example.org, and others'
_JSON = json.dumps({"userId": IDENTITY, "message": _TEXT}, ensure_ascii=False)
_OF_TYPE: dict[str, Any] = {
    "text": "x", "integer": 1, "smallint": 1, "bigint": 1, "numeric": 1, "boolean": False,
    "jsonb": "{}", "text[]": [], "bigint[]": [], "int8multirange": [], "numeric[]": [], "bytea": b"", "date": NOW.date(),
    "timestamp with time zone": NOW,
}  # fmt: skip
_OF_COLUMN: dict[str, Any] = {
    "data": _JSON, "payload": _JSON, "reason": _TEXT, "message": _TEXT, "error": _TEXT,
    "budgets": "[]", "facts": "[]", "content": _JSON, "timezone": "UTC", "price_context": None, "usages": None, "voids": None,
}  # fmt: skip
_OF_TABLE: dict[tuple[str, str], Any] = {
    ("api_keys", "scopes"): ["ingest"],
    ("budget_alerts", "type"): "daily",
    ("credit_events", "type"): "credit.granted",
    ("credit_events", "voids"): None,
    ("credit_events", "ends_at"): NOW + timedelta(days=1),
    ("charge_plans", "kind"): "per_call",
    ("cost_anomalies", "kind"): "call_spike",
    ("live_tickets", "role"): "user",
    ("notice_attempts", "outcome"): "delivered",
    ("notice_channels", "type"): "email",
    ("notice_channels", "state"): "verified",
    ("notice_channels", "address"): IDENTITY,
    ("notice_deliveries", "kind"): "alert",
    ("notice_deliveries", "state"): "delivered",
    ("notice_deliveries", "code"): None,
    ("notice_deliveries", "claimed_until"): None,
    ("notice_channels", "secret"): None,
    ("pending_anomaly_checks", "kind"): "call",
    ("price_proposals", "class"): "api",
    ("price_proposals", "state"): "approved",
    ("service_prices", "class"): "api",
    ("call_commands", "kind"): "cutoff",
    ("call_commands", "cause"): "hand",
    ("call_commands", "state"): "executed",
    ("call_command_attempts", "outcome"): "executed",
    ("command_modes", "mode"): "stopped",
    ("call_cost_events", "tags"): None,
    ("notice_channels", "kinds"): "{}",
    ("calls", "status"): "active",
    ("stream_gaps", "reason"): "records_removed",
    ("stream_gaps", "to_offset"): 9,
    ("unpriced_events", "type"): "cost.recorded",
    ("webhook_endpoints", "provider"): "vapi",
    ("webhook_endpoints", "replay_seconds"): 300,
}
"""Values that checks require."""


async def plant(url: str, user_id: str = IDENTITY) -> list[str]:
    """Insert a row of the user into each table that can name users and has none; returns these tables."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        tables = await connection.fetch(TABLES)
        for table in tables:
            wanted = " OR ".join(f"{name} = $1" for name in table["users"])
            if not await connection.fetchval(
                f"SELECT count(*) FROM {table['name']} WHERE {wanted}", user_id
            ):
                await _insert(connection, table["name"], table["users"], user_id)
        return [table["name"] for table in tables]
    finally:
        await connection.close()


async def _insert(connection: Any, table: str, users: list[str], user_id: str) -> None:
    if table == "anomaly_sweep":  # always has one row
        await connection.execute("UPDATE anomaly_sweep SET user_id = $1", user_id)
        return
    columns = await connection.fetch(_COLUMNS, table)
    values: dict[str, Any] = {}
    for column in columns:
        name, kind = column["name"], column["type"]
        if kind == "uuid":
            values[name] = await connection.fetchval("SELECT gen_random_uuid()")
        elif kind == "datemultirange":
            values[name] = [asyncpg.Range(NOW.date(), NOW.date(), upper_inc=True)]
        else:
            values[name] = _OF_COLUMN.get(name, _OF_TYPE[kind])
        if values[name] == "x":
            values[name] = secrets.token_hex(4)
        elif kind == "bytea":
            values[name] = secrets.token_bytes(32)
    values |= dict.fromkeys(users, user_id)
    values |= {name: own for (of, name), own in _OF_TABLE.items() if of == table}
    if table == "webhook_endpoints":
        values["endpoint_id"] = secrets.token_hex(16)
    names = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    await connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", *values.values())


async def places_in_database(url: str, parts: tuple[str, ...] = PARTS) -> list[str]:
    """Return the lines of a dump of the whole database that contain a part of the identity."""
    process = await asyncio.create_subprocess_exec(
        find_program("pg_dump"), f"--dbname={url}", stdout=asyncio.subprocess.PIPE
    )
    dump, _ = await process.communicate()
    assert process.returncode == 0
    wanted = [part.encode() for part in parts]
    wanted += [part.encode().hex().encode() for part in parts]  # bytea
    return [
        line.decode("utf-8", "replace")[:200]
        for line in dump.splitlines()
        if any(part in line for part in wanted)
    ]


def places_in_files(directory: Path, parts: tuple[str, ...] = PARTS) -> list[str]:
    """Return the archived rows that contain a part of the identity, in all files of a directory."""
    return [
        f"{path.name}: {row}"
        for path in sorted(directory.iterdir())
        for rows in (rows_of(path) if path.suffix == ".parquet" else [[(path.read_text(),)]])
        for row in rows
        if any(part in str(value) for value in row for part in parts)
    ]


async def erased(
    url: str,
    records: list[ErasureRecord] | None = None,
    user_id: str = IDENTITY,
    *,
    allow_unknown: bool = False,
) -> ErasureReceipt:
    """Erase the user, as the command does; `records` receives what the journal would."""
    kept = [] if records is None else records

    async def journal(record: ErasureRecord) -> None:
        kept.append(record)

    async with connected(url, name="test") as connection:
        return await erase_user(
            connection,
            user_id,
            "root",
            NOW,
            topics=(),
            journal=journal,
            allow_unknown=allow_unknown,
        )


async def sums(url: str) -> list[tuple[Any, ...]]:
    """Return all money, calls and durations by table, summed over all users."""
    rows = await fetch(
        url,
        """SELECT 'costs', sum(cost_nano), count(*), 0, 0 FROM user_day_costs
           UNION ALL SELECT 'days', sum(charged_nano), sum(refunded_nano), sum(calls), sum(duration_ms) FROM user_days
           UNION ALL SELECT 'spend', sum(charged_nano), sum(refunded_nano), sum(cost_nano), count(*) FROM user_spend
           UNION ALL SELECT 'everyone', sum(charged_nano), sum(refunded_nano), sum(calls), sum(duration_ms) FROM everyone_days
           UNION ALL SELECT 'everyone costs', sum(cost_nano), 0, 0, 0 FROM everyone_day_costs
           UNION ALL SELECT 'events', sum(cost_nano), sum(amount_nano), count(*), 0 FROM call_cost_events
           UNION ALL SELECT 'seals', sum(cost_nano), sum(charged_nano), sum(refunded_nano), count(*) FROM sealed_spend
           ORDER BY 1""",
    )
    return [tuple(row) for row in rows]
