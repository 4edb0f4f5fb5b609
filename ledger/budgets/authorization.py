"""May this call start? Decided from what is spent, what is held for other calls, and the limits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ledger.budgets.limits import Limit
from schemas.alerts import AlertType

USUAL_COST_NANO_PER_MINUTE: Final = 100_000_000
"""What a minute of a call costs a user of whom nothing is known: ten cents."""

HOLD: Final = timedelta(hours=1)
HOLD_MARGIN: Final = timedelta(minutes=15)
HOLD_LONGEST: Final = timedelta(hours=24)


class LimitUsage(NamedTuple):
    """A limit, what is spent of it, and what other calls hold of it; nano-dollars."""

    limit: Limit
    spend_nano: int
    held_nano: int

    @property
    def remaining_nano(self) -> int:
        """What a new call may still take, never below zero."""
        return max(0, self.limit.nano - self.spend_nano - self.held_nano)


class AuthorizationDecision(NamedTuple):
    """Whether a call may start: `denied_by` is the first budget that says no."""

    denied_by: AlertType | None
    remaining_nano: int | None


def decide_authorization(
    rooms: Iterable[LimitUsage], call_limits: Iterable[Limit], spend: int, cost: int
) -> AuthorizationDecision:
    """Decide about a call expected to spend `spend` of each budget and to cost `cost` in all.

    What remains is the least of all budgets, None where there is no limit.
    """
    found = list(rooms)
    remaining = min((room.remaining_nano for room in found), default=None)
    for room in found:
        if spend > room.limit.nano - room.spend_nano - room.held_nano:
            return AuthorizationDecision(room.limit.type, room.remaining_nano)
    for limit in call_limits:
        if cost > limit.nano:
            return AuthorizationDecision(limit.type, limit.nano)
    return AuthorizationDecision(None, remaining)


def hold_until(now: datetime, expected_ms: int | None) -> datetime:
    """Return when a hold expires: an hour from now, or twice the expected duration and a margin."""
    if expected_ms is None:
        return now + HOLD
    return now + min(HOLD_LONGEST, timedelta(milliseconds=2 * expected_ms) + HOLD_MARGIN)


def expected_cost(duration_ms: int, past_cost_nano: int, past_duration_ms: int) -> int:
    """Return what a call of this length should cost, in nano-dollars, by the user's own past."""
    if past_duration_ms <= 0 or past_cost_nano <= 0:
        return USUAL_COST_NANO_PER_MINUTE * duration_ms // 60_000
    return past_cost_nano * duration_ms // past_duration_ms
