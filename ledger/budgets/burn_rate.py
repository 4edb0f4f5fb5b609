"""The burn rate of a user's active calls, and when they will reach a threshold.

By cost, a call burns its cost so far over its duration so far. By charge, it burns its expected
charge over its expected duration, because a call is charged once, at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Final, NamedTuple

from ledger.budgets.thresholds import is_reached
from ledger.calls.charging import ExpectedCall, expected_charge_nano
from ledger.charge_plans.plans import CallKind, ChargePlans
from schemas.alerts import SpendBasis

USUAL_CALL_SECONDS: Final = 300
"""The assumed duration of a call that announced none."""

LONGEST_CALL_SECONDS: Final = 4 * 3600
"""A call that is active for longer is not counted: its end was never reported."""

_PER_HOUR: Final = 3600


class ChargeableCall(NamedTuple):
    """An active call: its start, its cost so far, and what its charge depends on."""

    first_at: datetime
    cost_nano: int
    expected_ms: int | None
    persona_id: str | None = None
    tags: Mapping[str, str] = {}


ExpectedCharge = Callable[[ChargeableCall, int], int]
"""Returns the charge of a call with a duration in milliseconds, in nano-dollars."""


def expected_charges(
    user_id: str, plans: ChargePlans, default_nano: int, now: datetime
) -> ExpectedCharge:
    """Return what a user's calls that end now are charged; `default_nano` without a plan."""

    def charge_nano(call: ChargeableCall, duration_ms: int) -> int:
        kind = CallKind(user_id, call.persona_id, call.tags)
        expected = ExpectedCall(kind, duration_ms, call.cost_nano)
        return expected_charge_nano(plans, expected, now, default_nano)

    return charge_nano


def burn_rate(
    calls: Iterable[ChargeableCall], basis: SpendBasis, charge_nano: ExpectedCharge, now: datetime
) -> int:
    """Return the burn rate of calls, in nano-dollars an hour."""
    rate = 0
    for call in calls:
        elapsed = max(1, (now - call.first_at) // timedelta(seconds=1))
        if elapsed > LONGEST_CALL_SECONDS:
            continue
        if basis == "cost":
            rate += call.cost_nano * _PER_HOUR // elapsed
        else:
            expected_ms = call.expected_ms or USUAL_CALL_SECONDS * 1000
            duration_ms = max(expected_ms, elapsed * 1000)
            rate += charge_nano(call, duration_ms) * _PER_HOUR * 1000 // duration_ms
    return rate


def seconds_to_threshold(
    limit_nano: int | None,
    spend_nano: int,
    thresholds: Sequence[Decimal],
    rate_per_hour: int,
    within_seconds: int,
) -> int | None:
    """Return the seconds until the next threshold at this rate; None if it is not expected.

    A threshold is not expected after `within_seconds`, or if it was reached already.
    """
    if limit_nano is None:
        return None
    ahead = [each for each in thresholds if not is_reached(spend_nano, each, limit_nano)]
    if not ahead or rate_per_hour <= 0:
        return None
    missing = Fraction(ahead[0]) * limit_nano / 100 - spend_nano
    seconds = ceil(missing * _PER_HOUR / rate_per_hour)
    return seconds if seconds <= within_seconds else None
