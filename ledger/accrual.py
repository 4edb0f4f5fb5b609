"""Folds a batch of new events into what the transaction writes: changed calls, rows, movements.

Pure: it is given the calls as last committed and touches copies of them. The outcome for a call
depends on the set of its events only; a property test shuffles and splits them to hold that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from ledger.calls import CHARGED, REFUNDED, Call
from ledger.catalogue import Catalogue
from ledger.entries import (
    Entry,
    charge_entry,
    cost_entry,
    fact_entry,
    refund_entry,
    settled_entry,
    void_entry,
)
from ledger.movements import Movements
from ledger.periods import day_of
from ledger.pricing import price, tariff_of
from ledger.settlement import settle
from schemas.events import (
    CallCharged,
    CallEnded,
    CallRefunded,
    CallStarted,
    CostRecorded,
    CostVoided,
    Event,
)
from schemas.money import nano_from_usd
from schemas.refusals import Refused


class CountedCost(NamedTuple):
    """A recorded cost as a void needs to know it."""

    call_id: str
    day: str
    service: str
    cost_nano: int
    estimated: bool


class Known(msgspec.Struct):
    """What the store knows of a batch before it is folded.

    `calls` are the calls the batch names, as last committed; `held` the events kept back for them;
    `voidable` the recorded costs that voids of this batch name; `voided` those voided already.
    """

    calls: Mapping[str, Call] = {}
    held: Mapping[str, list[Event]] = {}
    voidable: Mapping[str, CountedCost] = {}
    voided: frozenset[str] = frozenset()


class Folded(msgspec.Struct):
    """What one transaction writes for a batch."""

    changed: dict[str, tuple[Call | None, Call]] = {}
    entries: list[Entry] = []
    identities: list[tuple[str, int]] = []
    movements: Movements = msgspec.field(default_factory=Movements)
    refused: list[tuple[Event, Refused]] = []
    held: list[Event] = []
    released: list[str] = []


def fold(events: Sequence[Event], known: Known, catalogue: Catalogue) -> Folded:
    """Fold events that have never been recorded, each identity once.

    The catalogue must price whatever it priced when an event was held: it only ever grows.
    """
    return _Fold(known, catalogue).run(events)


class _Fold:
    def __init__(self, known: Known, catalogue: Catalogue) -> None:
        self._known = known
        self._catalogue = catalogue
        self._calls = dict(known.calls)
        self._out = Folded()
        self._waiting: dict[str, list[Event]] = {}
        self._voidable = dict(known.voidable)
        self._voided = set(known.voided)
        self._has_voids = False

    def run(self, events: Sequence[Event]) -> Folded:
        self._has_voids = any(isinstance(event.data, CostVoided) for event in events)
        for event in events:
            self._take(event, new=True)
        for call_id, waiting in self._waiting.items():
            self._hold(call_id, waiting)
        for before, call in self._out.changed.values():
            self._close(before, call)
        return self._out

    def _hold(self, call_id: str, waiting: list[Event]) -> None:
        """Keep events back, but not those that could not be priced either way."""
        for event in waiting:
            try:
                self._require_price(event)
            except Refused as refusal:
                self._out.refused.append((event, refusal))
                continue
            self._touch(call_id).held_count += 1
            self._out.held.append(event)
            self._out.identities.append((event.identity, event.fingerprint))

    def _require_price(self, event: Event) -> None:
        if isinstance(event.data, CostRecorded):
            price(event.data, tariff_of(self._catalogue, event.data), event.time)
        elif isinstance(event.data, CallCharged):
            self._fee(event.data, event.time)

    def _close(self, before: Call | None, call: Call) -> None:
        """Settle a touched call, and let the days of its user follow."""
        if call.user_id is not None:
            if settle(before, call, self._catalogue) and call.first_at is not None:
                self._out.entries.append(settled_entry(call, call.first_at))
            self._out.movements.move(before, call)
        call.version += 1

    def _touch(self, call_id: str) -> Call:
        """Return the call to change: a copy of the known one, or a new one."""
        pair = self._out.changed.get(call_id)
        if pair is None:
            before = self._calls.get(call_id)
            pair = (before, before.copy() if before else Call(call_id=call_id))
            self._out.changed[call_id] = pair
            self._calls[call_id] = pair[1]
        return pair[1]

    def _take(self, event: Event, *, new: bool) -> None:
        """Count an event, hold it until its call is known, or refuse it."""
        call_id, user_id = event.data.call_id, event.data.user_id
        call = self._calls.get(call_id)
        owner = call.user_id if call else None
        if owner is None and user_id is None:
            self._waiting.setdefault(call_id, []).append(event)
            return
        try:
            if owner is not None and user_id is not None and owner != user_id:
                raise Refused("owner_mismatch", f"Call {call_id} belongs to another user.")
            self._count(event, owner or user_id or "")
        except Refused as refusal:
            self._out.refused.append((event, refusal))
            return
        if new:
            self._out.identities.append((event.identity, event.fingerprint))
        if owner is None:
            self._release(call_id)

    def _release(self, call_id: str) -> None:
        """Count what was held for a call that has just become known."""
        for event in self._known.held.get(call_id, []):
            self._touch(call_id).held_count -= 1
            self._out.released.append(event.identity)
            self._take(event, new=False)
        for event in self._waiting.pop(call_id, []):
            self._take(event, new=True)

    def _count(self, event: Event, owner: str) -> None:
        """Apply an event to its call. All that can refuse it comes before any change."""
        data = event.data
        if isinstance(data, CostRecorded):
            entry = self._cost(event, data, owner)
        elif isinstance(data, CallCharged):
            entry = self._charge(event, data, owner)
        elif isinstance(data, CallRefunded):
            amount = nano_from_usd(data.amount)
            call = self._seen(event, owner)
            call.add_charge(day_of(event.time), REFUNDED, amount)
            entry = refund_entry(event, call, amount)
        elif isinstance(data, CostVoided):
            entry = self._void(event, data, owner)
        else:
            entry = self._fact(event, data, owner)
        self._out.entries.append(entry)

    def _seen(self, event: Event, owner: str) -> Call:
        call = self._touch(event.data.call_id)
        call.user_id = owner
        call.see(event.time)
        return call

    def _fact(self, event: Event, data: CallStarted | CallEnded, owner: str) -> Entry:
        call = self._seen(event, owner)
        if isinstance(data, CallStarted):
            call.start(data, event.time, event.identity)
        else:
            call.end(data, event.time, event.identity)
        return fact_entry(event, call)

    def _cost(self, event: Event, data: CostRecorded, owner: str) -> Entry:
        tariff = tariff_of(self._catalogue, data)
        cost_nano, price_id = price(data, tariff, event.time)
        call = self._seen(event, owner)
        if data.persona_id is not None and call.started_by is None:
            call.name_persona(data.persona_id, event.time, event.identity)
        day = day_of(event.time)
        if call.pending_voids and event.identity in call.pending_voids:
            call.pending_voids = [void for void in call.pending_voids if void != event.identity]
            self._voided.add(event.identity)
        else:
            call.add_cost(day, data.service, cost_nano)
            call.estimated_count += data.estimated
        if self._has_voids:
            self._voidable[event.identity] = CountedCost(
                data.call_id, day, data.service, cost_nano, data.estimated
            )
        return cost_entry(event, data, owner, tariff, cost_nano, price_id)

    def _charge(self, event: Event, data: CallCharged, owner: str) -> Entry:
        amount = nano_from_usd(data.amount)
        fee = self._fee(data, event.time)
        call = self._seen(event, owner)
        call.charge_count += 1
        call.add_charge(day_of(event.time), CHARGED, amount)
        call.add_cost(day_of(event.time), data.processor, fee)
        return charge_entry(event, data, call, fee)

    def _fee(self, data: CallCharged, time: datetime) -> int:
        """Return what the processor took: as it says itself, else by the catalogue."""
        if data.fee is not None:
            return nano_from_usd(data.fee)
        fee = self._catalogue.fee_nano(data.processor, nano_from_usd(data.amount), time)
        if fee is None:
            raise Refused("unknown_price", f"No fee is known for processor {data.processor}.")
        return fee

    def _void(self, event: Event, data: CostVoided, owner: str) -> Entry:
        """Take a recorded cost back on the day it was counted, or remember to when it arrives."""
        call = self._seen(event, owner)
        entry = void_entry(event, data, call)
        target = entry.voids or ""
        cost = self._voidable.get(target)
        if cost is None or cost.call_id != call.call_id:
            if target not in call.pending_voids:
                call.pending_voids = [*call.pending_voids, target]
        elif target not in self._voided:
            self._voided.add(target)
            call.add_cost(cost.day, cost.service, -cost.cost_nano)
            call.estimated_count -= cost.estimated
        return entry
