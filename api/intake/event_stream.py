"""The interface of an event stream, which keeps the API free of Kafka.

`cost_analytics/intake.py` implements it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class OutgoingEvent(NamedTuple):
    """An event to publish: the partition `key`, and a CloudEvent in JSON."""

    key: bytes
    value: bytes


class StreamUnavailableError(Exception):
    """The stream did not confirm the events; some may be stored anyway."""


class EventStream(Protocol):
    """A durable stream of events."""

    async def put(self, events: Sequence[OutgoingEvent]) -> None:
        """Return once all events are stored durably; raises StreamUnavailableError."""
