"""Interleaves many calls: decides which event is sent when, at a constant rate.

Sending time is divided into slots of one event. A slot takes the event that has been due longest;
if none is due, a new call begins. So no event is sent before it happens, and the rate determines
the number of concurrent calls. The plan determines everything: the same plan produces the same
bytes at any time.

An endless plan runs in real time: slots without a due event stay empty. A plan with a number of
calls fills every slot. When nothing is due and no call can begin, its calls run faster than real
time, so such a plan should start in the past.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from devkit.simulation.call import EVENTS_A_THOUSAND_CALLS_SECOND, CallScript
from devkit.simulation.participants import DEMO_USER, pick_user
from devkit.simulation.wire import ScheduledRecord, SimulatedEvent, encode, envelope, key_of

_US: Final = 1_000_000
_DEMO_CALLS: Final = 2
"""The number of concurrent calls of the demo user, if there are enough calls."""


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What to simulate. `calls` 0 is endless; calls begin at `latest_ms` at the latest."""

    seed: int
    users: int
    calls: int
    start_ms: int
    spacing_us: int
    latest_ms: int | None = None

    @property
    def concurrency(self) -> int:
        """The number of concurrent calls that fills the slots, plus 10 %."""
        per_slot = self.spacing_us * EVENTS_A_THOUSAND_CALLS_SECOND
        return max(2, -(-1_100 * _US // per_slot))


class ScheduledEvent(NamedTuple):
    """An encoded event and the time at which it is due (ms), ordered by it."""

    due_ms: int
    id: str
    key: bytes
    value: bytes


def encoded_events(events: Iterable[SimulatedEvent]) -> list[ScheduledEvent]:
    """Return the encoded events of a call."""
    return [
        ScheduledEvent(
            event.time_ms + event.delay_ms, event.id, key_of(event.data), encode(envelope(event))
        )
        for event in events
    ]


def timeline(plan: SimulationPlan) -> Iterator[ScheduledRecord]:
    """Yield the events of a plan in the order in which they are sent."""
    active_calls = _ActiveCalls(plan)
    at_us = plan.start_ms * 1_000
    ahead_us = 0
    while True:
        event = active_calls.next_at((at_us + ahead_us) // 1_000)
        if event is not None:
            yield ScheduledRecord(at_us, event.key, event.value)
            at_us += plan.spacing_us
            continue
        due_ms = active_calls.next_due_ms()
        if due_ms is None:
            return
        wait_us = due_ms * 1_000 - at_us - ahead_us
        if plan.calls:
            ahead_us += wait_us
        else:
            at_us += -(-wait_us // plan.spacing_us) * plan.spacing_us


class _ActiveCalls:
    """The active calls and their pending events."""

    def __init__(self, plan: SimulationPlan) -> None:
        self._plan = plan
        self._room = plan.concurrency
        # With few concurrent calls, most are of other users, except in an endless (live) plan.
        self._demo_room = min(_DEMO_CALLS, self._room // (8 if plan.calls else 2))
        self._begun = 0
        self._due: list[ScheduledEvent] = []
        self._ends_ms: list[int] = []
        self._demo_ends_ms: list[int] = []
        self._picker = Random(f"{plan.seed}:users")  # noqa: S311 - reproducible, not secret

    def next_at(self, now_ms: int) -> ScheduledEvent | None:
        """Return the event due at a time; begins a call if none is due."""
        self._forget_ended(now_ms)
        if self._demo_is_missing() or (not self._is_due(now_ms) and self._has_room()):
            self._begin_call(now_ms)
        return heapq.heappop(self._due) if self._is_due(now_ms) else None

    def next_due_ms(self) -> int | None:
        """Return the time of the next event, or None after the last one."""
        return self._due[0].due_ms if self._due else None

    def _is_due(self, now_ms: int) -> bool:
        return bool(self._due) and self._due[0].due_ms <= now_ms

    def _forget_ended(self, now_ms: int) -> None:
        for ends in (self._ends_ms, self._demo_ends_ms):
            while ends and ends[0] <= now_ms:
                heapq.heappop(ends)

    def _may_begin(self) -> bool:
        return not self._plan.calls or self._begun < self._plan.calls

    def _has_room(self) -> bool:
        return self._may_begin() and len(self._ends_ms) < self._room

    def _demo_is_missing(self) -> bool:
        return len(self._demo_ends_ms) < self._demo_room and self._may_begin()

    def _begin_call(self, now_ms: int) -> None:
        plan = self._plan
        user = DEMO_USER if self._demo_is_missing() else pick_user(self._picker, plan.users)
        start_ms = now_ms if plan.latest_ms is None else min(now_ms, plan.latest_ms)
        rng = Random(f"{plan.seed}:{plan.start_ms}:{self._begun}")  # noqa: S311 - reproducible
        events, end_ms = CallScript(rng, user, start_ms).write()
        self._begun += 1
        for event in encoded_events(events):
            heapq.heappush(self._due, event)
        heapq.heappush(self._ends_ms, end_ms)
        if user == DEMO_USER:
            heapq.heappush(self._demo_ends_ms, end_ms)
