"""Rates between two readings: events per second, and the cost of calls per minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ledger.operations.activity import ActiveCall

WINDOW_SECONDS: Final = 15
"""Rates are averages over this time."""


class MonitorReading(NamedTuple):
    """The counts at a moment of a monotonic clock, in milliseconds."""

    at_ms: int
    records: int
    costs: Mapping[str, int]
    """Nano-dollars by call."""


class RecentReadings:
    """The readings of the last seconds."""

    def __init__(self) -> None:
        self._readings: deque[MonitorReading] = deque()

    def add(self, reading: MonitorReading) -> None:
        """Add a reading, and forget those that are older than the window."""
        self._readings.append(reading)
        while reading.at_ms - self._readings[0].at_ms > 1_000 * WINDOW_SECONDS:
            self._readings.popleft()

    def records_per_second(self) -> int:
        """Return the counted records per second; 0 before the second reading."""
        first, last = self._readings[0], self._readings[-1]
        elapsed_ms = last.at_ms - first.at_ms
        return max(0, last.records - first.records) * 1_000 // elapsed_ms if elapsed_ms else 0

    def nano_per_minute(self, call_id: str) -> int:
        """Return what a call costs per minute, in nano-dollars, since it was first read."""
        last = self._readings[-1]
        for reading in self._readings:
            if call_id in reading.costs and reading.at_ms < last.at_ms:
                added = last.costs.get(call_id, 0) - reading.costs[call_id]
                return added * 60_000 // (last.at_ms - reading.at_ms)
        return 0


def costs_of(calls: Sequence[ActiveCall]) -> dict[str, int]:
    """Return the recorded cost by call."""
    return {call.call_id: call.cost_nano for call in calls}
