"""Migrates a database to the newest schema, forward only, one process at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from ledger.postgres.access import access_problems, repair_access
from ledger.postgres.database import Connection, connected
from ledger.postgres.functions import functions_are_installed, install_functions
from ledger.postgres.migration_files import known_version, migrations
from ledger.postgres.partitions import ensure_months, following, month_of
from ledger.postgres.rights import apply_grants, ensure_roles, without_roles
from ledger.postgres.statements import statements

_SQL: Final = statements("postgres/migrate")
_MONTHS_AHEAD: Final = 2
_STEP_TIMEOUT_SECONDS: Final = 3600


class UnknownSchemaError(Exception):
    """The database was migrated by a newer version of this program."""


class UnfinishedRestoreError(Exception):
    """A restore into the database has begun and is not complete."""


async def migrate(
    url: str, *, report: Callable[[str], None] = lambda _: None, is_restore: bool = False
) -> int:
    """Apply missing migrations, and create the partitions of this month and the next ones.

    Missing roles, row policies and rights are restored. Returns the number of applied migrations.
    Safe to run repeatedly and concurrently: an advisory lock admits one process at a time. Raises
    UnknownSchemaError if the database is newer than this program, MissingRolesError if the server
    lacks our roles and this session may not create them, and UnfinishedRestoreError if the database
    is being restored, unless `is_restore`.
    """
    async with connected(url, name="cost-analytics migrate") as connection:
        return await migrate_on(connection, report, is_restore=is_restore)


async def migrate_on(
    connection: Connection, report: Callable[[str], None], *, is_restore: bool = False
) -> int:
    """Migrate on a connection, as the role that will own the schema; see `migrate`."""
    await connection.execute(_SQL["lock"])
    try:
        if not is_restore and await connection.fetchval(_SQL["is_being_restored"]):
            raise UnfinishedRestoreError(
                "A restore into this database has begun and is not complete, so its ledger is "
                "missing. Wait for its end, or repeat it: cost-analytics restore FILE --replace. "
                "To begin an empty ledger instead, create a new database."
            )
        return await _migrate(connection, report)
    finally:
        await connection.execute(_SQL["unlock"])


async def _migrate(connection: Connection, report: Callable[[str], None]) -> int:
    await connection.execute(_SQL["create_history"])
    applied = await connection.fetchval(_SQL["newest_version"])
    steps = migrations()
    if applied > len(steps):
        raise UnknownSchemaError(
            f"The database has schema version {applied}; this program knows {len(steps)}. "
            "Start a newer version of it."
        )
    await ensure_roles(connection)
    for step in steps[applied:]:
        report(f"applying {step.name}")
        async with connection.transaction():
            await connection.execute(without_roles(step.text), timeout=_STEP_TIMEOUT_SECONDS)
            await connection.execute(
                *_SQL.bind("record_version", version=step.version, name=step.name)
            )
    await apply_grants(connection)
    await install_functions(connection)
    if await access_problems(connection):
        report("restoring row policies and rights")
        await repair_access(connection)
        await apply_grants(connection)
    months = [month_of(datetime.now(UTC))]
    while len(months) <= _MONTHS_AHEAD:
        months.append(following(months[-1]))
    await ensure_months(connection, months)
    return len(steps) - int(applied)


async def schema_version(connection: Connection) -> int:
    """Return the version of the database's schema; 0 if there is none."""
    if not await connection.fetchval(_SQL["has_history"]):
        return 0
    return int(await connection.fetchval(_SQL["newest_version"]))


async def schema_is_current(connection: Connection) -> bool:
    """Return whether all migrations and functions of this program are applied."""
    if await schema_version(connection) < known_version():
        return False
    return await functions_are_installed(connection)
