"""Turns a request into a plan, and a plan into records to send."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from devkit.simulation.call import EVENTS_A_CALL
from devkit.simulation.disturbances import (
    add_malformed,
    add_repeats,
    make_calls_anomalous,
    shuffle,
)
from devkit.simulation.past import past_records
from devkit.simulation.timeline import SimulationPlan, timeline
from devkit.simulation.wire import ScheduledRecord

_MINUTE_MS: Final = 60_000
_LONGEST_CALL_MS: Final = 10 * _MINUTE_MS
"""The maximum time from the first event of a call to the last report, with some margin."""
_DAY_MS: Final = 24 * 60 * _MINUTE_MS
AGE_DAYS_MAX: Final = 398
"""How far back a history may begin: events older than 400 days are refused, some are a day late."""


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """What to simulate.

    `rate` is in events per second, 0 means as fast as possible; `calls` 0 is endless; shares are in
    hundredths of a percent; `start_ms` None chooses a start; `past_days` above 0 spreads the calls
    over that many past days.
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


def plan_for(request: SimulationRequest, now_ms: int) -> SimulationPlan:
    """Return the plan for a request; with its own start, it has no event after `now_ms`.

    An endless plan starts now and is sent in real time. With a number of calls and a rate, events
    are sent faster than they happen, so the plan starts a little earlier; without a rate it fills
    the last 24 hours. A history ends now, or `past_days` after its start, and the rate only affects
    sending. Raises ValueError, with a sentence for users, if a history is in the future or begins
    too early.
    """
    if request.past_days:
        return _past_plan(request, now_ms)
    spacing_us = 1_000_000 // request.rate if request.rate else 0
    earlier_ms = request.shuffle_minutes * _MINUTE_MS
    latest_ms = None
    if request.calls and request.rate:
        earlier_ms += _LONGEST_CALL_MS
    elif request.calls:
        earlier_ms += _DAY_MS
        spacing_us = _even_spacing_us(request, _DAY_MS)
    start_ms = now_ms - earlier_ms if request.start_ms is None else request.start_ms
    if request.calls and not request.rate:
        latest_ms = start_ms + _DAY_MS - _LONGEST_CALL_MS
    return SimulationPlan(
        request.seed, request.users, request.calls, start_ms, max(1, spacing_us), latest_ms
    )


def _past_plan(request: SimulationRequest, now_ms: int) -> SimulationPlan:
    length_ms = request.past_days * _DAY_MS
    start_ms = now_ms - length_ms if request.start_ms is None else request.start_ms
    if start_ms + length_ms > now_ms:
        raise ValueError(
            f"{request.past_days} days after --start are not over yet: use an earlier --start."
        )
    if start_ms < now_ms - AGE_DAYS_MAX * _DAY_MS:
        raise ValueError(
            f"--start is more than {AGE_DAYS_MAX} days ago, and older events are refused: "
            "use a later --start."
        )
    spacing_us = 1_000_000 // request.rate if request.rate else _even_spacing_us(request, length_ms)
    latest_ms = start_ms + length_ms - _LONGEST_CALL_MS
    return SimulationPlan(
        request.seed, request.users, request.calls, start_ms, spacing_us, latest_ms
    )


def _even_spacing_us(request: SimulationRequest, length_ms: int) -> int:
    """Return the distance of events if the calls fill a time span."""
    return max(1, (length_ms - _LONGEST_CALL_MS) * 1_000 // (request.calls * EVENTS_A_CALL))


def scheduled_records(
    request: SimulationRequest, plan: SimulationPlan
) -> Iterator[ScheduledRecord]:
    """Yield all records of a request, disturbances included."""
    stream = past_records(plan) if request.past_days else timeline(plan)
    if request.odd_calls:
        stream = make_calls_anomalous(stream, request.odd_calls, request.seed)
    if request.repeats:
        stream = add_repeats(stream, request.repeats, request.seed)
    if request.malformed:
        stream = add_malformed(stream, request.malformed, request.seed)
    if request.shuffle_minutes:
        stream = shuffle(stream, request.shuffle_minutes * _MINUTE_MS * 1_000, request.seed)
    return stream
