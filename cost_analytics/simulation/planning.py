"""From what a person asks for to a plan, and from a plan to everything that is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cost_analytics.simulation.call import EVENTS_A_CALL
from cost_analytics.simulation.disturbances import (
    shuffled,
    with_malformed,
    with_odd_calls,
    with_repeats,
)
from cost_analytics.simulation.timeline import Plan, timeline
from cost_analytics.simulation.wire import Sending

_MINUTE_MS: Final = 60_000
_LONGEST_CALL_MS: Final = 10 * _MINUTE_MS
"""From the first event of a call to the last report of it, and some more."""
_HISTORY_MS: Final = 24 * 60 * _MINUTE_MS


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants simulated.

    `rate` is events a second, 0 as fast as possible; `calls` 0 is without end; shares are in
    hundredths of a percent; `start_ms` None lets the plan fit the present.
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


def plan_for(wish: Wish, now_ms: int) -> Plan:
    """Return the plan for a wish; it has no event after `now_ms` where it chooses its own start.

    Without end it starts now and is sent as it happens. So many calls at a rate are sent faster
    than they happen, so they start a little earlier; without a rate they fill the last 24 hours.
    """
    spacing_us = 1_000_000 // wish.rate if wish.rate else 0
    earlier_ms = wish.shuffle_minutes * _MINUTE_MS
    latest_ms = None
    if wish.calls and wish.rate:
        earlier_ms += _LONGEST_CALL_MS
    elif wish.calls:
        earlier_ms += _HISTORY_MS
        spacing_us = max(
            1, (_HISTORY_MS - _LONGEST_CALL_MS) * 1_000 // (wish.calls * EVENTS_A_CALL)
        )
    start_ms = now_ms - earlier_ms if wish.start_ms is None else wish.start_ms
    if wish.calls and not wish.rate:
        latest_ms = start_ms + _HISTORY_MS - _LONGEST_CALL_MS
    return Plan(wish.seed, wish.users, wish.calls, start_ms, max(1, spacing_us), latest_ms)


def sendings(wish: Wish, plan: Plan) -> Iterator[Sending]:
    """Yield everything that is sent for a wish, disturbances included."""
    stream = timeline(plan)
    if wish.odd_calls:
        stream = with_odd_calls(stream, wish.odd_calls, wish.seed)
    if wish.repeats:
        stream = with_repeats(stream, wish.repeats, wish.seed)
    if wish.malformed:
        stream = with_malformed(stream, wish.malformed, wish.seed)
    if wish.shuffle_minutes:
        stream = shuffled(stream, wish.shuffle_minutes * _MINUTE_MS * 1_000, wish.seed)
    return stream
