"""Rewrites archive files that contain erased users, with new manifests, and deletes the old ones.

The rows of a file are loaded, changed by the same functions as the tables, and written to a new
file, which the seal then names, in one transaction. Files that an interruption leaves are ignored
or deleted by the next run.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from ledger.operations.archive_files import (
    ArchiveFileError,
    ArchiveManifest,
    MonthFile,
    checked_manifest,
    manifest_path,
    manifest_text,
)
from ledger.operations.archives import (
    SECONDS_MAX,
    SQL,
    archive_session,
    load_month,
    read_sums,
    write_rows,
)
from ledger.operations.verification import Report
from ledger.people.erasure import ErasureJournal, relink
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from schemas.people import RewrittenFileRecord

_SQL: Final = statements("operations/erased_files")


class PendingFile(NamedTuple):
    """An archive file, and the pseudonyms of erased users whom it contains."""

    file: str
    manifest: str
    month: date
    part: int
    pseudonyms: list[str]


async def rewrite_files(
    url: str, directory: Path, journal: ErasureJournal, report: Report = lambda _: None
) -> list[ArchiveManifest]:
    """Rewrite all files that contain erased users; returns the manifests of the new files.

    Raises ArchiveRefusedError, ArchiveFileError, OSError, the journal's errors or a PostgreSQL
    error, and ModuleNotFoundError without pyarrow. Files rewritten before an error stay rewritten.
    """
    async with archive_session(url) as connection:
        rewritten = []
        for row in await connection.fetch(_SQL["pending"]):
            pending = PendingFile(**dict(row))
            report(f"rewriting {pending.file}")
            rewritten.append(await _rewrite(connection, directory, pending, journal))
        await _delete_replaced(connection, directory)
        return rewritten


async def _rewrite(
    connection: Connection, directory: Path, pending: PendingFile, journal: ErasureJournal
) -> ArchiveManifest:
    sealed = checked_manifest(directory, pending.file, pending.manifest)
    async with connection.transaction():
        await connection.execute(SQL["no_limits"])
        await load_month(connection, directory / pending.file)
        await connection.execute(_SQL["erase"], timeout=SECONDS_MAX)
        sums = await read_sums(connection)
        if sums is None or sums.types != sealed.types:
            raise ArchiveFileError(f"{pending.file} has other sums than its manifest")
        file = MonthFile(directory, pending.month, pending.part, sums)
        try:
            await write_rows(connection, file)
            manifest = file.finish()
        finally:
            file.discard()
        record = RewrittenFileRecord(
            pending.file, manifest.file, manifest_text(manifest), pending.pseudonyms
        )
        await connection.execute(*_SQL.bind("replaced", file=pending.file))
        await relink(connection, record)
        await journal(record)
    return manifest


async def _delete_replaced(connection: Connection, directory: Path) -> None:
    """Delete the old files that are in this directory; a run with another one deletes its own."""
    for row in await connection.fetch(_SQL["replaced_files"]):
        paths = (directory / row["file"], manifest_path(directory, row["file"]))
        found = [path for path in paths if path.exists()]
        for path in found:
            path.unlink()
        if found:
            await connection.execute(*_SQL.bind("deleted", file=row["file"]))
