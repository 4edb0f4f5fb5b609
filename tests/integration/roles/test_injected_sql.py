"""SQL injected into a statement of the API reaches only the rows of its own viewer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from ledger.live.tickets import TicketHolder, TicketStore
from ledger.postgres.database import connected
from ledger.postgres.functions import all_reads, install_functions, reads
from ledger.postgres.logins import PROCESSES, ProcessName
from ledger.postgres.pool import connection_pool
from ledger.postgres.viewer import ViewerSigner
from ledger.postgres.viewers import ReaderPool, Viewer, reader_pool
from tests.support.attacks import AttackRecorder
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.logins import SIGNER, as_login
from tests.support.recording import fetch

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
ALICE, ROOT = Viewer("alice"), Viewer("root", reads_all=True)
USERS = "SELECT DISTINCT user_id FROM calls ORDER BY 1"
FORGED = (
    "SELECT set_config('cost_analytics.reads_all', 'on', true)",
    "SELECT set_config('cost_analytics.reader', 'bob', true)",
    "SELECT set_config('cost_analytics.viewer', left(current_setting('cost_analytics.viewer'), 64) || 'ubob', true)",
    "SELECT set_config('cost_analytics.viewer', repeat('0', 64) || 'aroot', true)",
    f"SELECT set_config('cost_analytics.viewer', '{ViewerSigner('a guess').sign(ROOT)}', true)",
)
REFUSED = (
    "SET ROLE cost_analytics", "SET ROLE cost_analytics_reader", "SET ROLE cost_analytics_reports",
    "SET ROLE cost_analytics_worker", "SET SESSION AUTHORIZATION cost_analytics",
    "SELECT FROM live_tickets", "DELETE FROM live_tickets", "SELECT FROM outbox",
    "SELECT FROM totals_outbox", "SELECT FROM viewer_keys", "SELECT FROM dead_letters",
    "SELECT secret FROM notice_channels", "SELECT code FROM notice_deliveries",
    "SELECT * FROM counted_costs", "UPDATE calls SET duration_ms = 0", "DELETE FROM call_cost_events",
    "CREATE TABLE t ()", "CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
    "ALTER TABLE calls DISABLE ROW LEVEL SECURITY", "SELECT create_event_partition('a', 'b', 'c')",
    "SELECT pg_read_file('PG_VERSION')", "COPY calls TO '/dev/null'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
)  # fmt: skip

OF_SUPERUSERS = (
    "COPY calls TO PROGRAM 'id'", "COPY calls FROM PROGRAM 'id'", "COPY calls TO '/tmp/calls'",
    "SELECT pg_read_file('PG_VERSION')", "SELECT pg_ls_dir('.')", "ALTER SYSTEM SET fsync = off",
    "CREATE ROLE another LOGIN", "ALTER ROLE CURRENT_USER SUPERUSER", "CREATE DATABASE another",
    "SET SESSION AUTHORIZATION cost_analytics",
    "SET ROLE cost_analytics", "SELECT rolpassword FROM pg_authid",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/lib/x', 'f'",
)  # fmt: skip
OF_OWNERS = (
    "SELECT FROM viewer_keys", "INSERT INTO viewer_keys DEFAULT VALUES",
    "DELETE FROM live_tickets", "UPDATE live_tickets SET role = 'admin'",
    "DROP TABLE calls", "TRUNCATE calls", "ALTER TABLE calls DISABLE ROW LEVEL SECURITY",
    "DROP POLICY own_rows ON calls", "CREATE TABLE t ()",
    "ALTER TABLE calls OWNER TO CURRENT_USER", "DELETE FROM schema_migrations",
    "UPDATE call_cost_events SET cost_nano = 0", "DELETE FROM user_budget_settings",
)  # fmt: skip
"""Statements that only the login `migrate`, the owner, may run.

