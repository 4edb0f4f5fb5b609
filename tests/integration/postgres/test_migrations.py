"""All migrations give the schema, in any number of runs, with the default prices."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

import asyncpg
import pytest

from devkit.embedded.postgres import EmbeddedPostgres
from ledger.postgres.database import Connection, connected
from ledger.postgres.migrate import UnknownSchemaError, migrate, schema_is_current
from ledger.postgres.migration_files import migrations
from tests.support.prices import DEFAULTS
from tests.support.recording import fetch

Empty: TypeAlias = Callable[[str], AbstractAsyncContextManager[str]]

_COLUMNS = """
    SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name !~ '_[0-9]{4}_[0-9]{2}$'
    ORDER BY table_name, ordinal_position
"""
_REST = """
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename !~ '_[0-9]{4}_[0-9]{2}$'
    UNION ALL
    SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text !~ '_[0-9]{4}_[0-9]{2}$'
    UNION ALL
    SELECT oid::regprocedure || ' ' || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT viewname || ' ' || definition FROM pg_views WHERE schemaname = 'public'
    UNION ALL
    SELECT tablename || ' ' || policyname || ' ' || coalesce(qual, '') FROM pg_policies
    ORDER BY 1
"""


@pytest.fixture
def empty(postgres: EmbeddedPostgres) -> Empty:
    """A factory of empty databases."""

    @asynccontextmanager
    async def database(name: str) -> AsyncIterator[str]:
        await fetch_admin(postgres, f"CREATE DATABASE {name}")
        try:
            yield postgres.url_of(name)
        finally:
            await fetch_admin(postgres, f"DROP DATABASE {name} WITH (FORCE)")

    return database


async def fetch_admin(postgres: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.admin_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def schema_of(url: str) -> list[list[tuple[object, ...]]]:
    """Return the whole schema without the monthly partitions."""
    return [[tuple(row) for row in await fetch(url, query)] for query in (_COLUMNS, _REST)]


async def test_migrations_one_by_one_and_at_once_agree(
    empty: Empty, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = migrations()
    async with empty("one_by_one") as url:
        for count in range(1, len(steps) + 1):
            with monkeypatch.context() as patch:
                patch.setattr("ledger.postgres.migrate.migrations", lambda: steps[:count])
                if count < len(steps):  # grants and functions need the whole schema
                    patch.setattr("ledger.postgres.migrate.apply_grants", _apply_nothing)
                    patch.setattr("ledger.postgres.migrate.install_functions", _apply_nothing)
                    patch.setattr("ledger.postgres.migrate.access_problems", _apply_nothing)
                assert await migrate(url) == 1
        assert await schema_of(url) == await schema_of(database_url)
        assert len((await schema_of(url))[0]) > 50


async def _apply_nothing(_: Connection) -> None:
    """Replace a step that needs the whole schema."""


async def test_second_migration_changes_nothing(database_url: str) -> None:
    before = await schema_of(database_url)
    reports: list[str] = []
    assert await migrate(database_url, report=reports.append) == 0
    assert reports == []
    assert await schema_of(database_url) == before
    names = await fetch(database_url, "SELECT version, name FROM schema_migrations ORDER BY 1")
    assert [tuple(row) for row in names] == [(step.version, step.name) for step in migrations()]


async def test_parallel_runs_apply_each_migration_once(empty: Empty) -> None:
    async with empty("many_runners") as url:
        applied = await asyncio.gather(*(migrate(url) for _ in range(5)))
        assert sorted(applied) == [0, 0, 0, 0, len(migrations())]
        async with connected(url, name="tests") as connection:
            assert await schema_is_current(connection)


async def test_failed_migration_is_rolled_back_and_can_be_retried(
    empty: Empty, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = migrations()
    broken = steps[-1]._replace(text=f"{steps[-1].text}; SELECT 1 / 0")
    async with empty("broken_step") as url:
        with monkeypatch.context() as patch:
            patch.setattr("ledger.postgres.migrate.migrations", lambda: [*steps[:-1], broken])
            with pytest.raises(asyncpg.DivisionByZeroError):
                await migrate(url)
        async with connected(url, name="tests") as connection:
            assert not await schema_is_current(connection)
        assert await migrate(url) == 1


async def test_newer_schema_is_left_unchanged(database_url: str) -> None:
    await fetch(database_url, "INSERT INTO schema_migrations VALUES (9999, '9999_future.sql')")
    with pytest.raises(UnknownSchemaError, match="9999"):
        await migrate(database_url)


async def test_monthly_partitions_are_created_ahead(database_url: str) -> None:
    """The first event of a month needs its partition."""
    now = datetime.now(UTC)
    months = [now.year * 12 + now.month - 1 + ahead for ahead in range(3)]
    names = {f"call_cost_events_{month // 12:04d}_{month % 12 + 1:02d}" for month in months}
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'call_cost_events'::regclass"
    assert {row[0] for row in await fetch(database_url, query)} >= names


async def test_default_prices_are_those_of_the_documentation(database_url: str) -> None:
    rows = await fetch(
        database_url,
        """SELECT service, operation, model, unit, price_usd, per_units, class, effective_from
           FROM service_prices""",
    )
    assert {tuple(row) for row in rows} == {
        (*row[:4], Decimal(row.usd), row.per, row.kind, row.since) for row in DEFAULTS
    }
