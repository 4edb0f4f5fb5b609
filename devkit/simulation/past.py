"""Spreads calls over past days with a weekly pattern: a history for reports and forecasts.

Every second call is the demo user's, so that this user has enough history; the others share the
rest. Weekends have fewer calls, days vary at random, and hours do not differ, because users are in
all time zones. Like a timeline, it is determined by the plan.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from random import Random
from typing import Final

from devkit.simulation.call import CallScript
from devkit.simulation.cast import DEMO_USER, pick_other
from devkit.simulation.timeline import ScheduledEvent, SimulationPlan, reports_of
from devkit.simulation.wire import ScheduledRecord

_DAY_MS: Final = 86_400_000
_THURSDAY: Final = 3
"""The weekday of 1 January 1970; Monday is 0."""
_WEEK: Final = (10, 11, 11, 10, 10, 4, 4)
_BUSY_PERCENT: Final = (75, 126)
"""The number of calls of a day in percent of its weekday's average: minimum and maximum."""
_LAST_WEIGHT_MIN: Final = 10 * 100 * _DAY_MS // 3
"""The minimum weight of the last day, usually today: a third of a working day.

So there are calls of today shortly after midnight UTC, too.
"""


def past(plan: SimulationPlan) -> Iterator[ScheduledRecord]:
    """Yield the events of a plan with `latest_ms`, in order of their reports."""
    waiting: list[ScheduledEvent] = []
    at_us = plan.start_ms * 1_000
    for start_ms, reports in _calls(plan):
        while waiting and waiting[0].due_ms < start_ms:
            yield _scheduled(heapq.heappop(waiting), at_us)
            at_us += plan.spacing_us
        for report in reports:
            heapq.heappush(waiting, report)
    while waiting:
        yield _scheduled(heapq.heappop(waiting), at_us)
        at_us += plan.spacing_us


def _scheduled(report: ScheduledEvent, at_us: int) -> ScheduledRecord:
    return ScheduledRecord(at_us, report.key, report.value)


def _calls(plan: SimulationPlan) -> Iterator[tuple[int, list[ScheduledEvent]]]:
    """Yield the start of each call, in order, and its events."""
    picker = Random(f"{plan.seed}:users")  # noqa: S311 - reproducible, not secret
    for number, start_ms in enumerate(_starts(plan)):
        user = pick_other(picker, plan.users) if number % 2 else DEMO_USER
        rng = Random(f"{plan.seed}:{plan.start_ms}:{number}")  # noqa: S311 - reproducible
        events, _ = CallScript(rng, user, start_ms).write()
        yield start_ms, reports_of(events)


def _starts(plan: SimulationPlan) -> Iterator[int]:
    """Yield the starts of calls: one at random in each equal share of the days' total weight.

    So the number of calls of a day matches its weight (plus or minus one), and no day is empty by
    chance.
    """
    rng = Random(f"{plan.seed}:{plan.start_ms}:days")  # noqa: S311 - reproducible, not secret
    days = list(_days(plan, rng))
    total = sum(weight for _, _, weight in days)
    passed = 0
    place = iter(days)
    begins_ms, length_ms, weight = next(place)
    for number in range(plan.calls):
        wanted = (number * total + rng.randrange(total)) // plan.calls
        while wanted >= passed + weight:
            passed += weight
            begins_ms, length_ms, weight = next(place)
        yield begins_ms + (wanted - passed) * length_ms // weight


def _days(plan: SimulationPlan, rng: Random) -> Iterator[tuple[int, int, int]]:
    """Yield start and length (ms) and the weight of each UTC day of the plan."""
    begins_ms, end_ms = plan.start_ms, plan.latest_ms or plan.start_ms
    while begins_ms <= end_ms:
        day = begins_ms // _DAY_MS
        length_ms = min((day + 1) * _DAY_MS, end_ms + 1) - begins_ms
        weight = _WEEK[(day + _THURSDAY) % 7] * rng.randrange(*_BUSY_PERCENT) * length_ms
        is_last = begins_ms + length_ms > end_ms
        yield begins_ms, length_ms, max(weight, _LAST_WEIGHT_MIN) if is_last else weight
        begins_ms += length_ms
