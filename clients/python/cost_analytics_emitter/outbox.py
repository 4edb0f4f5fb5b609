"""Events that are not sent yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple, Protocol

from cost_analytics_emitter.events import Event

BATCH_EVENTS_MAX: Final = 200
BATCH_BYTES_MAX: Final = 512 * 1024
"""Limits of a batch. The server's are 500 events and 1 MiB."""
OVERHEAD_BYTES: Final = 300
"""The memory that a queued event takes beside its body."""


class Mark(NamedTuple):
    """How many events, of all times, are queued or were removed: on disk and in memory."""

    disk: int
    memory: int


class Outbox(Protocol):
    """A queue: any thread puts, one thread takes."""

    @property
    def pending(self) -> int:
        """The number of queued events, with those that were taken and are not removed yet."""

    def put(self, event: Event) -> bool:
        """Queue an event; return whether there was room."""

    def take(self) -> Sequence[Event]:
        """Return the oldest events, up to one batch. They stay queued until `remove_taken`."""

    def remove_taken(self) -> None:
        """Remove what the last `take` returned."""

    def mark(self) -> Mark:
        """Return the mark of everything that is queued now."""

    def has_passed(self, mark: Mark) -> bool:
        """Return whether everything that was queued at a mark was removed."""

    def close(self) -> None:
        """Accept no more events, and release files. Events on disk stay there."""


class MemoryOutbox:
    """A queue in memory, of up to `bytes_max` bytes."""

    def __init__(self, bytes_max: int) -> None:
        # Reentrant: a signal handler may report a cost while this thread reports one.
        self._lock = threading.RLock()
        self._events: deque[Event] = deque()
        self._bytes = self._removed = 0
        self._bytes_max = bytes_max
        self._taken: Sequence[Event] = ()

    @property
    def pending(self) -> int:
        return len(self._events)

    def put(self, event: Event) -> bool:
        size = _size(event)
        with self._lock:
            if self._bytes + size > self._bytes_max:
                return False
            self._events.append(event)
            self._bytes += size
        return True

    def take(self) -> Sequence[Event]:
        with self._lock:
            oldest = list(islice(self._events, BATCH_EVENTS_MAX))
        self._taken = within_batch(oldest)
        return self._taken

    def remove_taken(self) -> None:
        with self._lock:
            # There are fewer if they were discarded while they were sent.
            for _ in range(min(len(self._taken), len(self._events))):
                self._bytes -= _size(self._events.popleft())
                self._removed += 1
        self._taken = ()

    def mark(self) -> Mark:
        with self._lock:
            return Mark(0, self._removed + len(self._events))

    def has_passed(self, mark: Mark) -> bool:
        return self._removed >= mark.memory

    def discard(self) -> int:
        """Remove all events, and return their number."""
        with self._lock:
            number = len(self._events)
            self._events.clear()
            self._bytes = 0
        return number

    def close(self) -> None:
        """Accept no more events."""
        with self._lock:
            self._bytes_max = 0


def within_batch(events: Sequence[Event]) -> Sequence[Event]:
    """Return the first events that fit one batch, at least one."""
    size = 0
    for index, event in enumerate(events[:BATCH_EVENTS_MAX]):
        size += len(event.body) + 1
        if size > BATCH_BYTES_MAX and index:
            return events[:index]
    return events[:BATCH_EVENTS_MAX]


def _size(event: Event) -> int:
    return len(event.body) + OVERHEAD_BYTES
