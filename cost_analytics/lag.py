"""Compares the ends of the stream with what is counted."""

from __future__ import annotations

from typing import NamedTuple

from ledger.operations.figures import ProductFigures
from messaging.cluster import LogEnds
from schemas.topics import CALL_EVENTS


class Lag(NamedTuple):
    """Records that wait to be counted, and those that Kafka removed before they were counted."""

    waiting: int
    removed: int


def lag(figures: ProductFigures, log: LogEnds) -> Lag:
    """Return how far the counted positions are behind the ends of the log."""
    counted = {
        position.partition: position.records
        for position in figures.positions
        if (position.cluster, position.topic) == (log.cluster_id, CALL_EVENTS.name)
    }
    waiting = removed = 0
    for number, ends in log.partitions.items():
        position = counted.get(number, 0)
        waiting += max(0, ends.end - max(ends.first, position))
        removed += max(0, ends.first - position)
    return Lag(waiting, removed)
