"""Selects ended calls to remove from the totals topic, in passes over all calls.

A pass covers the calls whose last change is after those of the previous pass, so each call gets one
tombstone after its last change. A new epoch publishes totals again; so its passes start over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from ledger.operations.retention import read_progress, store_progress
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("operations/retention")
_BEFORE_ALL_CALLS: Final = datetime(2000, 1, 1, tzinfo=UTC)

CALLS_AT_ONCE: Final = 2_000


class TombstonePass(msgspec.Struct, frozen=True):
    """A pass over the calls that last changed from `since` to before `until`, by id."""

    epoch: int
    since: datetime = _BEFORE_ALL_CALLS
    until: datetime = _BEFORE_ALL_CALLS
    after: str = ""

    @property
    def is_over(self) -> bool:
        """Whether no pass is running."""
        return self.since == self.until


class EndedCalls(NamedTuple):
    """Ended calls, and the pass that continues after them."""

    call_ids: list[str]
    versions: list[int]
    following: TombstonePass


_pass: Final = msgspec.json.Decoder(TombstonePass)


async def current_pass(connection: Connection, epoch: int, until: datetime) -> TombstonePass:
    """Return the running pass, or a new one up to `until`."""
    stored = await read_progress(connection, "totals")
    known = _pass.decode(stored) if stored else TombstonePass(epoch)
    if known.epoch != epoch:
        known = TombstonePass(epoch)
    return msgspec.structs.replace(known, until=max(until, known.since)) if known.is_over else known


async def next_ended_calls(connection: Connection, tombstone_pass: TombstonePass) -> EndedCalls:
    """Return the next ended calls of a pass, among the next CALLS_AT_ONCE calls."""
    [row] = await connection.fetch(
        *_SQL.bind(
            "ended_calls",
            after=tombstone_pass.after,
            since=tombstone_pass.since,
            until=tombstone_pass.until,
            limit=CALLS_AT_ONCE,
        )
    )
    following = TombstonePass(tombstone_pass.epoch, tombstone_pass.until, tombstone_pass.until)
    if row["seen"] == CALLS_AT_ONCE:
        following = msgspec.structs.replace(tombstone_pass, after=row["last"])
    return EndedCalls(row["call_ids"], row["versions"], following)


async def store_tombstones(connection: Connection, ended: EndedCalls) -> None:
    """Store that tombstones of these calls are in Kafka; queues totals that changed."""
    async with connection.transaction():
        await connection.execute(
            *_SQL.bind("publish_changed", call_ids=ended.call_ids, versions=ended.versions)
        )
        stored = msgspec.json.encode(ended.following).decode()
        await store_progress(connection, "totals", len(ended.call_ids), stored)
