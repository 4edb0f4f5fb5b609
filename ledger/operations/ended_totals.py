"""Which ended calls leave the totals topic: a walk through all calls, once a pass.

A pass takes the calls that last changed since the limit of the pass before, so that each call has
one tombstone after each change. A new epoch publishes totals again, and begins at the beginning.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from ledger.operations.retention import note, position
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("operations/retention")
_EVER: Final = datetime(2000, 1, 1, tzinfo=UTC)

CALLS_AT_ONCE: Final = 2_000


class TombstonePass(msgspec.Struct, frozen=True):
    """A pass through all calls that changed last from `since` to before `until`."""

    epoch: int
    since: datetime = _EVER
    until: datetime = _EVER
    after: str = ""

    @property
    def is_over(self) -> bool:
        """Whether no pass is under way."""
        return self.since == self.until


class EndedCalls(NamedTuple):
    """Ended calls as they were read, and the pass as it is after them."""

    call_ids: list[str]
    versions: list[int]
    following: TombstonePass


_pass: Final = msgspec.json.Decoder(TombstonePass)


async def current_pass(connection: Connection, epoch: int, until: datetime) -> TombstonePass:
    """Return the pass that is under way, or begin the one up to `until`."""
    stored = await position(connection, "totals")
    known = _pass.decode(stored) if stored else TombstonePass(epoch)
    if known.epoch != epoch:
        known = TombstonePass(epoch)
    return msgspec.structs.replace(known, until=max(until, known.since)) if known.is_over else known


async def next_ended_calls(connection: Connection, walk: TombstonePass) -> EndedCalls:
    """Return the next ended calls of a pass, of up to CALLS_AT_ONCE calls."""
    [row] = await connection.fetch(
        *_SQL.bind(
            "ended_calls", after=walk.after, since=walk.since, until=walk.until, most=CALLS_AT_ONCE
        )
    )
    following = TombstonePass(walk.epoch, walk.until, walk.until)
    if row["seen"] == CALLS_AT_ONCE:
        following = msgspec.structs.replace(walk, after=row["last"])
    return EndedCalls(row["call_ids"], row["versions"], following)


async def note_removed(connection: Connection, ended: EndedCalls) -> None:
    """Note that tombstones of these calls are in Kafka; a call that changed is published again."""
    async with connection.transaction():
        await connection.execute(
            *_SQL.bind("publish_changed", call_ids=ended.call_ids, versions=ended.versions)
        )
        stored = msgspec.json.encode(ended.following).decode()
        await note(connection, "totals", len(ended.call_ids), stored)
