"""Archives months of recorded events: writes a file, stores a seal, and drops the partition.

For each month the events are written to a file with its manifest, from one snapshot. Then one
transaction computes the seal from the same rows and drops the partition. It commits only if the
partition has as many rows as the file: rows are only ever added, so none arrived in between. An
interruption before that commit changes nothing, and the month is archived again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from ledger.operations.archive_files import (
    COLUMNS,
    ROWS_AT_ONCE,
    ArchiveManifest,
    MonthFile,
    MonthSums,
    TypeSums,
    make_manifest,
    manifest_text,
    rows_of,
)
from ledger.operations.verification import Report
from ledger.postgres.database import Connection, LockTimeout, connected
from ledger.postgres.partitions import month_bounds, partition_name
from ledger.postgres.statements import statements

SQL: Final = statements("operations/archives")
SECONDS_MAX: Final = 6 * 3600
NAME: Final = "cost-analytics archive"

_ATTEMPTS_MAX: Final = 5
_LOCK_ATTEMPTS_MAX: Final = 300
_LOCK_PAUSE_SECONDS: Final = 2
_PARTITION: Final = re.compile(r"call_cost_events_(\d{4})_(\d{2})")

KEPT_DAYS: Final = 31
"""Days whose details are not archived: recommendations read those of the last 30 days."""

OnCount = Callable[[int], None]
"""Receives the number of written rows of the month."""


class ArchiveRefusedError(Exception):
    """A month cannot be archived now; the message is a sentence that says why."""


@asynccontextmanager
async def archive_session(url: str) -> AsyncIterator[Connection]:
    """Connect as the only process that changes the archive; raises ArchiveRefusedError."""
    async with connected(url, name=NAME) as connection:
        if not await connection.fetchval(SQL["one_at_a_time"]):
            raise ArchiveRefusedError("Another process is archiving; wait until it has finished.")
        yield connection


class ArchivedMonth(NamedTuple):
    """An archived month; `manifest` is None if the partition was empty."""

    month: date
    manifest: ArchiveManifest | None


class Archiver:
    """Archives all months before a given one, oldest first."""

    def __init__(
        self,
        url: str,
        directory: Path | None,
        report: Report = lambda _: None,
        progress: OnCount = lambda _: None,
    ) -> None:
        """`url` is the database, `directory` the directory of the files.

        Without a directory no file is written: the details of the months are deleted, and their
        totals are kept.
        """
        self._url = url
        self._directory = directory
        self._report = report
        self._progress = progress

    async def archive(self, before: date) -> list[ArchivedMonth]:
        """Archive each month before that of `before`; returns the archived months.

        Raises ArchiveRefusedError, ArchiveFileError, OSError or a PostgreSQL error, and
        ModuleNotFoundError without pyarrow. Months archived before the error stay archived.
        """
        async with archive_session(self._url) as connection:
            months = [
                month_of_partition(row["name"]) for row in await connection.fetch(SQL["months"])
            ]
            return [
                await self._archive(connection, month)
                for month in months
                if month is not None and month < before
            ]

    async def _archive(self, connection: Connection, month: date) -> ArchivedMonth:
        for _ in range(_ATTEMPTS_MAX):
            if self._directory is not None:
                self._report(f"{month:%Y-%m}: writing the file")
            manifest = await self._write(connection, month)
            self._report(f"{month:%Y-%m}: sealing the month and dropping its partition")
            if await self._seal(connection, month, manifest):
                return ArchivedMonth(month, manifest)
            self._report(f"{month:%Y-%m}: late events arrived, starting again")
        raise ArchiveRefusedError(
            f"Late events for {month:%Y-%m} keep arriving. Nothing was changed; run it again later."
        )

    async def _write(self, connection: Connection, month: date) -> ArchiveManifest | None:
        """Write the file of a month and its manifest, from one snapshot; None without rows."""
        async with connection.transaction(isolation="repeatable_read"):
            await connection.execute(SQL["no_limits"])
            await connection.execute(*_open_month(month))
            sums = await read_sums(connection)
            if sums is None:
                await connection.execute(SQL["close_month"])
                return None
            shared = await connection.fetch(SQL["shared_calls"], timeout=SECONDS_MAX)
            if shared:
                call_id = shared[0]["call_id"]
                raise ArchiveRefusedError(
                    f"{month:%Y-%m}: call {call_id} has events of two users; see verify."
                )
            part = await connection.fetchval(*SQL.bind("next_part", month=month))
            if self._directory is None:
                manifest = make_manifest(month, part, sums)
            else:
                file = MonthFile(self._directory, month, part, sums)
                try:
                    await write_rows(connection, file, self._progress)
                    manifest = file.finish()
                finally:
                    file.discard()
            await connection.execute(SQL["close_month"])
            return manifest

    async def _seal(
        self, connection: Connection, month: date, manifest: ArchiveManifest | None
    ) -> bool:
        """Write the seal and drop the partition in one transaction, or change nothing.

        Returns whether the partition had the same rows as the file.
        """
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(SQL["no_limits"])
            if manifest is not None:
                await connection.execute(*_open_month(month))
                await compute_sums(connection)
                seal_id = await self._add_seal(connection, month, manifest)
                await write_seal(connection, seal_id)
                await connection.execute(SQL["close_month"])
            complete = await self._drop(connection, month, manifest.rows if manifest else 0)
        except BaseException:  # a cancelled transaction must be rolled back as well
            await transaction.rollback()
            raise
        await (transaction.commit() if complete else transaction.rollback())
        return complete

    async def _add_seal(
        self, connection: Connection, month: date, manifest: ArchiveManifest
    ) -> int:
        return int(
            await connection.fetchval(
                *SQL.bind(
                    "add_seal",
                    month=month,
                    part=manifest.part,
                    file=manifest.file,
                    manifest=manifest_text(manifest),
                    events=manifest.events,
                    last_recorded_at=manifest.last_recorded_at,
                ),
            )
        )

    async def _drop(self, connection: Connection, month: date, rows: int) -> bool:
        """Drop the partition once no statement uses it, in short attempts to lock it.

        Returns whether it had as many rows as the file, or was dropped before.
        """
        name = partition_name((month.year, month.month))
        for attempt in range(_LOCK_ATTEMPTS_MAX):
            try:
                async with connection.transaction():
                    await connection.execute(SQL["short_lock_wait"])
                    found = await connection.fetchval(
                        *SQL.bind("drop_partition", partition=name, rows=rows), timeout=SECONDS_MAX
                    )
                return found is None or bool(found == rows)
            except LockTimeout:
                if attempt == 0:
                    self._report(f"{month:%Y-%m}: waiting for readers of the partition")
                await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        raise ArchiveRefusedError(
            f"The partition of {month:%Y-%m} is in use: an export, `verify` or a backup reads it. "
            "Nothing was changed; run it again afterwards."
        )


def _open_month(month: date) -> tuple[Any, ...]:
    since, until = month_bounds((month.year, month.month))
    return SQL.bind("open_month", since=since, until=until)


def first_kept_month(now: datetime) -> date:
    """Return the first month with details of the last KEPT_DAYS days."""
    return (now - timedelta(days=KEPT_DAYS)).date().replace(day=1)


def month_of_partition(name: str) -> date | None:
    """Return the month of a partition of `call_cost_events`; None for any other table."""
    match = _PARTITION.fullmatch(name)
    return date(int(match[1]), int(match[2]), 1) if match else None


async def write_rows(
    connection: Connection, file: MonthFile, progress: OnCount = lambda _: None
) -> None:
    """Write the rows of the open month to a file."""
    cursor = await connection.cursor(SQL["events"], timeout=SECONDS_MAX)
    done = 0
    while rows := await cursor.fetch(ROWS_AT_ONCE, timeout=SECONDS_MAX):
        file.add([tuple(row) for row in rows])
        done += len(rows)
        progress(done)


async def load_month(connection: Connection, path: Path) -> None:
    """Open the month of a file: load its rows as `month_events`, until the transaction ends."""
    await connection.execute(SQL["create_loaded_month"])
    for rows in rows_of(path):
        await connection.copy_records_to_table("month_events", columns=COLUMNS, records=rows)


async def read_sums(connection: Connection) -> MonthSums | None:
    """Return the sums of the open month's rows; None if it has none."""
    rows = await connection.fetch(SQL["sums"], timeout=SECONDS_MAX)
    if not rows:
        return None
    return MonthSums(
        types={
            row["type"]: TypeSums(row["rows"], int(row["cost_nano"]), int(row["amount_nano"]))
            for row in rows
        },
        scale=max(row["scale"] for row in rows),
        first_time=min(row["first_time"] for row in rows),
        last_time=max(row["last_time"] for row in rows),
        first_recorded_at=min(row["first_recorded_at"] for row in rows),
        last_recorded_at=max(row["last_recorded_at"] for row in rows),
    )


async def compute_sums(connection: Connection) -> None:
    """Compute the sums of the open month into temporary tables; within a transaction."""
    for step in ("sum_calls", "sum_spend", "sum_voids"):
        await connection.execute(SQL[step], timeout=SECONDS_MAX)


async def write_seal(connection: Connection, seal_id: int) -> None:
    """Store the computed sums of the open month in a seal, and drop the temporary tables."""
    await connection.execute(SQL["add_cost_kinds"], timeout=SECONDS_MAX)
    for step in ("seal_calls", "seal_spend", "seal_voids", "seal_costs"):
        await connection.execute(*SQL.bind(step, seal_id=seal_id), timeout=SECONDS_MAX)
    await connection.execute(SQL["forget_sums"])
