"""Previews how late prices would change what is settled for calls, call by call.

These are the roundings of legs, charges that follow costs, and the fees of these charges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.calls.call import Call
from ledger.calls.charging import charge_follows_cost
from ledger.calls.legs import LegPiece, leg_key, round_legs, seconds_of
from ledger.calls.periods import day_of
from ledger.calls.roundings import Rounding
from ledger.calls.settlement import settle
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.prices.catalogue import DEFAULT_PROCESSOR, Catalogue
from ledger.prices.increments import NO_INCREMENTS, UNIT_SECONDS
from ledger.prices.pricing import lacks_price
from ledger.prices.tariff import Rate
from ledger.recording.batch_rows import read_calls, read_calls_without_details
from ledger.recording.stored_legs import piece_of
from ledger.repricing.recorded_costs import DueCost, basis_price_ids, priced_usages

_SQL: Final = statements("repricing/repricing")


class SettledChange(NamedTuple):
    """A settled cost of a service or charge of a call, now and after correction; nano-dollars."""

    user_id: str
    call_id: str
    service: str
    time: datetime
    before_nano: int
    after_nano: int

    @property
    def difference_nano(self) -> int:
        return self.after_nano - self.before_nano


class SettlementChanges(NamedTuple):
    """The changed costs of a call, and its changed charge if there is one."""

    costs: Sequence[SettledChange] = ()
    charge: SettledChange | None = None


class _CorrectedCost(NamedTuple):
    """A cost, the rates that it would be corrected to, and whether its charge follows."""

    cost: DueCost
    rates: Sequence[Rate]
    after_nano: int
    follows: bool

    @property
    def rerated_nano(self) -> int:
        """What the correction adds to the part of the cost that charges do not follow."""
        rerated_before_nano = self.cost.cost_nano - self.cost.basis_nano
        rerated_after_nano = 0 if self.follows else self.after_nano - self.cost.basis_nano
        return rerated_after_nano - rerated_before_nano


class SettlementPreview:
    """Collects the corrected costs of one call after another."""

    def __init__(
        self, connection: Connection, catalogue: Catalogue, *, changes_charges: bool
    ) -> None:
        """With `changes_charges`, charges follow all corrections, as in `Repricer.apply`."""
        self._connection = connection
        self._catalogue = catalogue
        self._changes_charges = changes_charges
        self._call_id: str | None = None
        self._corrected: dict[str, _CorrectedCost] = {}

    async def next_call(self, call_id: str | None) -> SettlementChanges:
        """Return the changes of the call before `call_id`, None at the end."""
        if call_id == self._call_id:
            return SettlementChanges()
        changes = await self._changes()
        self._call_id, self._corrected = call_id, {}
        return changes

    def add(self, cost: DueCost, rates: Sequence[Rate], after_nano: int) -> None:
        """Add a cost of the call that would be corrected to these rates."""
        follows = self._changes_charges or lacks_price(cost.price_id)
        self._corrected[cost.identity] = _CorrectedCost(cost, rates, after_nano, follows)

    async def _changes(self) -> SettlementChanges:
        if self._call_id is None or not self._corrected:
            return SettlementChanges()
        call = (await read_calls(self._connection, [self._call_id]))[self._call_id]
        if call.ended_at is None:
            return SettlementChanges()
        roundings = await self._roundings(call)
        if not charge_follows_cost(call):
            return SettlementChanges(list(_rounding_changes(call, call.ended_at, roundings)))
        return self._settled(call, call.ended_at, roundings)

    async def _roundings(self, call: Call) -> list[Rounding] | None:
        """Return the roundings that the call would have."""
        pieces = [piece for one in self._corrected.values() for piece in self._pieces(one)]
        has_increments = any(
            rate.increments != NO_INCREMENTS
            for one in self._corrected.values()
            for rate in one.rates
        )
        if not pieces or (call.roundings is None and not has_increments):
            return call.roundings
        if await read_calls_without_details(self._connection, [call.call_id]):
            return call.roundings
        rows = await self._connection.fetch(*_SQL.bind("leg_pieces", call_id=call.call_id))
        kept = [piece_of(row) for row in rows if row["identity"] not in self._corrected]
        return round_legs([*kept, *pieces])

    def _pieces(self, corrected: _CorrectedCost) -> Iterable[LegPiece]:
        """Yield the corrected pieces of legs of a cost."""
        cost = corrected.cost
        basis_ids: Mapping[str, int] = {} if corrected.follows else basis_price_ids(cost)
        for usage, rate in zip(priced_usages(cost), corrected.rates, strict=True):
            if usage.unit in UNIT_SECONDS:
                basis_id = basis_ids.get(usage.unit)
                yield LegPiece(
                    cost.identity,
                    leg_key(cost.service, cost.operation, cost.model, cost.leg_id, usage.unit),
                    cost.time,
                    seconds_of(usage.quantity, usage.unit),
                    rate.cost_nano(usage.quantity),
                    self._catalogue.leg_price(rate.price_id),
                    None if basis_id is None else self._catalogue.leg_price(basis_id),
                )

    def _settled(
        self, call: Call, ended_at: datetime, roundings: list[Rounding] | None
    ) -> SettlementChanges:
        """Settle a call whose charge follows its costs as if they were corrected."""
        after = call.copy()
        for one in self._corrected.values():
            cost = one.cost
            after.add_cost(day_of(cost.time), cost.service, one.after_nano - cost.cost_nano)
            after.rerated_nano += one.rerated_nano
        settle(call, after, self._catalogue, roundings)
        costs = list(_rounding_changes(call, ended_at, roundings))
        if after.default_charge_nano == call.default_charge_nano:
            return SettlementChanges(costs)
        of_call = call.user_id or "", call.call_id, DEFAULT_PROCESSOR, ended_at
        fees = call.default_fee_nano, after.default_fee_nano
        charges = call.default_charge_nano, after.default_charge_nano
        costs.append(SettledChange(*of_call, *fees))
        return SettlementChanges(costs, SettledChange(*of_call, *charges))


def _rounding_changes(
    call: Call, ended_at: datetime, after: Iterable[Rounding] | None
) -> Iterable[SettledChange]:
    """Yield the changes of the roundings of a call by service."""
    before_nano, after_nano = _by_service(call.roundings or ()), _by_service(after or ())
    for service in sorted(before_nano.keys() | after_nano.keys()):
        sums = before_nano.get(service, 0), after_nano.get(service, 0)
        yield SettledChange(call.user_id or "", call.call_id, service, ended_at, *sums)


def _by_service(roundings: Iterable[Rounding]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for rounding in roundings:
        sums[rounding.service] = sums.get(rounding.service, 0) + rounding.nano
    return sums
