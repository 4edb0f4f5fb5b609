"""Forecasts and recommendations use no data of other users, by queries and by row policies."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ledger.budgets.budgets import Budgets
from ledger.forecasts.rows import read_forecast_data
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer, reader_pool
from ledger.reports.advice_rows import read_advice_input
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.logins import as_login

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE, BOB, ROOT = Viewer("alice"), Viewer("bob"), Viewer("root", reads_all=True)
CALLS = {"user_id": "alice", "since": NOW - DAY, "before": NOW + DAY, "calls_max": 10}
EXAMPLES = CALLS | {"examples_max": 3}
USAGES = EXAMPLES | {"input_units": ["input_tokens"]}


@pytest.fixture
async def written(database_url: str) -> str:
    """A call, its usage, a charge and a budget of alice and of bob each."""
    async with rows(database_url) as ledger:
        for user in ("alice", "bob"):
            call = LiveCallRow(call_id=f"call-of-{user}", user_id=user, at=NOW)
            await ledger.call(call)
            for owner in (user, "mallory"):  # no writer creates this row; it must not count
                await ledger.event(
                    call, user_id=owner, service="twilio", operation="x", usage=1, unit="minutes"
                )
                await ledger.event(
                    call,
                    "call.charged",
                    user_id=owner,
                    service="stripe",
                    amount_nano=1,
                    cost_nano=1,
                )
            await ledger.connection.execute(
                "INSERT INTO user_budget_settings VALUES ($1, 1, 2, 50)", user
            )
    return database_url


@pytest.fixture
async def superuser(written: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(written)
    yield connection
    await connection.close()


@pytest.mark.parametrize(("viewer", "seen"), [(ALICE, 1), (BOB, 0), (ROOT, 1)])
async def test_queries_hide_other_users_without_row_policies(
    superuser: asyncpg.Connection, viewer: Viewer, seen: int
) -> None:
    forecast, advice = statements("forecasts/forecast"), statements("reports/advice")
    row = await superuser.fetchrow(
        *forecast.bind("days", user_id="alice", **viewer.parameters, since=NOW.date())
    )
    assert row is not None
    assert (row["first_day"] is not None) is (row["days"] is not None) is bool(seen)
    row = await superuser.fetchrow(*advice.bind("calls", **viewer.parameters, **CALLS))
    assert row is not None
    assert (row["calls"], row["calls_read"]) == (seen, seen)
    usages = await superuser.fetch(*advice.bind("usages", **viewer.parameters, **USAGES))
    assert [row["events"] for row in usages] == [1] * seen
    charges = await superuser.fetch(*advice.bind("charges", **viewer.parameters, **EXAMPLES))
    assert [row["charges"] for row in charges] == [1] * seen


@pytest.mark.parametrize("name", ["calls", "usages", "charges"])
async def test_row_policies_hide_other_users_from_a_false_admin(written: str, name: str) -> None:
    """The query claims to see everything; the signed viewer of the transaction decides."""
    values = {"calls": CALLS, "usages": USAGES, "charges": EXAMPLES}[name]
    advice = statements("reports/advice")
    async with reader_pool(as_login(written, "api")) as readers:
        for viewer, seen in ((BOB, 0), (ALICE, 1)):
            async with readers.reading(viewer) as connection:
                query = advice.bind(name, viewer_id=viewer.user_id, reads_all=True, **values)
                found = await connection.fetch(*query)
            assert (found[0]["calls"] if found else 0) == seen


async def test_reports_are_empty_without_permission(written: str) -> None:
    async with reader_pool(as_login(written, "api")) as readers:
        budgets = Budgets(readers, "charged", 80)
        for viewer, seen in ((BOB, 0), (ALICE, 1), (ROOT, 1)):
            found = await read_forecast_data(readers, budgets, viewer, "alice", NOW)
            history = found.history
            assert (len(history.days), history.first_day is not None) == (seen, bool(seen))
            assert (found.spend.limits.daily_nano, found.spend.month_nano > 0) == (
                seen or None,
                bool(seen),
            )
            sums = await read_advice_input(readers, viewer, "alice", NOW - DAY, NOW + DAY)
            assert [len(sums.usages), len(sums.charges), sums.calls, sums.calls_read] == [seen] * 4
