"""An export has every row about a user, and its memory does not grow with them."""

import json
import tracemalloc
from collections import Counter
from datetime import UTC, datetime

import pytest

from ledger.people.export import export_lines
from ledger.postgres.database import connected
from tests.integration.people.test_erasure import calls_of, record
from tests.support import parts
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.logins import as_login
from tests.support.personal_data import IDENTITY, TABLES, plant
from tests.support.recording import TopicLog, fetch

NOW = datetime.now(UTC)
RECORDING_ONLY = {
    "call_cost_events", "calls", "sealed_calls", "sealed_spend", "span_costs", "unpriced_events",
    "user_activity", "user_day_costs", "user_days", "user_spend", "anomaly_sweep",
    "budget_alerts", "call_cutoffs", "credit_events", "credit_returns",
}  # fmt: skip
"""Tables that are written by recording only, which knows the erased users, or by the database."""


async def exported(url: str, user: str) -> list[bytes]:
    async with connected(as_login(url, "operator"), name="test") as connection:
        return [chunk async for chunk in export_lines(connection, user, NOW)]


async def test_export_has_every_row_of_every_table_with_a_user(database_url: str) -> None:
    """Finds the tables by itself, so that a new one cannot be forgotten."""
    await record(database_url, calls_of(IDENTITY, "call", 4), TopicLog())
    await record(database_url, calls_of("bob", "other", 4), TopicLog())
    await plant(database_url, "mallory")
    tables = set(await plant(database_url))
    lines = [
        json.loads(line) for line in b"".join(await exported(database_url, IDENTITY)).splitlines()
    ]
    found = Counter(line["table"] for line in lines if "table" in line)
    for table in await fetch(database_url, TABLES):
        wanted = " OR ".join(f"{name} = $1" for name in table["users"])
        query = f"SELECT count(*) FROM {table['name']} WHERE {wanted}"
        [[count]] = await fetch(database_url, query, IDENTITY)
        assert found[table["name"]] == count > 0, table["name"]
    assert tables <= set(found)
    assert lines[-1]["rows"] == dict(found)
    assert not any("mallory" in str(line) or "bob" in str(line) for line in lines)
    parts.figures.append(f"export: {sum(found.values())} rows of {len(found)} tables, none missing")


async def test_every_table_with_a_user_keeps_erased_users_out(database_url: str) -> None:
    """A table with a user_id is guarded by `guard_erased_users`, or written by recording only."""
    of_users = {
        row["name"] for row in await fetch(database_url, TABLES) if "user_id" in row["users"]
    }
    query = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'keep_users_erased'"
    guarded = {row[0] for row in await fetch(database_url, query)}
    assert of_users - guarded == RECORDING_ONLY


@pytest.mark.parametrize("count", [40_000])
async def test_memory_of_an_export_is_constant(database_url: str, count: int) -> None:
    async with rows(database_url) as ledger:
        call = LiveCallRow(call_id="c", user_id="alice", at=NOW)
        await ledger.call(call)
        await ledger.event(
            call, service="twilio", operation="x", usage=1, unit="minutes", cost_nano=1
        )
    copy = """INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id, data)
              SELECT gen_random_uuid(), source, 'e' || n, type, time, user_id, call_id, repeat('x', 200)
              FROM call_cost_events, generate_series(1, $1) AS n"""
    await fetch(database_url, copy, count)
    size = lines = 0
    async with connected(database_url, name="test") as connection:
        tracemalloc.start()
        async for chunk in export_lines(connection, "alice", NOW):
            size, lines = size + len(chunk), lines + chunk.count(b"\n")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    parts.figures.append(
        f"export: {lines:,} lines, {size:,} bytes, at most {peak:,} bytes in memory"
    )
    assert lines > count
    assert peak < size / 4
