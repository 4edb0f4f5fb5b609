"""Decides whether a call may start, from the spend, the holds of other calls and the limits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ledger.budgets.global_use import CallUse, GlobalUse, exceeds_global
from ledger.budgets.limits import Limit
from ledger.credits.prepaid import PrepaidUse

USUAL_COST_NANO_PER_MINUTE: Final = 100_000_000
"""The assumed cost per minute for a user without past calls: ten cents."""

HOLD: Final = timedelta(hours=1)
HOLD_MARGIN: Final = timedelta(minutes=15)
HOLD_LONGEST: Final = timedelta(hours=24)


class LimitUsage(NamedTuple):
    """A limit with its spend and the holds of other calls; nano-dollars."""

    limit: Limit
    spend_nano: int
    held_nano: int

    @property
    def remaining_nano(self) -> int:
        """What a new call may spend, never below zero."""
        return max(0, self.limit.nano - self.spend_nano - self.held_nano)


class AuthorizationDecision(NamedTuple):
    """Whether a call may start: `denied_by` is the first limit that denies it.

    `lacks_balance` means that the prepaid balance denies it, `exceeds_global` that a global limit
    denies it; the figures of global limits are not disclosed.
    """

    denied_by: Limit | None
    remaining_nano: int | None
    lacks_balance: bool = False
    exceeds_global: bool = False

    @property
    def is_allowed(self) -> bool:
        """Whether the call may start."""
        return self.denied_by is None and not self.lacks_balance and not self.exceeds_global


def decide_authorization(
    usages: Iterable[LimitUsage], call_limits: Iterable[Limit], spend: int, cost: int
) -> AuthorizationDecision:
    """Decide a call expected to add `spend` to each budget and to cost `cost`.

    `remaining_nano` is the lowest of all budgets, None if there is no limit.
    """
    found = list(usages)
    remaining = min((usage.remaining_nano for usage in found), default=None)
    for usage in found:
        if spend > usage.limit.nano - usage.spend_nano - usage.held_nano:
            return AuthorizationDecision(usage.limit, usage.remaining_nano)
    for limit in call_limits:
        if cost > limit.nano:
            return AuthorizationDecision(limit, limit.nano)
    return AuthorizationDecision(None, remaining)


def decide_prepaid(
    decision: AuthorizationDecision, prepaid: PrepaidUse | None, charge_nano: int
) -> AuthorizationDecision:
    """Add the prepaid balance, if there is one, to a decision; it must cover the expected charge.

    A repeated request gets a new decision, independent of what is held for the call.
    """
    if prepaid is None or not decision.is_allowed:
        return decision
    left = max(0, prepaid.left_nano)
    if prepaid._replace(held_nano=0).refuses(charge_nano):
        return AuthorizationDecision(None, left, lacks_balance=True)
    remaining = decision.remaining_nano
    return AuthorizationDecision(None, left if remaining is None else min(left, remaining))


def decide_global(
    decision: AuthorizationDecision, uses: Iterable[GlobalUse], call: CallUse
) -> AuthorizationDecision:
    """Add the global limits to a decision."""
    if decision.is_allowed and exceeds_global(uses, call):
        return AuthorizationDecision(None, None, exceeds_global=True)
    return decision


def hold_until(now: datetime, expected_ms: int | None) -> datetime:
    """Return when a hold expires: in an hour, or in twice the expected duration and a margin."""
    if expected_ms is None:
        return now + HOLD
    return now + min(HOLD_LONGEST, timedelta(milliseconds=2 * expected_ms) + HOLD_MARGIN)


def expected_cost(duration_ms: int, past_cost_nano: int, past_duration_ms: int) -> int:
    """Return the expected cost of a call in nano-dollars, from the user's past calls."""
    if past_duration_ms <= 0 or past_cost_nano <= 0:
        return USUAL_COST_NANO_PER_MINUTE * duration_ms // 60_000
    return past_cost_nano * duration_ms // past_duration_ms
