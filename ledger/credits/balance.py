"""A user's prepaid balance: a pure function of the grants and of the sums that were drawn.

The set of valid grants changes only when a grant begins or ends. Between two such times only the
sum of the draws matters. So the balance is the same for each order of arrival.

A draw takes from the valid grants in the order of `CreditGrant.order`. What no grant covers is a
debt, which the next grant pays when it begins. When a grant ends, the rest of it expires.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from ledger.calls.periods import QUARTER_MINUTES, quarter_of

NEVER: Final = datetime.max.replace(tzinfo=UTC)
_QUARTER: Final = timedelta(minutes=QUARTER_MINUTES)
_FAR_SECONDS: Final = 100 * 365 * 86_400
"""An end that is further away is not reported."""


class CreditGrant(NamedTuple):
    """A grant that was not voided, valid from `starts_at` to before `ends_at`."""

    grant_id: str
    amount_nano: int
    starts_at: datetime
    ends_at: datetime = NEVER
    priority: int = 0
    granted_at: datetime = NEVER

    @property
    def order(self) -> tuple[int, datetime, datetime, str]:
        """The order of draws: by priority, then by the end, then by the time of the grant."""
        return self.priority, self.ends_at, self.granted_at, self.grant_id


class Balance(NamedTuple):
    """The rest of each valid grant in the order of draws, what expired of others, and the debt."""

    remaining: dict[str, int]
    expired: dict[str, int]
    debt_nano: int

    @property
    def nano(self) -> int:
        """The balance, which is negative if there is a debt."""
        return sum(self.remaining.values()) - self.debt_nano


def validity(granted_at: datetime, expires_at: datetime | None) -> tuple[datetime, datetime]:
    """Return the start and the end of a grant, rounded outwards to quarters of an hour."""
    if expires_at is None:
        return quarter_of(granted_at), NEVER
    ends_at = quarter_of(expires_at)
    return quarter_of(granted_at), ends_at if ends_at == expires_at else ends_at + _QUARTER


def turning_points(grants: Sequence[CreditGrant], now: datetime) -> list[datetime]:
    """Return the times until `now` at which a grant begins or ends."""
    times = {time for grant in grants for time in (grant.starts_at, grant.ends_at)}
    return sorted(time for time in times if time <= now)


def balance_of(
    grants: Sequence[CreditGrant], points: Sequence[datetime], drawn: Sequence[int]
) -> Balance:
    """Return the balance after the last of the turning points.

    `drawn` is the sum that was drawn between each turning point and the next one, in nano-dollars,
    and after the last one.
    """
    drawing = _Drawing(grants)
    for point, nano in zip(points, drawn, strict=True):
        drawing.pass_time(point)
        drawing.draw(nano)
    return drawing.balance()


def balance_ends_at(
    grants: Sequence[CreditGrant], balance: Balance, nano_per_hour: int, now: datetime
) -> datetime | None:
    """Return when a steady draw, and the ends of grants, use the balance up; None if never."""
    valid = [grant for grant in grants if grant.grant_id in balance.remaining]
    drawing = _Drawing(valid)
    drawing.remaining, drawing.debt_nano = dict(balance.remaining), balance.debt_nano
    at = now
    for ends_at in sorted({grant.ends_at for grant in valid}):
        left_nano = drawing.balance().nano
        if left_nano <= 0:
            return at
        seconds = None if ends_at == NEVER else (ends_at - at) // timedelta(seconds=1)
        if nano_per_hour and (seconds is None or left_nano * 3600 <= nano_per_hour * seconds):
            needed = min(left_nano * 3600 // nano_per_hour, _FAR_SECONDS)
            return None if needed == _FAR_SECONDS else at + timedelta(seconds=needed)
        if seconds is None:
            return None
        drawing.draw(nano_per_hour * seconds // 3600)
        drawing.pass_time(ends_at)
        at = ends_at
    return at


class _Drawing:
    """The state of the grants while time passes."""

    def __init__(self, grants: Sequence[CreditGrant]) -> None:
        self._grants = sorted(grants, key=lambda grant: grant.order)
        self.remaining: dict[str, int] = {}
        self.expired: dict[str, int] = {}
        self.debt_nano = 0

    def pass_time(self, point: datetime) -> None:
        """End and begin grants; the new ones pay the debt."""
        for grant in self._grants:
            if grant.ends_at == point:
                self.expired[grant.grant_id] = self.remaining.pop(grant.grant_id)
        for grant in self._grants:
            if grant.starts_at == point:
                self.remaining[grant.grant_id] = grant.amount_nano
        debt_nano, self.debt_nano = self.debt_nano, 0
        self.draw(debt_nano)

    def draw(self, nano: int) -> None:
        """Draw from the valid grants; the rest becomes a debt."""
        for grant in self._grants:
            left_nano = self.remaining.get(grant.grant_id, 0)
            taken = min(nano, left_nano)
            if taken:
                self.remaining[grant.grant_id] = left_nano - taken
                nano -= taken
        self.debt_nano += nano

    def balance(self) -> Balance:
        remaining = {
            grant.grant_id: self.remaining[grant.grant_id]
            for grant in self._grants
            if grant.grant_id in self.remaining
        }
        return Balance(remaining, dict(self.expired), self.debt_nano)
