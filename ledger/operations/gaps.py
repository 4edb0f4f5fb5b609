"""Gaps: ranges of the stream that were never counted; lists them, and closes them for operators.

`ledger.recording.positions` finds them. The ledger closes a gap itself once all its records were
sent again under their old offsets and counted.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection, Record
from ledger.postgres.statements import statements
from ledger.recording.positions import GapReason

_SQL: Final = statements("operations/gaps")

LISTED_MAX: Final = 1_000


class StreamGap(NamedTuple):
    """A range of records that was never counted.

    `to_offset` is the offset after the last record, None if the end is unknown. `counted` is the
    number of its records that were counted after a resend. `closed_…` are None while it is open.
    """

    gap_id: int
    cluster: str
    topic: str
    partition: int
    incarnation: str | None
    from_offset: int
    to_offset: int | None
    reason: GapReason
    noticed_at: datetime
    counted: int
    closed_at: datetime | None
    closed_by: str | None
    closed_why: str | None

    @property
    def records(self) -> int | None:
        """The number of offsets in the range, None if its end is unknown."""
        return None if self.to_offset is None else self.to_offset - self.from_offset


GAP_REASONS: Final[dict[GapReason, str]] = {
    "records_removed": "Kafka removed the records before they were counted",
    "topic_recreated": "the topic was deleted and created again",
    "log_truncated": "the log lost records that it had served",
}


def describe_gap(gap: StreamGap) -> str:
    """Return a gap as one line for people."""
    end = "an unknown end" if gap.to_offset is None else str(gap.to_offset - 1)
    span = "" if gap.records is None else f", {gap.records:,} records"
    counted = f", {gap.counted:,} counted after a resend" if gap.counted else ""
    state = "open"
    if gap.closed_at is not None:
        state = f"closed {gap.closed_at:%Y-%m-%d %H:%M}Z by {gap.closed_by}: {gap.closed_why}"
    return (
        f"gap {gap.gap_id}: {gap.topic} partition {gap.partition}, offsets {gap.from_offset} to "
        f"{end}{span}{counted}; {GAP_REASONS[gap.reason]} (noticed {gap.noticed_at:%Y-%m-%d %H:%M}Z"
        f", topic id {gap.incarnation or 'unknown'}); {state}"
    )


async def list_gaps(connection: Connection, *, include_closed: bool = False) -> list[StreamGap]:
    """Return open gaps, or all, newest first, at most LISTED_MAX."""
    return [
        _gap(row)
        for row in await connection.fetch(
            *_SQL.bind("list", include_closed=include_closed, limit=LISTED_MAX)
        )
    ]


async def find_gap(connection: Connection, gap_id: int) -> StreamGap | None:
    """Return a gap by its number."""
    row = await connection.fetchrow(*_SQL.bind("find", gap_id=gap_id))
    return None if row is None else _gap(row)


async def close_gap(connection: Connection, gap_id: int, *, by: str, reason: str) -> bool:
    """Close an open gap for a reason; returns whether it was open."""
    return (
        await connection.fetchval(*_SQL.bind("close", gap_id=gap_id, closed_by=by, reason=reason))
        is not None
    )


def _gap(row: Record) -> StreamGap:
    return StreamGap(*(row[name] for name in StreamGap._fields))
