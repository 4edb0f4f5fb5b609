"""Positions of partitions, and gaps: ranges of records that were never counted.

Kafka removes records by its own rules, and a topic can be deleted and created again: each creation
is another incarnation, known by the topic's id. So a stored offset is compared with the log before
it is used. A range that the log no longer has is a gap, stored in the transaction that sets the
offset behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.recording.offsets import Stream

_SQL: Final = statements("recording/positions")

GapReason = Literal["records_removed", "topic_recreated", "log_truncated"]
LastRecord = Literal["same", "other", "beyond the end", "unknown"]
"""What the log holds in the place of the last counted record."""


class StoredPosition(NamedTuple):
    """The stored position of a partition.

    `generation` rises when a decision sets the offset, not when a batch moves it. Records below
    `confirmed_offset` are known to be of `incarnation`; None means all counted records.
    """

    next_offset: int
    incarnation: str | None = None
    generation: int = 0
    confirmed_offset: int | None = None
    last_record: str | None = None


class PartitionLog(NamedTuple):
    """The log of a partition: from `first_offset` to before `end_offset`."""

    first_offset: int
    end_offset: int
    incarnation: str | None
    last_record: LastRecord = "unknown"


class Gap(NamedTuple):
    """A range that was never counted; `to_offset` is None if the end of the log is unknown."""

    incarnation: str | None
    from_offset: int
    to_offset: int | None
    reason: GapReason


class StartDecision(NamedTuple):
    """The offset to read from, and the gaps. With `is_moved` the stored offset must be set."""

    next_offset: int
    incarnation: str | None
    gaps: Sequence[Gap] = ()
    is_moved: bool = False


def decide_position(stored: StoredPosition, log: PartitionLog) -> StartDecision:
    """Compare a stored position with the log.

    A new incarnation, and a log that ends before the stored offset, are read from their start;
    events that were counted are recognized by identity. The rest of the lost log may never have
    been counted, and its end is unknown, so its gap has no end.
    """
    if _is_other_incarnation(stored, log):
        counted = stored.confirmed_offset
        from_offset = stored.next_offset if counted is None else counted
        return _restart(log, Gap(stored.incarnation, from_offset, None, "topic_recreated"))
    if log.end_offset < stored.next_offset and log.last_record == "beyond the end":
        return _restart(log, Gap(stored.incarnation, stored.next_offset, None, "log_truncated"))
    incarnation = log.incarnation or stored.incarnation
    if stored.next_offset < log.first_offset:
        removed = Gap(incarnation, stored.next_offset, log.first_offset, "records_removed")
        return StartDecision(log.first_offset, incarnation, [removed], is_moved=True)
    return StartDecision(stored.next_offset, incarnation)


def _is_other_incarnation(stored: StoredPosition, log: PartitionLog) -> bool:
    if stored.incarnation and log.incarnation:
        return stored.incarnation != log.incarnation
    return log.last_record == "other"


def _restart(log: PartitionLog, lost: Gap) -> StartDecision:
    gaps = [lost]
    if log.first_offset and lost.reason == "topic_recreated":
        gaps.append(Gap(log.incarnation, 0, log.first_offset, "records_removed"))
    return StartDecision(log.first_offset, log.incarnation, gaps, is_moved=True)


async def read_positions(connection: Connection, stream: Stream) -> dict[int, StoredPosition]:
    """Return the stored position of each partition that has one."""
    rows = await connection.fetch(*_SQL.bind("read", **stream._asdict()))
    return {
        row["partition"]: StoredPosition(*(row[name] for name in StoredPosition._fields))
        for row in rows
    }


async def begin_positions(
    connection: Connection,
    stream: Stream,
    first_offsets: Mapping[int, int],
    incarnation: str | None,
) -> None:
    """Store the first position of partitions that have none."""
    partitions = sorted(first_offsets)
    offsets = [first_offsets[partition] for partition in partitions]
    await connection.execute(
        *_SQL.bind(
            "begin",
            **stream._asdict(),
            partitions=partitions,
            first_offsets=offsets,
            incarnation=incarnation,
        )
    )


async def confirm_positions(
    connection: Connection, stream: Stream, counted: Mapping[int, tuple[int, int]]
) -> None:
    """Store up to which offset, in which generation, records are known to be of the incarnation."""
    generations, offsets = zip(*counted.values(), strict=True)
    await connection.execute(
        *_SQL.bind(
            "confirm",
            **stream._asdict(),
            partitions=list(counted),
            generations=generations,
            offsets=offsets,
        )
    )


async def apply_decision(
    connection: Connection,
    stream: Stream,
    partition: int,
    stored: StoredPosition,
    decision: StartDecision,
) -> list[int] | None:
    """Set a position and store its gaps in one transaction; returns the gaps' numbers.

    Returns None if the stored position is no longer `stored`, because another worker or a batch
    changed it: then read and compare again. So each gap is stored once.
    """
    if not decision.is_moved:
        await _adopt(connection, stream, partition, stored, decision)
        return []
    async with connection.transaction():
        generation = await connection.fetchval(
            *_SQL.bind(
                "set",
                **stream._asdict(),
                partition=partition,
                next_offset=decision.next_offset,
                incarnation=decision.incarnation,
                generation=stored.generation,
                stored_offset=stored.next_offset,
            ),
        )
        if generation is None:
            return None
        return [
            await connection.fetchval(
                *_SQL.bind("add_gap", **stream._asdict(), partition=partition, **gap._asdict())
            )
            for gap in decision.gaps
        ]


async def _adopt(
    connection: Connection,
    stream: Stream,
    partition: int,
    stored: StoredPosition,
    decision: StartDecision,
) -> None:
    """Store the incarnation of an offset that an earlier release stored without one."""
    if stored.incarnation is None and decision.incarnation is not None:
        await connection.execute(
            *_SQL.bind(
                "adopt",
                **stream._asdict(),
                partition=partition,
                incarnation=decision.incarnation,
                generation=stored.generation,
            )
        )
