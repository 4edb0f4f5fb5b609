"""Stores the offsets of a stream and its dead letters, in the transaction of the totals."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("recording/offsets")


class Stream(NamedTuple):
    """A topic on a cluster, which offsets belong to."""

    cluster: str
    topic: str


class DeadLetter(NamedTuple):
    """A refused record as received, and why.

    `headers` is JSON: pairs of name and base64 value, or null where there is none.
    """

    partition: int
    offset: int
    code: str
    message: str
    key: bytes | None
    value: bytes | None
    headers: str


class PositionMark(NamedTuple):
    """Stored with the next offset of a partition.

    `generation` is that of the position that reading started from. `last_record` is the offset and
    digest of the last record, empty if the topic has an id.
    """

    generation: int = 0
    last_record: str = ""


class StreamPosition(NamedTuple):
    """The position of a stream after a batch: the next offset and its mark, by partition."""

    stream: Stream
    next_offsets: Mapping[int, int]
    marks: Mapping[int, PositionMark]


NO_POSITION: Final = StreamPosition(Stream("", ""), {}, {})
"""The position of events that come from no stream."""


class ResentRecord(NamedTuple):
    """A record that was sent again: the gap it belongs to, and its offset there."""

    gap_id: int
    offset: int


def headers_of(letter_headers: str) -> list[tuple[str, bytes | None]]:
    """Return the headers of a dead letter as they were received."""
    return [
        (name, None if value is None else base64.b64decode(value))
        for name, value in json.loads(letter_headers)
    ]


async def read_offsets(connection: Connection, stream: Stream) -> dict[int, int]:
    """Return the next offset of each partition that has one."""
    rows = await connection.fetch(*_SQL.bind("read", **stream._asdict()))
    return {row["partition"]: row["next_offset"] for row in rows}


async def record_dead_letters(
    connection: Connection, stream: Stream, letters: Sequence[DeadLetter]
) -> None:
    """Store dead letters; one that is stored already is not changed."""
    partitions, offsets, codes, messages, keys, values, headers = zip(*letters, strict=True)
    refuse = _SQL.bind(
        "refuse",
        **stream._asdict(),
        partitions=partitions,
        offsets=offsets,
        codes=codes,
        messages=messages,
        keys=keys,
        values=values,
        headers=headers,
    )
    await connection.execute(*refuse)


async def count_resent(connection: Connection, resent: Sequence[ResentRecord]) -> None:
    """Count resent records in the gaps that they fill."""
    gaps, offsets = zip(*resent, strict=True)
    await connection.execute(*_SQL.bind("count_resent", gap_ids=gaps, offsets=offsets))
