"""Decides which thresholds of a budget have been reached: pure, exact, in integers and decimals.

A threshold is reached at spend >= threshold % x limit. While a period is open that is all that
counts, so a limit lowered below the spend is reached at once. A closed period only reports what a
late event pushed it over. That each alert exists once is not decided here but by a unique key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import Struct

from ledger.calls import Call
from ledger.periods import Period
from schemas.alerts import AlertType

FULL: Final = Decimal(100)
"""The threshold that every limit has: all of it."""

CALL_CLOSES_AFTER: Final = timedelta(days=1)
"""How long after its end the costs of a call are still news."""


class Limit(NamedTuple):
    """A limit in nano-dollars; `version` rises with each change of it."""

    type: AlertType
    nano: int
    version: int


class Limits(Struct, frozen=True, kw_only=True):
    """What a user set. Limits are nano-dollars, None for no limit; thresholds are percentages."""

    user_id: str
    daily_nano: int | None = None
    monthly_nano: int | None = None
    call_nano: int | None = None
    daily_version: int = 0
    monthly_version: int = 0
    call_version: int = 0
    thresholds: tuple[Decimal, ...] = (FULL,)
    timezone: str = "UTC"
    auto_cutoff: bool = True

    def periodic(self) -> list[Limit]:
        """Return the limits of calendar periods."""
        daily = _limit("daily", self.daily_nano, self.daily_version)
        return daily + _limit("monthly", self.monthly_nano, self.monthly_version)

    def of_calls(self) -> list[Limit]:
        """Return the limit of a single call, if there is one."""
        return _limit("call", self.call_nano, self.call_version)


def _limit(kind: AlertType, nano: int | None, version: int) -> list[Limit]:
    return [] if nano is None else [Limit(kind, nano, version)]


def thresholds_of(warning: Decimal, further: Iterable[Decimal]) -> tuple[Decimal, ...]:
    """Return all percentages that count for a user, in order; all of the limit is always one."""
    return tuple(sorted({warning, FULL, *further}))


class Stand(NamedTuple):
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


def period_stand(
    user_id: str, limit: Limit, period: Period, *, moved_nano: int, after_nano: int, now: datetime
) -> Stand:
    """Return where the spend of a calendar period stands, of which `moved_nano` is new."""
    before, closed = after_nano - moved_nano, period.end <= now
    return Stand(user_id, limit, period.label, period.start, period.end, before, after_nano, closed)


def call_stand(limit: Limit, before: Call | None, call: Call, now: datetime) -> Stand:
    """Return where the cost of a call stands; `before` is the call as last committed."""
    before_nano = total_nano(before) if before else 0
    start, end = call.first_at or now, call.ended_at if call.status != "active" else None
    closed = (end or start) + CALL_CLOSES_AFTER <= now
    return Stand(
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


def reached(stand: Stand, thresholds: Sequence[Decimal]) -> list[Decimal]:
    """Return the thresholds that call for an alert, lowest first."""
    return [
        percent
        for percent in thresholds
        if _at(stand.after_nano, percent, stand.limit.nano)
        and not (stand.closed and _at(stand.before_nano, percent, stand.limit.nano))
    ]


def _at(spend_nano: int, percent: Decimal, limit_nano: int) -> bool:
    """Say whether a spend is at a share of its limit or above."""
    return spend_nano * 100 >= percent * limit_nano
