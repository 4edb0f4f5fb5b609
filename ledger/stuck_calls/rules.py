"""Which calls are stuck: the rules, and what ending one saves.

A turn of a conversation is a cost of inference. A call is silent if it had no turn for the limit
`silent` and kept costing: it had a cost in the last half of that time. A call without a cost of
inference or speech synthesis, such as a plain phone call, has no turns and is never silent. If it
has a cost of speech synthesis only, its beginning counts as a turn.

A call is abandoned if no event of it arrived for the limit `lifetime`.

Times are compared with `until`, the time until which the stream is counted, so that a backlog makes
no call silent. A turn counts from its arrival if that is later, so that a slow clock of an emitter
or a late event makes no call silent either.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from schemas.money import half_even

_MILLISECOND: Final = timedelta(milliseconds=1)
_MINUTE_MS: Final = 60_000


class CallLimits(NamedTuple):
    """How long a call may cost without a turn, and have no event; zero switches a rule off."""

    silent: timedelta = timedelta(seconds=120)
    lifetime: timedelta = timedelta(hours=4)


class CallActivity(NamedTuple):
    """The facts of an active call; money is nano-dollars.

    `turn_at` is the time of its last turn and `turn_seen_at` the later of it and its arrival, both
    None for a call without turns. `cost_at` is the time of its last cost. `turn_nano` is what it
    cost since its last turn, without the costs at its time.
    """

    call_id: str
    user_id: str
    version: int
    begun_at: datetime
    updated_at: datetime
    last_at: datetime
    turn_at: datetime | None
    turn_seen_at: datetime | None
    cost_at: datetime | None
    turn_nano: int
    total_nano: int


class Silence(NamedTuple):
    """A time without a turn in which a call cost `nano` nano-dollars.

    `lasts` is from the last turn to the last cost, `remaining` until the call has been open for its
    lifetime.
    """

    turn_at: datetime
    lasts: timedelta
    nano: int
    remaining: timedelta

    def minute_nano(self) -> int:
        """Return the cost per minute, rounded half-even."""
        return half_even(self.nano * _MINUTE_MS, self.lasts // _MILLISECOND)

    def savings_nano(self) -> int:
        """Return what ending the call now saves until its lifetime, at the same unrounded rate."""
        return half_even(self.nano * (self.remaining // _MILLISECOND), self.lasts // _MILLISECOND)


def find_silence(call: CallActivity, limits: CallLimits, until: datetime) -> Silence | None:
    """Return the silence of a silent call; None for any other call."""
    if not limits.silent or call.turn_at is None or call.turn_seen_at is None:
        return None
    if call.cost_at is None or until - call.turn_seen_at < limits.silent:
        return None
    if until - call.cost_at > limits.silent / 2:
        return None
    remaining = max(timedelta(), call.begun_at + limits.lifetime - until)
    return Silence(call.turn_at, call.cost_at - call.turn_at, call.turn_nano, remaining)


def next_check(call: CallActivity, limits: CallLimits, until: datetime) -> datetime | None:
    """Return when a call may become silent without another event; None if it cannot."""
    if call.turn_seen_at is None:
        return None
    due_at = call.turn_seen_at + limits.silent
    return due_at if due_at > until else None


def is_abandoned(call: CallActivity, limits: CallLimits, until: datetime) -> bool:
    """Return whether no event of a call arrived for its lifetime."""
    return bool(limits.lifetime) and until - max(call.updated_at, call.last_at) >= limits.lifetime
