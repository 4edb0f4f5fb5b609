"""The interface of an event stream; the application's composition provides one.

So that nothing here knows Kafka: `cost_analytics/intake.py` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class OutgoingEvent(NamedTuple):
    """An event on its way to the stream: `key` gives order, `value` is a CloudEvent in JSON."""

    key: bytes
    value: bytes


class StreamUnavailableError(Exception):
    """The stream has not confirmed what it was given: some of it may be there all the same."""


class EventStream(Protocol):
    """A durable stream of events."""

    async def put(self, events: Sequence[OutgoingEvent]) -> None:
        """Return once all events are durably there; raises StreamUnavailableError."""
