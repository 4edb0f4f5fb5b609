"""What operators want to know of the whole product, read by one process for all of them.

PostgreSQL knows it already, so workers need no server of their own to be watched. Nothing here is
about a user, a call or money, and no figure takes longer to read the more there is to count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from ledger.postgres.database import Record
from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer

_READS: Final = reads("operations/figures")

COUNTED_MAX: Final = 10_000
"""Backlogs are counted up to here; more than this is alarming in the same way."""

POSITIONS_MAX: Final = 1_000

_EVERYBODY: Final = Viewer("", reads_all=True)


class OutboxBacklog(NamedTuple):
    """How many wait, at most COUNTED_MAX, and for how many seconds the first of them has."""

    waiting: int
    oldest_seconds: int


class PartitionPosition(NamedTuple):
    """How many records of a partition are counted: the next offset to count."""

    cluster: str
    topic: str
    partition: int
    records: int


class RetentionResult(NamedTuple):
    """How many rows retention has removed, and how many seconds ago it last ran."""

    rows: int
    seconds: int


class ProductFigures(NamedTuple):
    """How the product is. `refused` has the records that were ever refused, by code.

    `notices` are deliveries that wait; the age is that of the one that is due longest. `totals`
    are batches whose totals, and `messages` alerts, commands and anomalies that are not yet known
    to be in Kafka. `clock_skew_ms` is by how much the worker whose clock is furthest from
    PostgreSQL's is ahead.
    """

    workers: int
    partitions_held: int
    clock_skew_ms: int
    totals: OutboxBacklog
    messages: OutboxBacklog
    notices: OutboxBacklog
    held_events: int
    open_gaps: int
    gap_records: int
    positions: list[PartitionPosition]
    refused: Mapping[str, int]
    retained: Mapping[str, RetentionResult]


class ProductStatus(NamedTuple):
    """The schema that the database has, and the figures where it is one that we know."""

    schema_version: int
    schema_is_current: bool
    figures: ProductFigures | None


async def read_product_status(readers: ReaderPool) -> ProductStatus:
    """Read how the product is, all of it in a few milliseconds; raises StoreUnavailableError."""
    version = await readers.schema_version()
    if not await readers.schema_is_current():
        return ProductStatus(version, schema_is_current=False, figures=None)
    [row] = await readers.read(_EVERYBODY, *_READS.bind("figures", most=COUNTED_MAX))
    positions = await readers.read(_EVERYBODY, *_READS.bind("positions", most=POSITIONS_MAX))
    refusals = await readers.read(_EVERYBODY, _READS["refusals"])
    refused = {each["code"]: each["letters"] for each in refusals}
    retention = await readers.read(_EVERYBODY, _READS["retention"])
    retained = {
        each["subject"]: RetentionResult(each["removed"], each["seconds"]) for each in retention
    }
    figures = _figures(row, [PartitionPosition(*each) for each in positions], refused, retained)
    return ProductStatus(version, schema_is_current=True, figures=figures)


def _figures(
    row: Record,
    positions: list[PartitionPosition],
    refused: Mapping[str, int],
    retained: Mapping[str, RetentionResult],
) -> ProductFigures:
    return ProductFigures(
        workers=row["workers"],
        partitions_held=row["partitions_held"],
        clock_skew_ms=row["clock_skew_ms"],
        totals=_backlog(row, "totals"),
        messages=_backlog(row, "messages"),
        notices=_backlog(row, "notices"),
        held_events=row["held_events"],
        open_gaps=row["open_gaps"],
        gap_records=row["gap_records"],
        positions=positions,
        refused=refused,
        retained=retained,
    )


def _backlog(row: Record, name: str) -> OutboxBacklog:
    """Return a backlog; what is due later, or dated by another clock, has no age yet."""
    return OutboxBacklog(row[name], max(0, row[f"{name}_seconds"]))
