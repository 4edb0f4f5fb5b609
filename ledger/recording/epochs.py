"""The ledger's epoch, which restores and rebuilds raise so that published versions never fall.

A restore sets a call's number of commits back. Its published version must still rise, because
clients keep the highest version that they received. So the high part of a published version is the
epoch, and the low part the number of commits. It stays below 2^53, which JSON numbers hold exactly.

An epoch is at least the number of seconds since 2026 at the time it was raised. So versions rise
even if the database with the earlier epochs is lost, unless a call had four million commits a
second.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import SCHEMA_ERRORS, Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("recording/epochs")

COMMIT_BITS: Final = 22


class LedgerClosedError(ConnectionError):
    """A restore is under way: the ledger has no epoch yet. Retrying may succeed."""


class EpochChangedError(Exception):
    """The ledger was restored or rebuilt, so positions and calls in memory are out of date."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"the ledger's epoch is {found} instead of {expected}")


class CurrentEpoch(NamedTuple):
    """The current epoch, and whether the totals of its ledger are in the totals topic."""

    epoch: int
    is_published: bool


class Epoch(NamedTuple):
    """A stored epoch; a time is None if its step is not done yet."""

    epoch: int
    raised_at: datetime
    reason: str
    published_at: datetime | None
    journal_read_at: datetime | None


def published_version(epoch: int, commits: int) -> int:
    """Return the published version of a call from the number of its commits."""
    return (epoch << COMMIT_BITS) + commits


def epoch_of(version: int) -> int:
    """Return the epoch that a published version belongs to."""
    return version >> COMMIT_BITS


def require_epoch(found: int | None, expected: int | None = None) -> int:
    """Return the epoch found.

    Raises LedgerClosedError if there is none, and EpochChangedError if another one is expected.
    """
    if found is None:
        raise LedgerClosedError("a restore is under way")
    if expected is not None and found != expected:
        raise EpochChangedError(expected, found)
    return found


async def current_epoch(connection: Connection) -> CurrentEpoch:
    """Return the current epoch; raises LedgerClosedError while a restore is under way."""
    row = await connection.fetchrow(_SQL["current"])
    if row is None:
        raise LedgerClosedError("a restore is under way")
    return CurrentEpoch(row["epoch"], row["is_published"])


async def all_epochs(connection: Connection) -> list[Epoch]:
    """Return every epoch, the oldest first."""
    return [Epoch(*row) for row in await connection.fetch(_SQL["all"])]


async def highest_epoch(connection: Connection) -> int:
    """Return the highest epoch; 0 if there is none, also in a database without a ledger."""
    try:
        return max((stored.epoch for stored in await all_epochs(connection)), default=0)
    except SCHEMA_ERRORS:
        return 0


async def raise_epoch(
    connection: Connection, reason: str, *, above: int = 0, keeps_deliveries: bool = False
) -> int:
    """Add an epoch above `above` and every stored one, and return it.

    Unless the ledger `keeps_deliveries`, the delivery journal is read before the next delivery.
    """
    return int(
        await connection.fetchval(
            *_SQL.bind("raise", reason=reason, above=above, keeps_deliveries=keeps_deliveries)
        )
    )


async def lock_totals_topic(connection: Connection) -> bool:
    """Lock the totals topic for this session; returns False if another session has the lock."""
    return bool(await connection.fetchval(_SQL["lock_totals_topic"]))


async def mark_published(connection: Connection, epoch: int) -> None:
    """Store that all totals of an epoch are published."""
    await connection.execute(*_SQL.bind("mark_published", epoch=epoch))
