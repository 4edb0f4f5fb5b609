"""Changes of users' spend by quarter of an hour, from which budgets are summed.

Each change counts at the time of its event, the infrastructure share at the call's first event, the
roundings of legs and the default charge at its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.calls.call import Call
from ledger.calls.periods import QUARTER_MINUTES, quarter_of
from ledger.calls.rating import RatedCost

SpendKey = tuple[str, datetime]
"""A row of `user_spend`: user and the start of a quarter of an hour in UTC."""

_QUARTER: Final = timedelta(minutes=QUARTER_MINUTES)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SpendChanges:
    """The sum of the changes of one batch: nano-dollars of cost, charges and refunds."""

    def __init__(self) -> None:
        self.sums: dict[SpendKey, list[int]] = {}
        self._quarter = self._until = _LONG_AGO

    def cost(self, user_id: str, at: datetime, nano: int) -> None:
        """Add `nano`, which may be negative, to the cost of a user's calls."""
        self._sums(user_id, at)[0] += nano

    def add_costs(self, user_id: str, costs: Iterable[RatedCost]) -> None:
        """Add recorded costs to the cost of a user's calls."""
        quarter = until = _LONG_AGO
        sums = [0, 0, 0]
        for cost in costs:
            if not quarter <= cost.time < until:
                sums = self._sums(user_id, cost.time)
                quarter, until = self._quarter, self._until
            sums[0] += cost.cost_nano

    def charge(self, user_id: str, at: datetime, nano: int) -> None:
        self._sums(user_id, at)[1] += nano

    def refund(self, user_id: str, at: datetime, nano: int) -> None:
        self._sums(user_id, at)[2] += nano

    def _sums(self, user_id: str, at: datetime) -> list[int]:
        if not self._quarter <= at < self._until:  # most events of a batch share their quarter
            self._quarter = quarter_of(at)
            self._until = self._quarter + _QUARTER
        key = (user_id, self._quarter)
        sums = self.sums.get(key)
        if sums is None:
            sums = self.sums[key] = [0, 0, 0]
        return sums

    def resettle(self, before: Call | None, call: Call) -> None:
        """Subtract what was settled for a call before, and add what is settled now."""
        if before is not None and before.user_id is not None:
            self._settled(before, -1)
        self._settled(call, 1)

    def _settled(self, call: Call, sign: int) -> None:
        user_id = call.user_id or ""
        if call.first_at is not None and call.infrastructure:
            self.cost(user_id, call.first_at, sign * sum(call.infrastructure.values()))
        if call.ended_at is not None and call.roundings:
            roundings = sum(rounding.nano for rounding in call.roundings)
            self.cost(user_id, call.ended_at, sign * roundings)
        if call.ended_at is not None and call.default_charge_nano:
            self.charge(user_id, call.ended_at, sign * call.default_charge_nano)
            self.cost(user_id, call.ended_at, sign * call.default_fee_nano)

    def changed(self) -> dict[SpendKey, list[int]]:
        """Return the changes that are not zero."""
        return {key: sums for key, sums in self.sums.items() if any(sums)}
