"""Calls whose newest totals are not yet in Kafka, and the outbox rows that represent them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

import msgspec

from ledger.calls.call import Call
from ledger.recording.epochs import published_version


class PendingTotal(msgspec.Struct, frozen=True, gc=False):
    """A call as of its newest commit at `at`; `batch` is its oldest unpublished batch.

    `version` is the version to publish.
    """

    call: Call
    version: int
    at: datetime
    batch: int


class PendingTotals:
    """Pending calls in the order of their last change, each in its newest state."""

    def __init__(self) -> None:
        self._entries: dict[str, PendingTotal] = {}
        self._rows: list[tuple[int, int]] = []
        self._batches = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        """Return whether there are pending calls, or outbox rows to delete."""
        return bool(self._entries or self._rows)

    def add(self, outbox_id: int, calls: Iterable[Call], at: datetime, epoch: int = 0) -> None:
        """Add the calls of a batch that was committed in an epoch of the ledger."""
        self._batches += 1
        self._rows.append((self._batches, outbox_id))
        for call in calls:
            pending = self._entries.pop(call.call_id, None)
            entry = PendingTotal(call, published_version(epoch, call.version), at, self._batches)
            self._entries[call.call_id] = entry if pending is None else _merge(pending, entry)

    def take(self, limit: int) -> list[PendingTotal]:
        """Remove and return up to `limit` calls: half the latest, half those waiting longest."""
        latest = [self._entries.popitem()[1] for _ in range(min(limit // 2, len(self._entries)))]
        oldest = list(islice(self._entries, limit - len(latest)))
        return latest + [self._entries.pop(call_id) for call_id in oldest]

    def put_back(self, entries: Iterable[PendingTotal]) -> None:
        """Add calls again that could not be published; newer states of them stay."""
        for entry in entries:
            pending = self._entries.pop(entry.call.call_id, entry)
            self._entries[entry.call.call_id] = _merge(pending, entry)

    def rows(self) -> list[int]:
        """Return the outbox rows of pending calls."""
        return [row for _, row in self._rows]

    def published_rows(self) -> list[int]:
        """Return the outbox rows whose calls have all been published."""
        oldest = min((entry.batch for entry in self._entries.values()), default=self._batches + 1)
        return [row for batch, row in self._rows if batch < oldest]

    def forget(self, outbox_ids: Iterable[int]) -> None:
        """Remove deleted rows."""
        gone = set(outbox_ids)
        self._rows = [(batch, row) for batch, row in self._rows if row not in gone]


def _merge(pending: PendingTotal, entry: PendingTotal) -> PendingTotal:
    """Return the newest state of a call, pending since the older batch."""
    newest = pending if pending.version > entry.version else entry
    return PendingTotal(newest.call, newest.version, newest.at, min(pending.batch, entry.batch))
