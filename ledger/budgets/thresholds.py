"""Decides which thresholds of a budget are reached: exact, in integers and decimals.

A threshold is reached at spend >= threshold % x limit. While a period is open, only this rule
decides, so a limit lowered below the spend is reached immediately. A closed period only reports
thresholds that a late event crossed. A unique key, not this module, makes each alert exist once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from ledger.budgets.limits import Limit
from ledger.calls.call import Call, total_nano
from ledger.calls.periods import CalendarPeriod

CALL_CLOSES_AFTER: Final = timedelta(days=1)
"""How long after its end a call's costs still raise alerts; after its start if it has no end."""


class BudgetPosition(NamedTuple):
    """The spend of a limit before and after a change.

    `period` is the label of a day, week or month, or a call's id; `call` is set for a call's own
    cost. `call_ids` are the calls of a batch that a persona or a tag contains, None for all.
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
    call_ids: frozenset[str] | None = None


def period_position(
    user_id: str,
    limit: Limit,
    period: CalendarPeriod,
    *,
    moved_nano: int,
    after_nano: int,
    now: datetime,
) -> BudgetPosition:
    """Return the position of a calendar period; `moved_nano` is the change of its spend."""
    before, closed = after_nano - moved_nano, period.end <= now
    return BudgetPosition(
        user_id, limit, period.label, period.start, period.end, before, after_nano, closed
    )


def call_position(limit: Limit, before: Call | None, call: Call, now: datetime) -> BudgetPosition:
    """Return the position of a call's cost; `before` is the call as last committed."""
    before_nano = total_nano(before.costs) if before else 0
    start, end = call.first_at or now, call.ended_at if call.status != "active" else None
    # Measured from the announced start, not the first event, whose clock may be days behind.
    closed = (end or call.started_at or start) + CALL_CLOSES_AFTER <= now
    return BudgetPosition(
        call.user_id or "",
        limit,
        call.call_id,
        start,
        end,
        before_nano,
        total_nano(call.costs),
        closed,
        call,
    )


def reached_thresholds(position: BudgetPosition, thresholds: Sequence[Decimal]) -> list[Decimal]:
    """Return the thresholds that are due for an alert, lowest first."""
    return [
        percent
        for percent in thresholds
        if is_reached(position.after_nano, percent, position.limit.nano)
        and not (position.closed and is_reached(position.before_nano, percent, position.limit.nano))
    ]


def is_reached(spend_nano: int, percent: Decimal, limit_nano: int) -> bool:
    """Return whether a spend is at or above a percentage of its limit, exactly."""
    numerator, denominator = percent.as_integer_ratio()
    return spend_nano * 100 * denominator >= numerator * limit_nano
