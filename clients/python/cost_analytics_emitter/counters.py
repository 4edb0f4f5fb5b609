"""Counts what happened to events."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

REASONS_MAX: Final = 100
"""More different reasons than this are counted as `other`."""


@dataclass(frozen=True)
class Counters:
    """Numbers of events since the emitter was made.

    `accepted` were queued, and `replayed` were left in the spool by an earlier process; each of
    them is `sent`, `pending`, refused by the server, or dropped after it was queued. `refused`, by
    reason, also has events that could not be queued because they cannot be sent. `dropped`, by
    reason, also has events that found no room. `retried` counts repeated sends of events.

    `unreported`, by reason, counts usage that a voice framework did not report, or not in full: no
    event has it, or an estimate does.
    """

    accepted: int
    replayed: int
    sent: int
    pending: int
    retried: int
    refused: Mapping[str, int]
    dropped: Mapping[str, int]
    unreported: Mapping[str, int]


class Tally:
    """Counts events from any thread."""

    def __init__(self) -> None:
        # Reentrant: a signal handler may report a cost while this thread counts one.
        self._lock = threading.RLock()
        self._numbers: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._unreported: Counter[str] = Counter()

    def add(self, name: str, number: int = 1) -> None:
        """Count `accepted`, `replayed`, `sent` or `retried` events."""
        with self._lock:
            self._numbers[name] += number

    def refuse(self, reason: str) -> None:
        """Count an event that will never be accepted."""
        with self._lock:
            self._count(self._refused, reason, 1)

    def drop(self, reason: str, number: int = 1) -> int:
        """Count dropped events, and return how many were dropped so far."""
        with self._lock:
            self._count(self._dropped, reason, number)
            return self._dropped.total()

    def note_unreported(self, reason: str) -> int:
        """Count usage that a framework did not report, and return how often for this reason."""
        with self._lock:
            self._count(self._unreported, reason, 1)
            return self._unreported[reason]

    def snapshot(self, pending: int) -> Counters:
        with self._lock:
            numbers = self._numbers
            return Counters(
                accepted=numbers["accepted"],
                replayed=numbers["replayed"],
                sent=numbers["sent"],
                pending=pending,
                retried=numbers["retried"],
                refused=dict(self._refused),
                dropped=dict(self._dropped),
                unreported=dict(self._unreported),
            )

    @staticmethod
    def _count(of: Counter[str], reason: str, number: int) -> None:
        of[reason if reason in of or len(of) < REASONS_MAX else "other"] += number
