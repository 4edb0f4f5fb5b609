"""Takes a backup: one consistent state of the ledger, without blocking writers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cost_analytics.backups import backup_files, programs
from cost_analytics.configuration.secret import Secret
from cost_analytics.failures import ADMINISTRATOR_NEEDED, CommandError
from cost_analytics.progress import Progress
from ledger.operations.backups import (
    EPHEMERAL_TABLES,
    READS_SCHEMA,
    UnreadableRelationError,
    export_snapshot,
    read_contents,
    remove_time_limits,
    require_readable,
    server_version,
)
from ledger.postgres.database import Connection, connected

_SAVING: Final = "dumping contents of table "


async def take_backup(
    url: Secret, dump: Path, report: Callable[[str], None]
) -> backup_files.BackupManifest:
    """Write a dump and its manifest; returns the manifest.

    The counts in the manifest are from the same snapshot as the dump. Raises CommandError, OSError
    or a PostgreSQL error, and removes its files then.
    """
    unfinished = backup_files.unfinished_path(dump)
    try:
        async with (
            connected(url.reveal(), name="cost-analytics backup") as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await remove_time_limits(connection)
            await _require_administrator(connection)
            number = await server_version(connection)
            pg_dump = await programs.find("pg_dump", number)
            snapshot = await export_snapshot(connection)
            report("counting")
            contents = await read_contents(connection, datetime.now(UTC))
            options = _dump_options(snapshot, unfinished)
            await programs.run(
                pg_dump,
                options,
                url,
                lambda line: programs.report_table(line, _SAVING, "saving", report),
            )
        size = unfinished.stat().st_size
        progress = Progress("bytes digested", size)
        manifest = backup_files.BackupManifest(
            format=backup_files.FORMAT,
            program_version=version("cost-analytics"),
            server_version=number,
            dump=dump.name,
            dump_bytes=size,
            digest=backup_files.digest_of(unfinished, progress.set),
            contents=contents,
        )
        progress.close()
        unfinished.rename(dump)
        backup_files.write_manifest(dump, manifest)
    finally:
        unfinished.unlink(missing_ok=True)
    return manifest


def _dump_options(snapshot: str, file: Path) -> list[str]:
    return [
        "--format=custom",
        "--verbose",
        f"--snapshot={snapshot}",
        f"--file={file}",
        f"--exclude-schema={READS_SCHEMA}",
        *(f"--exclude-table-data={table}" for table in EPHEMERAL_TABLES),
    ]


async def _require_administrator(connection: Connection) -> None:
    try:
        await require_readable(connection)
    except UnreadableRelationError as error:
        login, relation = error.args
        raise CommandError(
            f"The login {login} cannot read all of {relation}, so it cannot take a backup; "
            f"{ADMINISTRATOR_NEEDED}."
        ) from None
