"""From what a person asks for to a plan, and from a plan to everything that is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from devkit.simulation.call import EVENTS_A_CALL
from devkit.simulation.disturbances import (
    shuffled,
    with_malformed,
    with_odd_calls,
    with_repeats,
)
from devkit.simulation.past import past
from devkit.simulation.timeline import SimulationPlan, timeline
from devkit.simulation.wire import ScheduledRecord

_MINUTE_MS: Final = 60_000
_LONGEST_CALL_MS: Final = 10 * _MINUTE_MS
"""From the first event of a call to the last report of it, and some more."""
_DAY_MS: Final = 24 * 60 * _MINUTE_MS
AGE_DAYS_MAX: Final = 398
"""How far back a past may begin: events above 400 days are refused, some are a day late."""


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """What to simulate.

    `rate` is events a second, 0 as fast as possible; `calls` 0 is without end; shares are in
    hundredths of a percent; `start_ms` None lets the plan fit the present; `past_days`, where not
    0, spreads the calls over so many days that are over.
    """

    users: int
    calls: int
    rate: int
    seed: int
    start_ms: int | None = None
    repeats: int = 0
    malformed: int = 0
    shuffle_minutes: int = 0
    odd_calls: int = 0
    past_days: int = 0


def plan_for(wish: SimulationRequest, now_ms: int) -> SimulationPlan:
    """Return the plan for a wish; it has no event after `now_ms` where it chooses its own start.

    Without end it starts now and is sent as it happens. So many calls at a rate are sent faster
    than they happen, so they start a little earlier; without a rate they fill the last 24 hours.
    A past ends now, or so many days after its start; the rate is only that of sending. Raises
    ValueError, with a sentence for a person, where a past would not be over or begins too early.
    """
    if wish.past_days:
        return _past_plan(wish, now_ms)
    spacing_us = 1_000_000 // wish.rate if wish.rate else 0
    earlier_ms = wish.shuffle_minutes * _MINUTE_MS
    latest_ms = None
    if wish.calls and wish.rate:
        earlier_ms += _LONGEST_CALL_MS
    elif wish.calls:
        earlier_ms += _DAY_MS
        spacing_us = _even_spacing_us(wish, _DAY_MS)
    start_ms = now_ms - earlier_ms if wish.start_ms is None else wish.start_ms
    if wish.calls and not wish.rate:
        latest_ms = start_ms + _DAY_MS - _LONGEST_CALL_MS
    return SimulationPlan(
        wish.seed, wish.users, wish.calls, start_ms, max(1, spacing_us), latest_ms
    )


def _past_plan(wish: SimulationRequest, now_ms: int) -> SimulationPlan:
    length_ms = wish.past_days * _DAY_MS
    start_ms = now_ms - length_ms if wish.start_ms is None else wish.start_ms
    if start_ms + length_ms > now_ms:
        raise ValueError(f"{wish.past_days} days from --start on are not over: start earlier.")
    if start_ms < now_ms - AGE_DAYS_MAX * _DAY_MS:
        raise ValueError(
            f"--start is more than {AGE_DAYS_MAX} days back, and older events are refused: "
            "start later."
        )
    spacing_us = 1_000_000 // wish.rate if wish.rate else _even_spacing_us(wish, length_ms)
    latest_ms = start_ms + length_ms - _LONGEST_CALL_MS
    return SimulationPlan(wish.seed, wish.users, wish.calls, start_ms, spacing_us, latest_ms)


def _even_spacing_us(wish: SimulationRequest, length_ms: int) -> int:
    """Return how far apart the events of so many calls are where they fill a time."""
    return max(1, (length_ms - _LONGEST_CALL_MS) * 1_000 // (wish.calls * EVENTS_A_CALL))


def sendings(wish: SimulationRequest, plan: SimulationPlan) -> Iterator[ScheduledRecord]:
    """Yield everything that is sent for a wish, disturbances included."""
    stream = past(plan) if wish.past_days else timeline(plan)
    if wish.odd_calls:
        stream = with_odd_calls(stream, wish.odd_calls, wish.seed)
    if wish.repeats:
        stream = with_repeats(stream, wish.repeats, wish.seed)
    if wish.malformed:
        stream = with_malformed(stream, wish.malformed, wish.seed)
    if wish.shuffle_minutes:
        stream = shuffled(stream, wish.shuffle_minutes * _MINUTE_MS * 1_000, wish.seed)
    return stream
