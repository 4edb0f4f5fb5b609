"""The work of reading a call is linear in its events."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from ledger.postgres.partitions import ensure_months
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from ledger.reports.exports import export_parameters
from ledger.reports.filters import NO_FILTER
from ledger.reports.lists import CallFilter
from tests.support.long_calls import EVENTS, events_read, rows_read

AT = datetime(2025, 11, 19, tzinfo=UTC)
DECEMBER = datetime(2025, 12, 1, tzinfo=UTC)
FIRST_MONTH = "call_cost_events_2025_11"
READS: dict[str, tuple[str, dict[str, Any]]] = {
    "reports/costs": ("call", {"lines_max": 1_000}),
    "reports/lists": ("events", {"after_time": None, "after_key": None, "limit": 100_000}),
}
ALICE = {"call_id": "call-1", "viewer_id": "alice", "reads_all": False}


async def test_reading_a_call_is_linear_in_its_events(database_url: str) -> None:
    """Four times the events make four times the rows to read, also with four times the voids."""
    connection = await asyncpg.connect(database_url)
    reads: dict[str, list[float]] = {name: [] for name in READS}
    try:
        await ensure_months(connection, [(2025, 11)])
        await connection.execute(
            "INSERT INTO calls (call_id, user_id, first_at, updated_at) "
            "VALUES ('call-1', 'alice', $1, $1)",
            AT,
        )
        for events in (1_000, 4_000):
            await connection.execute("TRUNCATE call_cost_events")
            await connection.execute(EVENTS, events, AT, 1)
            for module, (name, values) in READS.items():
                statement, *bound = statements(module).bind(name, **ALICE, **values)
                explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
                [(plan,)] = await connection.fetch(explain, *bound)
                reads[module].append(rows_read(json.loads(plan)[0]["Plan"]) / events)
    finally:
        await connection.close()
    for module, (of_short, of_long) in reads.items():
        assert of_long < 2 * of_short, module


SETTLED = """
    INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id, data)
    VALUES (md5('settled')::uuid, 'ledger', 'settled', 'call.settled', $1, 'alice', 'call-1', '{"version":2}')
"""
NUMBER, PAGE = 2_000, 101


@pytest.fixture
async def year(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A database with a partition for each month of a year, and a call in its November."""
    connection = await asyncpg.connect(database_url)
    try:
        await ensure_months(connection, [(2025, month) for month in range(1, 13)])
        await connection.execute(
            "INSERT INTO calls (call_id, user_id, first_at, updated_at) "
            "VALUES ('call-1', 'alice', $1, $1)",
            AT,
        )
        await connection.execute(EVENTS, NUMBER, AT, 1)
        await connection.execute(SETTLED, AT)
        yield connection
    finally:
        await connection.close()


async def read_counted(
    connection: asyncpg.Connection, statement: str, *values: Any
) -> tuple[list[asyncpg.Record], Counter[str]]:
    """Return the rows of a statement, and how many events of each month its plan read."""
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
    [(plan,)] = await connection.fetch(explain, *values)
    return await connection.fetch(statement, *values), events_read(json.loads(plan)[0]["Plan"])


async def test_page_reads_each_event_of_its_call_twice_at_most(year: asyncpg.Connection) -> None:
    """Once for the page, and once for voids and settlements; no earlier month is searched."""
    after, listed = None, []
    while True:
        page = statements("reports/lists").bind(
            "events",
            **ALICE,
            after_time=after and after["time"],
            after_key=after and after["identity"],
            limit=PAGE,
        )
        rows, read = await read_counted(year, *page)
        assert sum(read.values()) <= 2 * (NUMBER + 1)
        assert min(read) == FIRST_MONTH
        listed += rows
        if len(rows) < PAGE:
            break
        after = rows[-1]
    assert len({row["identity"] for row in listed}) == len(listed) == NUMBER + 1
    assert [row["time"] for row in listed] == sorted(row["time"] for row in listed)
    assert sum(row["voided"] for row in listed) == NUMBER // 50


async def test_pages_after_a_month_read_only_marks_of_it(year: asyncpg.Connection) -> None:
    await year.execute(EVENTS.replace("md5(call", "md5('december ' || call"), NUMBER, DECEMBER, 1)
    page = statements("reports/lists").bind(
        "events", **ALICE, after_time=DECEMBER, after_key="0" * 32, limit=PAGE
    )
    rows, read = await read_counted(year, *page)
    assert len(rows) == PAGE
    assert read[FIRST_MONTH] <= NUMBER + 1
    assert read["call_cost_events_2025_12"] <= 2 * NUMBER


async def test_export_reads_each_event_of_a_call_twice_at_most(year: asyncpg.Connection) -> None:
    since, until = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    export = export_parameters(
        "events", Viewer("alice"), "alice", CallFilter(since, until, None, None, NO_FILTER)
    )
    rows, read = await read_counted(year, *statements("reports/exports").bind("events", **export))
    assert len(rows) == NUMBER + 1
    assert sum(read.values()) <= 2 * (NUMBER + 1)
    assert min(read) == FIRST_MONTH


async def test_vendor_of_a_call_is_read_from_its_months(year: asyncpg.Connection) -> None:
    rows, read = await read_counted(
        year, *statements("reports/call_vendor").bind("of_call", **ALICE)
    )
    assert len(rows) == 1
    assert read[FIRST_MONTH] == sum(read.values()) == NUMBER + 1
    assert min(read) == FIRST_MONTH
