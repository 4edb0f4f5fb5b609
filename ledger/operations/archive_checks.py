"""Verifies seals against the files of the archive, and rewrites seals from the files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

from ledger.operations.archive_files import (
    ArchiveFileError,
    ArchiveManifest,
    checked_manifest,
)
from ledger.operations.archives import (
    NAME,
    SECONDS_MAX,
    SQL,
    compute_sums,
    load_month,
    read_sums,
    write_seal,
)
from ledger.operations.verification import Report, Verification, compare
from ledger.postgres.database import Connection, connected
from schemas.events import RERATE_SOURCE

_CHECKS: Final = {
    "call_differences": "calls of",
    "spend_differences": "spend of users in",
    "void_differences": "voids of",
}


class Seal(NamedTuple):
    """A seal and its file.

    `expired`: retention removes the details of its costs; `removed`: it has removed all.
    """

    seal_id: int
    file: str
    manifest: str
    expired: bool
    removed: bool


async def verify_archive(
    url: str, directory: Path, result: Verification, report: Report = lambda _: None
) -> None:
    """Recompute every seal from its file and add the differences to `result`.

    Raises OSError, a PostgreSQL error, or ModuleNotFoundError without pyarrow.
    """
    async with connected(url, name=NAME) as connection:
        for seal in await _seals(connection):
            report(f"comparing the seal of {seal.file} with the file")
            async with connection.transaction():
                await connection.execute(SQL["no_limits"])
                try:
                    await _check(connection, directory, seal, result)
                except ArchiveFileError as error:
                    result.add_difference(f"archive: {error}")
            result.checked["archive files"] = result.checked.get("archive files", 0) + 1


async def _check(connection: Connection, directory: Path, seal: Seal, result: Verification) -> None:
    async with _loaded_month(connection, directory, seal) as manifest:
        sums = await read_sums(connection)
        if sums is None or sums.types != manifest.types:
            raise ArchiveFileError(f"{seal.file} has other sums than its manifest")
        for check, subject in _CHECKS.items():
            statement = SQL.bind(check, seal_id=seal.seal_id)
            await compare(connection, statement, f"{subject} {seal.file}", result)
        statement = SQL.bind(
            "cost_differences", seal_id=seal.seal_id, expired=seal.expired, source=RERATE_SOURCE
        )
        await compare(connection, statement, f"costs of {seal.file}", result)
        await connection.execute(SQL["forget_sums"])


async def reseal(connection: Connection, directory: Path, report: Report = lambda _: None) -> None:
    """Rewrite every seal from its file, in the caller's transaction.

    Raises ArchiveFileError if a file differs from what was sealed, ModuleNotFoundError without
    pyarrow.
    """
    seals = await _seals(connection)
    for seal in seals:
        report(f"rewriting the seal from {seal.file}")
        async with _loaded_month(connection, directory, seal):
            await connection.execute(
                *SQL.bind("clear_seal", seal_id=seal.seal_id), timeout=SECONDS_MAX
            )
            await write_seal(connection, seal.seal_id)
    for seal in seals:
        if seal.removed:  # all voids are restored now, and determine which costs stay
            await connection.execute(
                *SQL.bind("remove_costs", seal_id=seal.seal_id, source=RERATE_SOURCE),
                timeout=SECONDS_MAX,
            )


async def _seals(connection: Connection) -> list[Seal]:
    return [
        Seal(row["seal_id"], row["file"], row["manifest"], row["expired"], row["removed"])
        for row in await connection.fetch(SQL["seals"])
    ]


@asynccontextmanager
async def _loaded_month(
    connection: Connection, directory: Path, seal: Seal
) -> AsyncIterator[ArchiveManifest]:
    """Provide the events of a file as `month_events`, with their computed sums."""
    manifest = checked_manifest(directory, seal.file, seal.manifest)
    await load_month(connection, directory / seal.file)
    await compute_sums(connection)
    yield manifest
    await connection.execute(SQL["drop_loaded_month"])
