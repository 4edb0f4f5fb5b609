"""Figures for operators about the whole product, read by one process.

PostgreSQL has them already, so workers need no HTTP server of their own. No figure is about a user,
a call or money, and the time to read them does not grow with what they count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ledger.postgres.database import Connection, Record
from ledger.postgres.functions import reads
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_READS: Final = reads("operations/figures")
_SQL: Final = statements("operations/figures")

COUNTED_MAX: Final = 10_000
"""Backlogs are counted up to this number; larger ones are equally alarming."""

POSITIONS_MAX: Final = 1_000

_ALL_USERS: Final = Viewer("", reads_all=True)


class OutboxBacklog(NamedTuple):
    """The number of entries, at most COUNTED_MAX, and the age of the oldest one in seconds."""

    waiting: int
    oldest_seconds: int


class PartitionPosition(NamedTuple):
    """The next offset of a partition to count, which is the number of its processed records."""

    cluster: str
    topic: str
    partition: int
    records: int


class RetentionResult(NamedTuple):
    """The number of removed rows, and the seconds since the last run."""

    rows: int
    seconds: int


class ProductFigures(NamedTuple):
    """The product's figures. `refused` is the number of refused records by code.

    `totals` counts batches whose totals are not confirmed in Kafka, `messages` alerts, commands and
    anomalies that are not. `notices` counts pending deliveries, with the age of the most overdue.
    `clock_skew_ms` is the difference of the worker's clock that is furthest from PostgreSQL's,
    positive if it is ahead.
    """

    workers: int
    partitions_held: int
    clock_skew_ms: int
    totals: OutboxBacklog
    messages: OutboxBacklog
    notices: OutboxBacklog
    held_events: int
    unpriced_events: int
    open_gaps: int
    gap_records: int
    positions: list[PartitionPosition]
    refused: Mapping[str, int]
    retained: Mapping[str, RetentionResult]


class ProductStatus(NamedTuple):
    """The version of the database's schema, and the figures if the schema is current."""

    schema_version: int
    schema_is_current: bool
    figures: ProductFigures | None


async def read_product_status(readers: ReaderPool) -> ProductStatus:
    """Read the product's status, in a few milliseconds; raises StoreUnavailableError."""
    version = await readers.schema_version()
    if not await readers.schema_is_current():
        return ProductStatus(version, schema_is_current=False, figures=None)
    [row] = await readers.read(_ALL_USERS, *_READS.bind("figures", limit=COUNTED_MAX))
    positions = await readers.read(_ALL_USERS, *_READS.bind("positions", limit=POSITIONS_MAX))
    refusals = await readers.read(_ALL_USERS, _READS["refusals"])
    retention = await readers.read(_ALL_USERS, _READS["retention"])
    figures = _figures(row, positions, refusals, retention)
    return ProductStatus(version, schema_is_current=True, figures=figures)


async def read_figures(connection: Connection) -> ProductFigures:
    """Read the product's figures as an operator, whose login may read the tables."""
    [row] = await connection.fetch(*_SQL.bind("figures", limit=COUNTED_MAX))
    return _figures(
        row,
        await connection.fetch(*_SQL.bind("positions", limit=POSITIONS_MAX)),
        await connection.fetch(_SQL["refusals"]),
        await connection.fetch(_SQL["retention"]),
    )


def _figures(
    row: Record,
    positions: Sequence[Record],
    refusals: Sequence[Record],
    retention: Sequence[Record],
) -> ProductFigures:
    return ProductFigures(
        workers=row["workers"],
        partitions_held=row["partitions_held"],
        clock_skew_ms=row["clock_skew_ms"],
        totals=_backlog(row, "totals"),
        messages=_backlog(row, "messages"),
        notices=_backlog(row, "notices"),
        held_events=row["held_events"],
        unpriced_events=row["unpriced_events"],
        open_gaps=row["open_gaps"],
        gap_records=row["gap_records"],
        positions=[PartitionPosition(*position) for position in positions],
        refused={refusal["code"]: refusal["letters"] for refusal in refusals},
        retained={
            each["subject"]: RetentionResult(each["removed"], each["seconds"]) for each in retention
        },
    )


def _backlog(row: Record, name: str) -> OutboxBacklog:
    """Return a backlog; entries due in the future, or dated by another clock, have no age."""
    return OutboxBacklog(row[name], max(0, row[f"{name}_seconds"]))
