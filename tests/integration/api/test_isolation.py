"""Users never see data of other users: queries and row policies each suffice, tested apart.

The user id in every query is tested as a superuser, whom no policy restricts. The row policies are
tested with queries that lack the user id.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from ledger.budgets.budgets import Budgets
from ledger.budgets.changing import change_budget
from ledger.budgets.limits import LimitChange, Limits
from ledger.postgres.rights import RIGHTS
from ledger.postgres.statements import Statements, statements
from ledger.postgres.viewers import ReaderPool, Viewer, reader_pool
from ledger.reports.costs import read_call_report, read_spending_report
from schemas.jsonio import encode
from tests.support.alerting import an_alert
from tests.support.api import ApiClient, served_from, token
from tests.support.foreign_user import HIDDEN_TABLES, ROWS_OF_USER, TABLES_OF_ROWS
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.logins import SIGNER, as_login

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
TODAY, DAY = NOW.date(), timedelta(days=1)
ALICE, BOB, ROOT = Viewer("alice"), Viewer("bob"), Viewer("root", reads_all=True)
TABLES = (
    "calls", "call_cost_events", "user_days", "user_day_costs", "user_budget_settings", "user_spend",
    "budget_holds", "cost_reservations", "budget_alerts", "alert_reads", "cost_anomalies", "anomaly_dismissals",
    "unpriced_events", "scope_spend", *TABLES_OF_ROWS,
)  # fmt: skip
OF_USER = (
    """INSERT INTO budget_holds (user_id, call_id, spend_nano, expires_at)
       VALUES ($1, 'call-of-' || $1, 5, '2025-11-19 13:00Z')""",
    """INSERT INTO budget_alerts (alert_id, user_id, type, period, threshold_percent, limit_version,
                                  late, triggered_at, data)
       VALUES (gen_random_uuid(), $1, 'daily', '2025-11-19', 80, 1, false, now(), $2)""",
    """INSERT INTO alert_reads (alert_id, user_id)
       SELECT alert_id, user_id FROM budget_alerts WHERE user_id = $1""",
    *ROWS_OF_USER,
    "INSERT INTO cost_reservations SELECT $1, 'call-of-' || $1, gen_random_uuid(), 5, now(), now()",
    "INSERT INTO notice_channels (user_id, type, address) VALUES ($1, 'email', $1 || '@example.org')",
    """INSERT INTO cost_anomalies (anomaly_id, user_id, kind, subject, part, day, observed_nano,
                                   detected_at, data)
       VALUES (gen_random_uuid(), $1, 'missing_leg', 'call-of-' || $1, 'telephony', '2025-11-19', 0, now(), '{}')""",
    "INSERT INTO scope_spend VALUES ($1, 'persona', 'sales', '2025-11-19', 0, 1, 1, 0)",
    "INSERT INTO unpriced_events SELECT gen_random_uuid(), $1, 'c', now(), 'cost.recorded', 's', 'o', '', 'u', 0",
    """INSERT INTO anomaly_dismissals SELECT anomaly_id, $1, 'x', $1 FROM cost_anomalies WHERE user_id = $1""",
)
"""Further rows of each of the two users."""


@pytest.fixture
async def written(database_url: str) -> str:
    """A call and a budget of alice and of bob each."""
    async with rows(database_url) as ledger:
        for user in ("alice", "bob"):
            call = LiveCallRow(call_id=f"call-of-{user}", user_id=user, at=NOW)
            await ledger.call(call)
            line: dict[str, Any] = {"operation": "x", "usage": 1, "unit": "minutes", "cost_nano": 1}
            await ledger.event(call, service="twilio", **line)
            # No writer creates this row; it must be hidden nevertheless.
            await ledger.event(call, service="twilio", user_id="mallory", **line)
            budget = "INSERT INTO user_budget_settings VALUES ($1, 1, 2, 50)"
            await ledger.connection.execute(budget, user)
            for statement in OF_USER:
                alert = [encode(an_alert(user)).decode()] if "$2" in statement else []
                await ledger.connection.execute(statement, user, *alert)
        await ledger.call(LiveCallRow(call_id="held", user_id=None, at=NOW))
    return database_url


@pytest.fixture
async def readers(written: str) -> AsyncIterator[ReaderPool]:
    async with reader_pool(as_login(written, "api")) as readers:
        yield readers


@pytest.fixture
async def superuser(written: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(written)
    yield connection
    await connection.close()


@pytest.mark.parametrize("role", [RIGHTS["api"], RIGHTS["reports"]])
@pytest.mark.parametrize("table", TABLES)
async def test_row_policies_hide_other_users_from_unfiltered_queries(
    superuser: asyncpg.Connection, table: str, role: str
) -> None:
    if not await superuser.fetchval("SELECT has_table_privilege($1, $2, 'SELECT')", role, table):
        assert (role, table) in UNREADABLE
        return

    async def seen(viewer: Viewer | None) -> list[str]:
        async with superuser.transaction():
            token = "" if viewer is None else SIGNER.sign(viewer)
            await superuser.execute(f"SET LOCAL ROLE {role}")
            await superuser.execute("SELECT set_config('cost_analytics.viewer', $1, true)", token)
            rows = await superuser.fetch(f"SELECT DISTINCT user_id FROM {table} ORDER BY 1")
            return [user for (user,) in rows]

    assert await seen(ALICE) == ["alice"]
    assert await seen(Viewer("stranger")) == []
    assert (await seen(ROOT))[:2] == ["alice", "bob"]
    assert await seen(None) == []


UNREADABLE = {(RIGHTS["reports"], table) for table in HIDDEN_TABLES}
"""Tables that one of the two roles never reads."""

REPORTS, BUDGETS = statements("reports/costs"), statements("budgets/budgets")
LISTS, ANOMALIES = statements("reports/lists"), statements("anomalies/lists")
LAST = (date(2025, 11, 1), date(2025, 11, 30))
ANY = ("earliest", "persona_id", "before", "type", "is_read", "personas", "services", "models", "tags", "status", "after_time", "after_key", "kind", "service", "id_part", "after_seq", "is_dismissed")  # fmt: skip
VALUES: dict[str, Any] = {
    "user_id": "alice", "call_id": "call-of-alice", "first_day": LAST[0], "last_day": LAST[1],
    "day_start": NOW, "day_end": NOW + DAY, "month_start": NOW, "month_end": NOW + DAY,
    "since": NOW - DAY, "now": NOW, "by_cost": False, "by_call": False, "unknown_persona": "unknown",
    "most": 10, "limit": 10, "personas_max": 10, "calls_max": 10, "alerts_max": 10, "lines_max": 10, **dict.fromkeys(ANY),
    "daily_nano": 7, "monthly_nano": 7, "call_nano": 7, "daily_version": 1, "monthly_version": 1,
    "call_version": 1, "warning_percent": Decimal(80), "thresholds": [], "timezone": "UTC",
    "auto_cutoff": True, "call_steps": "{}", "spend_nano": 99, "until": NOW + DAY,
}  # fmt: skip


def bound(queries: Statements, name: str, viewer: Viewer, **values: Any) -> tuple[Any, ...]:
    """Return a statement that requests data of alice for a viewer."""
    values = VALUES | viewer.parameters | values
    return queries.bind(name, **{each: values[each] for each in queries.statement(name).parameters})


async def test_queries_hide_other_users_without_row_policies(
    superuser: asyncpg.Connection,
) -> None:
    """Every statement that reads money, run as a superuser for another viewer."""
    await superuser.execute("UPDATE calls SET status = 'active'")
    for viewer, seen in ((ALICE, True), (BOB, False), (ROOT, True)):
        row = await superuser.fetchrow(*bound(REPORTS, "call", viewer))
        assert (row is not None) is seen
        if row and not viewer.reads_all:
            assert len(json.loads(row["lines"])["listed"]) == 1
        row = await superuser.fetchrow(*bound(REPORTS, "spending", viewer))
        assert row is not None
        assert (row["calls"] == 1) is seen
        assert (row["costs"] is not None, row["personas"] is not None) == (seen, seen)
        assert bool(await superuser.fetch(*bound(LISTS, "calls", viewer))) is seen
        archived = await superuser.fetchval(*bound(LISTS, "archived_events", viewer))
        assert (archived is not None) is seen
        lines = await superuser.fetch(*bound(LISTS, "events", viewer))
        assert len(lines) == {ALICE: 1, BOB: 0, ROOT: 2}[viewer]
        for by_cost in (False, True):
            [row] = await superuser.fetch(*bound(BUDGETS, "budget_status", viewer, by_cost=by_cost))
            assert {bool(row[name]) for name in OF_STANDING} == {seen}
        for name in OF_BUDGETS:
            assert bool(await superuser.fetch(*bound(BUDGETS, name, viewer))) is seen
        committed = bound(BUDGETS, "committed", viewer, call_id="", identities=[], by_cost=True)
        assert (await superuser.fetchval(*committed) > 0) is seen
        assert bool(await superuser.fetch(*bound(ANOMALIES, "of_user", viewer, **ANY_DAY))) is seen
        of_everyone = bound(ANOMALIES, "of_everyone", viewer, user_id=None, **ANY_DAY)
        assert len(await superuser.fetch(*of_everyone)) == (2 if viewer.reads_all else 1)


ANY_DAY = {"first_day": None, "last_day": None}
OF_STANDING = ("user_id", "day_nano", "month_nano", "active_calls", "alerts", "channels")
OF_BUDGETS = ("settings", "lock_settings", "active_calls", "alerts_page", "call_state")
"""The statements about budgets that return a row of alice."""


async def test_queries_change_only_the_own_budget_without_row_policies(
    superuser: asyncpg.Connection,
) -> None:
    settings = "SELECT daily_limit_nano FROM user_budget_settings WHERE user_id = 'alice'"
    await superuser.execute(*bound(BUDGETS, "change_settings", BOB))
    assert await superuser.fetchval(settings) == 1
    await superuser.execute(*bound(BUDGETS, "change_settings", ALICE))
    assert await superuser.fetchval(settings) == 7
    holds = "SELECT sum(spend_nano) FROM budget_holds WHERE user_id = 'alice'"
    await superuser.execute(*bound(BUDGETS, "hold", BOB))
    await superuser.execute(*bound(BUDGETS, "drop_hold", BOB))
    await superuser.execute(*bound(BUDGETS, "drop_expired_holds", BOB, now=NOW + DAY))
    assert await superuser.fetchval(holds) == 5
    await superuser.execute(*bound(BUDGETS, "drop_hold", ALICE))
    assert await superuser.fetchval(holds) is None
    for viewer in (BOB, Viewer("carol")):
        await superuser.execute(*bound(BUDGETS, "open_settings", viewer, user_id="carol"))
    assert await superuser.fetchval("SELECT count(*) FROM user_budget_settings") == 3


async def test_viewer_can_change_budgets_only(readers: ReaderPool) -> None:
    for statement in ("UPDATE calls SET duration_ms = 0", "DELETE FROM user_days",
                      "DELETE FROM budget_alerts", "UPDATE user_spend SET cost_nano = 0",
                      "DELETE FROM cost_anomalies", "UPDATE cost_anomalies SET part = ''", "SELECT FROM anomaly_sweep",
                      "SELECT payload FROM outbox", "DELETE FROM outbox",
                      "SELECT call_ids FROM totals_outbox", "SELECT event FROM held_events",
                      "SELECT worker_id FROM stream_workers", "SELECT FROM dead_letters",
                      "DELETE FROM user_budget_settings", "UPDATE stream_offsets SET next_offset = 0",
                      "UPDATE service_prices SET price_usd = 0"):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with readers.writing(ROOT) as connection:
                await connection.execute(statement)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with readers.reading(ALICE) as connection:
            await connection.execute("UPDATE user_budget_settings SET daily_limit_nano = 0")


async def test_unfiltered_change_affects_the_own_budget_only(
    readers: ReaderPool, superuser: asyncpg.Connection
) -> None:
    async with readers.writing(ALICE) as connection:
        await connection.execute("UPDATE user_budget_settings SET daily_limit_nano = 9")
    limits = await superuser.fetch(
        "SELECT daily_limit_nano FROM user_budget_settings ORDER BY user_id"
    )
    assert [limit for (limit,) in limits] == [9, 1]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with readers.writing(ALICE) as connection:
            await connection.execute("INSERT INTO user_budget_settings VALUES ('carol')")


async def test_reports_are_empty_without_permission(readers: ReaderPool) -> None:
    assert await read_call_report(readers, BOB, "call-of-alice") is None
    assert await read_call_report(readers, ALICE, "held") is None
    assert await read_call_report(readers, ROOT, "held") is None
    _, report = await read_spending_report(readers, BOB, "alice", LAST)
    assert report is not None
    assert (report.calls, report.costs, report.personas) == (0, {}, [])
    budgets = Budgets(readers, "charged", 80)
    standing = await budgets.read_status(BOB, "alice", NOW)
    assert standing.limits == Limits(user_id="alice")
    assert (standing.day_nano, standing.month_nano, standing.alerts) == (0, 0, [])
    assert (await budgets.read_alerts(BOB, "alice", None, 10)).alerts == []
    await change_budget(budgets, BOB, "alice", LimitChange(daily_limit=(True, 5)), NOW)
    assert (await budgets.read_status(ALICE, "alice", NOW)).limits.daily_nano == 1


async def test_connection_keeps_no_viewer(written: str) -> None:
    """One connection serves several viewers in turn, with admins and failures between them."""
    async with reader_pool(as_login(written, "api"), connections_max=1) as readers:

        async def seen(viewer: Viewer) -> list[str]:
            async with readers.reading(viewer) as connection:
                return [row[0] for row in await connection.fetch("SELECT user_id FROM user_days")]

        assert await seen(ALICE) == ["alice"]
        assert sorted(await seen(ROOT)) == ["alice", "bob"]
        assert await seen(BOB) == ["bob"]
        with pytest.raises(ZeroDivisionError):
            async with readers.reading(ROOT):
                raise ZeroDivisionError
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with readers.reading(ROOT) as connection:
                await connection.execute("SELECT 1 / 0")
        assert await seen(BOB) == ["bob"]
        assert await readers.schema_is_current()
        users = await asyncio.gather(*(seen(viewer) for viewer in (ALICE, BOB) * 20))
        assert users == [["alice"], ["bob"]] * 20


@pytest.fixture
async def api(written: str) -> AsyncIterator[ApiClient]:
    async with served_from(written, today=TODAY) as api:
        yield api


async def test_call_of_another_user_looks_nonexistent(api: ApiClient) -> None:
    others = await api.get("/api/costs/call/call-of-bob", "alice")
    nobodys = await api.get("/api/costs/call/there-is-none", "alice")
    held = await api.get("/api/costs/call/held", "alice")
    assert others.status == nobodys.status == held.status == 403
    assert others.body == nobodys.body == held.body
    assert set(others.headers) == set(nobodys.headers)


async def test_owners_and_admins_can_read_and_services_cannot(api: ApiClient) -> None:
    for path in ("/api/costs/call/call-of-bob", "/api/costs/user/bob/spending",
                 "/api/costs/user/bob/budget", "/api/costs/user/bob/forecast",
                 "/api/costs/user/bob/recommendations"):  # fmt: skip
        assert (await api.get(path, "bob")).data["userId"] == "bob"
        admin = token("root", role="admin")
        assert (await api.ask("GET", path, bearer=admin)).data["userId"] == "bob"
        service = token("bob", role="service")
        assert (await api.ask("GET", path, bearer=service)).status == 403
        assert (await api.get(path, "alice")).status == 403


async def test_admin_can_set_a_budget_and_another_user_cannot(api: ApiClient) -> None:
    path, body = "/api/costs/user/bob/budget", {"dailyLimit_usd": 3}
    refused = await api.ask("PUT", path, bearer=token("alice"), body=body)
    assert refused.code == "forbidden"
    admin = token("root", role="admin")
    assert (await api.ask("PUT", path, bearer=admin, body=body)).data["dailyLimit_usd"] == 3
    assert (await api.get(path, "bob")).data["dailyLimit_usd"] == 3