`operator` reads tickets to export what is stored about a user; their digests open no socket.
"""


@pytest.fixture
async def written(database_url: str) -> str:
    """A call of alice and one of bob."""
    async with rows(database_url) as ledger:
        for user in ("alice", "bob"):
            await ledger.call(LiveCallRow(call_id=f"of-{user}", user_id=user, at=NOW))
    return database_url


@pytest.fixture
async def readers(written: str) -> AsyncIterator[ReaderPool]:
    async with reader_pool(as_login(written, "api")) as readers:
        yield readers


@pytest.mark.parametrize("statement", FORGED)
async def test_injected_sql_cannot_change_the_viewer(
    readers: ReaderPool, statement: str, record_attack: AttackRecorder
) -> None:
    async with readers.reading(ALICE) as connection:
        assert [row[0] for row in await connection.fetch(USERS)] == ["alice"]
        await connection.execute(statement)
        try:
            seen = [row[0] for row in await connection.fetch(USERS)]
        except asyncpg.InvalidAuthorizationSpecificationError:
            seen = ["alice"]
    record_attack(
        "database: session of the API names a viewer", attempts=1, refused=seen == ["alice"]
    )


@pytest.mark.parametrize("statement", REFUSED)
async def test_session_of_the_api_cannot_change_its_role(
    readers: ReaderPool, statement: str, record_attack: AttackRecorder
) -> None:
    refused = False
    try:
        async with readers.writing(ROOT) as connection:
            await connection.execute("RESET ROLE")
            await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        refused = True
    record_attack("database: session of the API leaves its rights", attempts=1, refused=refused)


@pytest.mark.parametrize("process", PROCESSES)
async def test_no_login_can_gain_privileges(
    written: str, process: ProcessName, record_attack: AttackRecorder
) -> None:
    statements = [*OF_SUPERUSERS, *(() if process == "migrate" else OF_OWNERS)]
    statements += [f"SET ROLE cost_analytics_{other}" for other in PROCESSES if other != process]
    refused = []
    async with connected(as_login(written, process), name="tests") as connection:
        for statement in statements:
            try:
                await connection.execute("RESET ROLE")
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                refused.append(statement)
    assert refused == statements
    case = f"database: login {process} becomes more than it is"
    record_attack(case, attempts=len(statements), refused=len(refused))


async def test_reports_need_a_signed_viewer(
    written: str,
) -> None:
    call = reads("reports/costs")["call"]
    async with connected(as_login(written, "api"), name="tests") as connection:
        arguments = ("of-bob", "bob", True, 10, "")
        assert await connection.fetch(call, *arguments, SIGNER.sign(ALICE)) == []
        assert await connection.fetch(call, *arguments, "") == []
        assert len(await connection.fetch(call, *arguments, SIGNER.sign(Viewer("bob")))) == 1
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await connection.fetch(call, *arguments, ViewerSigner("a guess").sign(ROOT))


async def test_injected_sql_in_a_report_cannot_change_its_viewer(written: str) -> None:
    """The body of a report runs as a restricted role."""
    body = """
        CREATE FUNCTION cost_analytics_reads.injected(text) RETURNS SETOF text
        LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$ BEGIN
            PERFORM set_config('cost_analytics.viewer', $1, true);
            PERFORM set_config('cost_analytics.reads_all', 'on', true);
            PERFORM set_config('cost_analytics.reader', 'bob', true);
            RETURN QUERY SELECT user_id FROM calls;
        END $$;
        ALTER FUNCTION cost_analytics_reads.injected OWNER TO cost_analytics_reports
    """
    async with connected(written, name="tests") as connection:
        await connection.execute(body)
    async with connected(as_login(written, "api"), name="tests") as connection:
        query = "SELECT * FROM cost_analytics_reads.injected($1)"
        assert [row[0] for row in await connection.fetch(query, SIGNER.sign(ALICE))] == ["alice"]


async def test_connection_keeps_no_viewer_after_a_read(written: str) -> None:
    async with connection_pool(
        as_login(written, "api"), name="tests", connections_max=1, statement_timeout_ms=5_000
    ) as pool:
        readers = ReaderPool(pool, SIGNER)
        async with readers.reading(Viewer("stranger")) as connection:
            assert await connection.fetch(USERS) == []
        assert await readers.read_value(ROOT, reads("reports/lists")["any_call"], "x", True) is True
        async with pool.borrow(5) as connection:
            assert not await connection.fetchval(
                "SELECT current_setting('cost_analytics.viewer', true)"
            )
            assert await connection.fetch(USERS) == []


async def test_ticket_is_issued_to_the_viewer_only(readers: ReaderPool) -> None:
    tickets = TicketStore(readers)
    assert await tickets.issue(b"1", TicketHolder("alice", "user", 9), seconds=60, limit=2)
    assert await tickets.redeem(b"1") == TicketHolder("alice", "user", 9)
    assert await tickets.redeem(b"1") is None
    statement = "SELECT issue_ticket('2', $1, $2, 9, 60, 2)"

    async def issue(holder: str, role: str) -> None:
        async with readers.writing(ALICE) as connection:
            await connection.execute(statement, holder, role)

    for holder, role in (("bob", "user"), ("alice", "admin")):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await issue(holder, role)


@pytest.mark.parametrize("process", PROCESSES)
async def test_no_login_has_superuser_attributes(database_url: str, process: str) -> None:
    [role] = await fetch(
        database_url,
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls "
        "FROM pg_roles WHERE rolname = 'cost_analytics_' || $1",
        process,
    )
    assert tuple(role)[:4] == (False,) * 4
    assert role["rolbypassrls"] == (process in {"worker", "operator", "notifications"})
    owned = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'calls'::regclass"
    assert (await fetch(database_url, owned))[0][0] == "cost_analytics_migrate"


async def test_functions_of_the_previous_release_remain_for_one_release(database_url: str) -> None:
    names = "SELECT proname FROM pg_proc WHERE pronamespace = 'cost_analytics_reads'::regnamespace"
    async with connected(database_url, name="tests") as connection:
        await connection.execute(
            "CREATE FUNCTION cost_analytics_reads.old() RETURNS int LANGUAGE sql RETURN 1;"
            "INSERT INTO read_functions (name, digest) VALUES ('old', 'x')"
        )
        await install_functions(connection)
        await install_functions(connection)
        there = {row[0] for row in await connection.fetch(names)}
        assert there == {read.name for read in all_reads()} | {"old"}
        await connection.execute(
            "UPDATE read_functions SET superseded_by = 'the one before' WHERE name = 'old'"
        )
        await install_functions(connection)
        assert {row[0] for row in await connection.fetch(names)} == there - {"old"}
