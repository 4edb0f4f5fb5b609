"""Fills days that are over with calls, as many as a week has rhythm: a history to look back on.

Every second call is the demo user's, so that one user has enough of them to learn from; the others
share the rest. Weekends are quieter, days differ by chance, and hours are alike, because users are
in all time zones. Everything follows from the plan, as it does for a timeline.
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
"""The weekday of the first of January 1970; Monday is 0."""
_WEEK: Final = (10, 11, 11, 10, 10, 4, 4)
_BUSY_PERCENT: Final = (75, 126)
"""How busy a day is, of what its weekday is usually."""
_LAST_WEIGHT_MIN: Final = 10 * 100 * _DAY_MS // 3
"""What the last day, mostly today, weighs at least, however early it is: a third of a working day.
So there are calls of today shortly after midnight UTC, too."""


def past(plan: SimulationPlan) -> Iterator[ScheduledRecord]:
    """Yield the events of a plan that names its last moment, in the order of their reports."""
    waiting: list[ScheduledEvent] = []
    at_us = plan.start_ms * 1_000
    for start_ms, reports in _calls(plan):
        while waiting and waiting[0].due_ms < start_ms:
            yield _sending(heapq.heappop(waiting), at_us)
            at_us += plan.spacing_us
        for report in reports:
            heapq.heappush(waiting, report)
    while waiting:
        yield _sending(heapq.heappop(waiting), at_us)
        at_us += plan.spacing_us


def _sending(report: ScheduledEvent, at_us: int) -> ScheduledRecord:
    return ScheduledRecord(at_us, report.key, report.value)


def _calls(plan: SimulationPlan) -> Iterator[tuple[int, list[ScheduledEvent]]]:
    """Yield when each call begins, in order, and what is reported of it."""
    picker = Random(f"{plan.seed}:users")  # noqa: S311 - reproducible, not secret
    for number, start_ms in enumerate(_starts(plan)):
        user = pick_other(picker, plan.users) if number % 2 else DEMO_USER
        rng = Random(f"{plan.seed}:{plan.start_ms}:{number}")  # noqa: S311 - reproducible
        happenings, _ = CallScript(rng, user, start_ms).write()
        yield start_ms, reports_of(happenings)


def _starts(plan: SimulationPlan) -> Iterator[int]:
    """Yield when calls begin: one for each equal share of the days' weight, at random within it.

    So a day has as many calls as its weight asks for, give or take one, and none is empty by bad
    luck.
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
    """Yield the beginning and the length of each UTC day of the plan, in ms, and its weight."""
    begins_ms, end_ms = plan.start_ms, plan.latest_ms or plan.start_ms
    while begins_ms <= end_ms:
        day = begins_ms // _DAY_MS
        length_ms = min((day + 1) * _DAY_MS, end_ms + 1) - begins_ms
        weight = _WEEK[(day + _THURSDAY) % 7] * rng.randrange(*_BUSY_PERCENT) * length_ms
        is_last = begins_ms + length_ms > end_ms
        yield begins_ms, length_ms, max(weight, _LAST_WEIGHT_MIN) if is_last else weight
        begins_ms += length_ms
