"""Previews how late prices would change the roundings of legs, call by call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.calls.call import Call
from ledger.calls.legs import LegPiece, leg_key, round_legs, seconds_of
from ledger.calls.roundings import Rounding
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.prices.catalogue import Catalogue
from ledger.prices.increments import NO_INCREMENTS, UNIT_SECONDS
from ledger.prices.tariff import Rate
from ledger.recording.batch_rows import read_calls, read_calls_without_details
from ledger.recording.stored_legs import piece_of
from ledger.repricing.recorded_costs import DueCost, priced_usages

_SQL: Final = statements("repricing/repricing")


class RoundingChange(NamedTuple):
    """The roundings of a call's legs of one service, as settled and as they would be."""

    user_id: str
    call_id: str
    service: str
    time: datetime
    before_nano: int
    after_nano: int

    @property
    def difference_nano(self) -> int:
        return self.after_nano - self.before_nano


class RoundingPreview:
    """Collects the corrected costs of one call after another."""

    def __init__(self, connection: Connection, catalogue: Catalogue) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._call_id: str | None = None
        self._user_id = ""
        self._corrected: dict[str, list[LegPiece]] = {}
        self._has_increments = False

    async def next_call(self, call_id: str | None) -> list[RoundingChange]:
        """Return the changes of the call before `call_id`, None at the end."""
        if call_id == self._call_id:
            return []
        changes = await self._changes()
        self._call_id, self._corrected, self._has_increments = call_id, {}, False
        return changes

    def add(self, cost: DueCost, rates: Sequence[Rate]) -> None:
        """Add a cost of the call that would be corrected to these rates."""
        self._user_id = cost.user_id
        self._has_increments |= any(rate.increments != NO_INCREMENTS for rate in rates)
        self._corrected[cost.identity] = [
            LegPiece(
                cost.identity,
                leg_key(cost.service, cost.operation, cost.model, cost.leg_id, usage.unit),
                cost.time,
                seconds_of(usage.quantity, usage.unit),
                rate.cost_nano(usage.quantity),
                self._catalogue.leg_price(rate.price_id),
            )
            for usage, rate in zip(priced_usages(cost), rates, strict=True)
            if usage.unit in UNIT_SECONDS
        ]

    async def _changes(self) -> list[RoundingChange]:
        if self._call_id is None or not any(self._corrected.values()):
            return []
        call = (await read_calls(self._connection, [self._call_id]))[self._call_id]
        if call.ended_at is None or (call.roundings is None and not self._has_increments):
            return []
        if await read_calls_without_details(self._connection, [self._call_id]):
            return []
        rows = await self._connection.fetch(*_SQL.bind("leg_pieces", call_id=self._call_id))
        kept = [piece_of(row) for row in rows if row["identity"] not in self._corrected]
        corrected = [piece for pieces in self._corrected.values() for piece in pieces]
        return list(self._differences(call, call.ended_at, round_legs([*kept, *corrected])))

    def _differences(
        self, call: Call, ended_at: datetime, after: Iterable[Rounding]
    ) -> Iterable[RoundingChange]:
        before_nano, after_nano = _by_service(call.roundings or ()), _by_service(after)
        for service in sorted(before_nano.keys() | after_nano.keys()):
            yield RoundingChange(
                self._user_id,
                call.call_id,
                service,
                ended_at,
                before_nano.get(service, 0),
                after_nano.get(service, 0),
            )


def _by_service(roundings: Iterable[Rounding]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for rounding in roundings:
        sums[rounding.service] = sums.get(rounding.service, 0) + rounding.nano
    return sums
