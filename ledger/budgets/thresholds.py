"""Decides which thresholds of a budget have been reached: pure, exact, in integers and decimals.

A threshold is reached at spend >= threshold % x limit. While a period is open that is all that
counts, so a limit lowered below the spend is reached at once. A closed period only reports what a
late event pushed it over. That each alert exists once is not decided here but by a unique key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from ledger.budgets.limits import Limit
from ledger.calls.call import Call
from ledger.calls.periods import Period

CALL_CLOSES_AFTER: Final = timedelta(days=1)
"""How long after its end the costs of a call are still news; after its start if none was told."""


class BudgetPosition(NamedTuple):
    """Where a spend stands against a limit after a change, and where it stood before.

    `period` is the label of a day or month or a call's id; `call` is set for a call's own cost.
    """

    user_id: str
    limit: Limit
    period: str
    start: datetime
    end: datetime | None
    before_nano: int
    after_nano: int
    closed: bool
    call: Call | None = None


def period_position(
    user_id: str, limit: Limit, period: Period, *, moved_nano: int, after_nano: int, now: datetime
) -> BudgetPosition:
    """Return where the spend of a calendar period stands, of which `moved_nano` is new."""
    before, closed = after_nano - moved_nano, period.end <= now
    return BudgetPosition(
        user_id, limit, period.label, period.start, period.end, before, after_nano, closed
    )


def call_position(limit: Limit, before: Call | None, call: Call, now: datetime) -> BudgetPosition:
    """Return where the cost of a call stands; `before` is the call as last committed."""
    before_nano = total_nano(before) if before else 0
    start, end = call.first_at or now, call.ended_at if call.status != "active" else None
    # Not after its first event, as long as it was announced: one clock may be days behind.
    closed = (end or call.started_at or start) + CALL_CLOSES_AFTER <= now
    return BudgetPosition(
        call.user_id or "",
        limit,
        call.call_id,
        start,
        end,
        before_nano,
        total_nano(call),
        closed,
        call,
    )


def total_nano(call: Call) -> int:
    """Return what a call costs in all."""
    return sum(nano for services in call.costs.values() for nano in services.values())


def reached(stand: BudgetPosition, thresholds: Sequence[Decimal]) -> list[Decimal]:
    """Return the thresholds that call for an alert, lowest first."""
    return [
        percent
        for percent in thresholds
        if is_reached(stand.after_nano, percent, stand.limit.nano)
        and not (stand.closed and is_reached(stand.before_nano, percent, stand.limit.nano))
    ]


def is_reached(spend_nano: int, percent: Decimal, limit_nano: int) -> bool:
    """Return whether a spend is at a share of its limit or above, whatever digits these have."""
    numerator, denominator = percent.as_integer_ratio()
    return spend_nano * 100 * denominator >= numerator * limit_nano
