"""Writes everything about a user to a file or to standard output, archived events included."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from cost_analytics.files import unfinished_file
from ledger.operations.archive_files import COLUMNS, rows_of
from ledger.people.export import ArchiveFile, export_lines
from ledger.postgres.database import connected

_USER: Final = COLUMNS.index("user_id")
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class WrittenExport(NamedTuple):
    """The number of rows by table, and archive files that were not found."""

    rows: dict[str, int]
    missing_files: list[str]


async def export_user(
    url: str, user_id: str, destination: Path | None, archive: Path | None
) -> WrittenExport:
    """Write an export; a file appears when it is complete. Raises CommandError."""
    files: list[ArchiveFile] = []
    async with connected(url, name="cost-analytics user") as connection:
        with _output(destination) as output:
            last = b""
            async for chunk in export_lines(connection, user_id, datetime.now(UTC), files):
                output.write(last)
                last = chunk
            missing = [
                file.file for file in files if archive is None or not (archive / file.file).exists()
            ]
            rows: dict[str, int] = msgspec.json.decode(last)["rows"]
            for file in files:
                if archive is not None and file.file not in missing:
                    rows[file.file] = _write_archived(output, archive, file, user_id)
            output.write(_encode({"rows": rows, "missingFiles": missing}) + b"\n")
    return WrittenExport(rows, missing)


def _write_archived(output: BinaryIO, archive: Path, file: ArchiveFile, user_id: str) -> int:
    """Write the user's rows of an archive file; returns their number."""
    count = 0
    for rows in rows_of(archive / file.file):
        for row in rows:
            if row[_USER] == user_id:
                named = dict(zip(COLUMNS, row, strict=True))
                output.write(_encode({"table": file.file, "row": named}) + b"\n")
                count += 1
    return count


@contextmanager
def _output(destination: Path | None) -> Iterator[BinaryIO]:
    """Provide standard output, or a file that only its owner may read and that appears complete."""
    if destination is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with unfinished_file(destination) as file:
        yield file
