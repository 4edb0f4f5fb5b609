"""Restores a backup, completely or not at all; no process can use the ledger meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cost_analytics.backups import backup_files, programs
from cost_analytics.configuration.dev_file import DEVELOPMENT_SERVER
from cost_analytics.configuration.secret import Secret
from cost_analytics.failures import CommandError
from cost_analytics.progress import Progress
from ledger.operations.backups import (
    IncompleteRestoreError,
    analyze,
    begin_restore,
    check_counts,
    count_relations,
    empty_database,
    open_ledger,
    remove_time_limits,
    server_name,
    server_version,
)
from ledger.postgres.database import Connection, connected
from ledger.postgres.migrate import migrate
from ledger.postgres.migration_files import known_version
from ledger.postgres.rights import MissingRolesError, ensure_roles
from ledger.recording.epochs import highest_epoch

_LOADING: Final = "processing data for table "


async def restore_backup(
    url: Secret, dump: Path, report: Callable[[str], None], *, replace: bool = False
) -> tuple[backup_files.BackupManifest, int]:
    """Load a backup into an empty database; returns its manifest and the ledger's new epoch.

    With `replace`, the contents of the database are dropped first. The schema is migrated to the
    newest version. Raises CommandError, OSError or a PostgreSQL error; the ledger stays closed
    then.
    """
    manifest = backup_files.read_manifest(dump)
    contents = manifest.contents
    if contents.schema_version > known_version():
        raise CommandError(
            f"{dump} has schema version {contents.schema_version}; this program supports "
            f"{known_version()}. Restore it with a newer version of cost-analytics."
        )
    progress = Progress("bytes checked", manifest.dump_bytes)
    backup_files.check_dump(dump, manifest, progress.set)
    progress.close()
    async with connected(url.reveal(), name="cost-analytics restore") as connection:
        newest = max(await server_version(connection), manifest.server_version)
        pg_restore = await programs.find("pg_restore", newest)
        replaced_epoch = await _prepare(connection, replace=replace)
    await programs.run(
        pg_restore,
        [
            "--verbose",
            "--no-owner",
            "--no-privileges",  # `migrate` grants them, also to roles that are missing here
            "--single-transaction",
            "--exit-on-error",
            str(dump),
        ],
        url,
        lambda line: programs.report_table(line, _LOADING, "loading", report),
    )
    await migrate(url.reveal(), report=report, is_restore=True)
    async with connected(url.reveal(), name="cost-analytics restore") as connection:
        await remove_time_limits(connection)
        report("counting")
        try:
            await check_counts(connection, contents)
        except IncompleteRestoreError as error:
            raise CommandError(f"The restore is not complete: {error}.") from None
        report("collecting statistics")
        await analyze(connection)
        reason = f"restore of {dump.name}"
        epoch = await open_ledger(connection, contents, reason, above=replaced_epoch)
    return manifest, epoch


async def _prepare(connection: Connection, *, replace: bool) -> int:
    """Empty the database, and return the highest epoch of its former ledger."""
    relations = await count_relations(connection)
    if relations and not replace:
        raise CommandError(
            f"The database is not empty: it holds {relations:,} tables and views. Restore into a "
            "new one (createdb), or drop what it holds with --replace."
        )
    if relations and await server_name(connection) == DEVELOPMENT_SERVER:
        raise CommandError(
            "This PostgreSQL server belongs to a running `make run`, which would stop it as soon "
            "as its processes miss their tables. Restore into another server."
        )
    try:
        await ensure_roles(connection)
    except MissingRolesError as error:
        raise CommandError(str(error)) from None
    epoch = await highest_epoch(connection)
    if relations:
        await empty_database(connection)
    else:
        await begin_restore(connection)
    return epoch
