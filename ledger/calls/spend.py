"""Changes of users' spend by quarter of an hour, from which budgets are summed.

Each change counts at the time of its event, the infrastructure share at the call's first event, the
roundings of legs and the default charge at its end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from ledger.calls.call import Call
from ledger.calls.periods import QUARTER_MINUTES, quarter_of
from ledger.calls.rating import RatedCost
from schemas.alerts import SpendBasis

SpendKey = tuple[str, datetime]
"""A row of `user_spend`: user and the start of a quarter of an hour in UTC."""

_QUARTER: Final = timedelta(minutes=QUARTER_MINUTES)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

COST, CHARGED, REFUNDED = 0, 1, 2
"""The kinds of spend, and their indexes in sums."""


class SpendPosting(NamedTuple):
    """What a call adds to its user's spend at a time: COST, CHARGED or REFUNDED nano-dollars.

    `is_settled` distinguishes decisions of the ledger from events.
    """

    call_id: str
    at: datetime
    kind: int
    nano: int
    is_settled: bool


class SpendChanges:
    """The sum of the changes of one batch: nano-dollars of cost, charges and refunds."""

    def __init__(self) -> None:
        self.sums: dict[SpendKey, list[int]] = {}
        self._costs: dict[str, Sequence[RatedCost]] = {}
        self._others: list[SpendPosting] = []
        self._quarter = self._until = _LONG_AGO

    def cost(self, call: Call, at: datetime, nano: int, *, is_settled: bool = False) -> None:
        """Add `nano`, which may be negative, to the cost of a call."""
        self._sums(call.user_id or "", at)[COST] += nano
        self._others.append(SpendPosting(call.call_id, at, COST, nano, is_settled))

    def add_costs(self, call: Call, costs: Sequence[RatedCost]) -> None:
        """Add recorded costs to the cost of a call; once for each call."""
        user_id = call.user_id or ""
        self._costs[call.call_id] = costs
        quarter = until = _LONG_AGO
        sums = [0, 0, 0]
        for cost in costs:
            if not quarter <= cost.time < until:
                sums = self._sums(user_id, cost.time)
                quarter, until = self._quarter, self._until
            sums[COST] += cost.cost_nano

    def charge(self, call: Call, at: datetime, nano: int, *, is_settled: bool = False) -> None:
        self._sums(call.user_id or "", at)[CHARGED] += nano
        self._others.append(SpendPosting(call.call_id, at, CHARGED, nano, is_settled))

    def refund(self, call: Call, at: datetime, nano: int) -> None:
        self._sums(call.user_id or "", at)[REFUNDED] += nano
        self._others.append(SpendPosting(call.call_id, at, REFUNDED, nano, False))

    def postings_of(self, call_ids: Collection[str]) -> Iterator[SpendPosting]:
        """Yield the changes one by one, of these calls only."""
        for call_id in call_ids:
            for cost in self._costs.get(call_id, ()):
                yield SpendPosting(call_id, cost.time, COST, cost.cost_nano, False)
        for posting in self._others:
            if posting.call_id in call_ids:
                yield posting

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
            self._add_settled(before, -1)
        self._add_settled(call, 1)

    def _add_settled(self, call: Call, sign: int) -> None:
        for posting in settled_postings(call):
            add = self.cost if posting.kind == COST else self.charge
            add(call, posting.at, sign * posting.nano, is_settled=True)

    def changed(self) -> dict[SpendKey, list[int]]:
        """Return the changes that are not zero."""
        return {key: sums for key, sums in self.sums.items() if any(sums)}


def spend_of(sums: Sequence[int], basis: SpendBasis) -> int:
    """Return what sums of cost, charges and refunds add to the spend of a budget."""
    cost, charged, refunded = sums
    return cost if basis == "cost" else charged - refunded


def settled_postings(call: Call) -> Iterator[SpendPosting]:
    """Yield what the ledger decided about a call."""
    if call.first_at is not None and call.infrastructure:
        nano = sum(call.infrastructure.values())
        yield SpendPosting(call.call_id, call.first_at, COST, nano, True)
    if call.ended_at is not None and call.roundings:
        nano = sum(rounding.nano for rounding in call.roundings)
        yield SpendPosting(call.call_id, call.ended_at, COST, nano, True)
    if call.ended_at is not None and call.default_charge_nano:
        charge, fee = call.default_charge_nano, call.default_fee_nano
        yield SpendPosting(call.call_id, call.ended_at, CHARGED, charge, True)
        yield SpendPosting(call.call_id, call.ended_at, COST, fee, True)
