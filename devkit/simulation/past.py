"""Spreads calls over past days with a weekly pattern: a history for reports and forecasts.

Every second call is the demo user's, so that this user has enough history; the others share the
rest. Weekends have fewer calls, days vary at random, and hours do not differ, because users are in
all time zones. The plan determines all events.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from random import Random
from typing import Final

from devkit.simulation.call import CallScript
from devkit.simulation.participants import DEMO_USER, pick_other
from devkit.simulation.timeline import ScheduledEvent, SimulationPlan, encoded_events
from devkit.simulation.wire import ScheduledRecord

_DAY_MS: Final = 86_400_000
_THURSDAY: Final = 3
"""The weekday of 1 January 1970; Monday is 0."""
_WEEKDAY_WEIGHTS: Final = (10, 11, 11, 10, 10, 4, 4)
_DAY_PERCENT: Final = (75, 126)
"""The random range of a day's calls, in percent of its weekday's average."""
_LAST_WEIGHT_MIN: Final = 10 * 100 * _DAY_MS // 3
"""The minimum weight of the last day, usually today: a third of a working day.

So there are calls of today even shortly after midnight UTC.
"""


def past_records(plan: SimulationPlan) -> Iterator[ScheduledRecord]:
    """Yield the records of a plan with `latest_ms`, in the order in which they are sent."""
    waiting: list[ScheduledEvent] = []
    at_us = plan.start_ms * 1_000
    for start_ms, events in _calls(plan):
        while waiting and waiting[0].due_ms < start_ms:
            yield _schedule(heapq.heappop(waiting), at_us)
            at_us += plan.spacing_us
        for event in events:
            heapq.heappush(waiting, event)
    while waiting:
        yield _schedule(heapq.heappop(waiting), at_us)
        at_us += plan.spacing_us


def _schedule(event: ScheduledEvent, at_us: int) -> ScheduledRecord:
    return ScheduledRecord(at_us, event.key, event.value)


def _calls(plan: SimulationPlan) -> Iterator[tuple[int, list[ScheduledEvent]]]:
    """Yield the start of each call and its events, ordered by start."""
    picker = Random(f"{plan.seed}:users")  # noqa: S311 - reproducible, not secret
    for index, start_ms in enumerate(_start_times(plan)):
        user = pick_other(picker, plan.users) if index % 2 else DEMO_USER
        rng = Random(f"{plan.seed}:{plan.start_ms}:{index}")  # noqa: S311 - reproducible
        events, _ = CallScript(rng, user, start_ms).write()
        yield start_ms, encoded_events(events)


def _start_times(plan: SimulationPlan) -> Iterator[int]:
    """Yield the starts of calls: one at random in each equal share of the days' total weight.

    So the number of calls of a day matches its weight (plus or minus one), and no day is empty by
    chance.
    """
    rng = Random(f"{plan.seed}:{plan.start_ms}:days")  # noqa: S311 - reproducible, not secret
    days = list(_days(plan, rng))
    total = sum(weight for _, _, weight in days)
    earlier_weight = 0
    remaining = iter(days)
    begins_ms, length_ms, weight = next(remaining)
    for number in range(plan.calls):
        position = (number * total + rng.randrange(total)) // plan.calls
        while position >= earlier_weight + weight:
            earlier_weight += weight
            begins_ms, length_ms, weight = next(remaining)
        yield begins_ms + (position - earlier_weight) * length_ms // weight


def _days(plan: SimulationPlan, rng: Random) -> Iterator[tuple[int, int, int]]:
    """Yield start and length (ms) and the weight of each UTC day of the plan."""
    begins_ms, end_ms = plan.start_ms, plan.latest_ms or plan.start_ms
    while begins_ms <= end_ms:
        day = begins_ms // _DAY_MS
        length_ms = min((day + 1) * _DAY_MS, end_ms + 1) - begins_ms
        weight = _WEEKDAY_WEIGHTS[(day + _THURSDAY) % 7] * rng.randrange(*_DAY_PERCENT) * length_ms
        is_last = begins_ms + length_ms > end_ms
        yield begins_ms, length_ms, max(weight, _LAST_WEIGHT_MIN) if is_last else weight
        begins_ms += length_ms
