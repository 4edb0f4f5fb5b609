"""Folds a batch of new events into what the transaction writes: changed calls, rows, movements.

Pure: it takes the calls as last committed and changes copies. The result for a call depends only
on the set of its events; a property test shuffles and splits them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from ledger.calls.basis import charge_basis_nano
from ledger.calls.batch_changes import BatchChanges, CountedCost, KnownState
from ledger.calls.batch_legs import BatchLegs, too_old
from ledger.calls.call import Call
from ledger.calls.entries import (
    Entry,
    charge_entry,
    fact_entry,
    refund_entry,
    settled_entry,
    void_entry,
)
from ledger.calls.event_rows import EventRow
from ledger.calls.missing_prices import unpriced_rows
from ledger.calls.open_call import OpenCall
from ledger.calls.periods import day_of
from ledger.calls.rating import Incoming, RatedCost, original_event, rate, select_voids
from ledger.calls.settlement import charge_fee_nano, settle
from ledger.prices.catalogue import Catalogue
from schemas.events import (
    RESERVED_SOURCES,
    CallCharged,
    CallEnded,
    CallRefunded,
    CallStarted,
    CostRecorded,
    CostVoided,
    Event,
)
from schemas.identity import identity_of
from schemas.money import nano_from_usd
from schemas.refusals import Refused


def fold(events: Sequence[Incoming], known: KnownState, catalogue: Catalogue) -> BatchChanges:
    """Fold new events, each identity once.

    A cost that was rated by another catalogue is rated again. A catalogue only grows, so it can
    price every event that was held.
    """
    return _Fold(known, catalogue).run(events)


class _Fold:
    """The state of one fold."""

    def __init__(self, known: KnownState, catalogue: Catalogue) -> None:
        self._known = known
        self._catalogue = catalogue
        self._opened: dict[str, OpenCall] = {}
        self._changes = BatchChanges()
        self._waiting: dict[str, list[Incoming]] = {}
        self._held = dict(known.held)
        self._voidable = dict(known.voidable)
        self._voided = set(known.voided)
        self._has_voids = False
        self._legs = BatchLegs(known, catalogue)

    def run(self, events: Sequence[Incoming]) -> BatchChanges:
        self._has_voids = bool(select_voids(chain(events, *self._known.held.values())))
        self._count_all(events)
        for call_id, waiting in self._waiting.items():
            self._hold(call_id, waiting)
        for opened in self._opened.values():
            self._close(opened)
        self._changes.calls_with_unread_legs = self._legs.unread
        return self._changes

    def _count_all(self, events: Sequence[Incoming]) -> None:
        """Count costs that change no other fact of their call; pass all others to `_process`."""
        opened_calls, catalogue = self._opened, self._catalogue
        entries, recorded = self._changes.entries, self._changes.recorded
        for event in events:
            if isinstance(event, RatedCost) and event.catalogue is catalogue:
                opened = opened_calls.get(event.call_id) or self._open(event.call_id)
                if opened.grows_by(event):
                    event.owner = opened.owner or ""
                    opened.costs.append(event)
                    entries.append(event)
                    recorded.append(event)
                    if self._has_voids:
                        self._note_voidable(event, event.cost_nano)
                    continue
            self._process(event, new=True)

    def _hold(self, call_id: str, waiting: list[Incoming]) -> None:
        """Hold events until their call is known; refuse those that cannot be counted."""
        for incoming in waiting:
            event = original_event(incoming)
            try:
                self._changes.missing_prices += unpriced_rows(event, self._catalogue)
            except Refused as refusal:
                self._changes.refused.append((incoming, refusal))
                continue
            opened = self._open(call_id)
            opened.grows = False
            opened.call.held_count += 1
            self._changes.held.append(event)
            self._changes.recorded.append(event)

    def _close(self, opened: OpenCall) -> None:
        """Settle a changed call, and add the changes of its user's days."""
        before, call = opened.before, opened.call
        opened.add_costs()
        self._changes.spend.add_costs(call, opened.costs)
        if opened.grows:
            if not opened.costs:
                return
            self._changes.movements.add_costs(call, opened.costs)
            self._changes.grown.add(call.call_id)
        else:
            events, held = (before.event_count, before.held_count) if before else (0, 0)
            if call.event_count == events and call.held_count == held:
                return
            if call.user_id is not None:
                roundings = self._legs.roundings(opened, self._voided)
                settled = settle(before, call, self._catalogue, roundings)
                if settled and call.first_at is not None:
                    self._changes.entries.append(settled_entry(call, call.first_at))
                    self._changes.spend.resettle(before, call)
                self._changes.movements.move(before, call)
        call.version += 1
        self._changes.add_call(before, call)

    def _open(self, call_id: str) -> OpenCall:
        """Return the call to change: a copy of the stored one, or a new one."""
        opened = self._opened.get(call_id)
        if opened is None:
            opened = self._opened[call_id] = OpenCall(call_id, self._known.calls.get(call_id))
        return opened

    def _process(self, event: Incoming, *, new: bool) -> None:
        """Count an event, hold it until its call is known, or refuse it."""
        call_id, user_id = event.call_id, event.user_id
        opened = self._open(call_id)
        owner = opened.call.user_id
        if owner is None and user_id is None:
            self._waiting.setdefault(call_id, []).append(event)
            return
        try:
            if owner is not None and user_id is not None and owner != user_id:
                raise Refused("owner_mismatch", f"Call {call_id} belongs to another user.")
            if (
                opened.call.status == "abandoned"
                and original_event(event).source not in RESERVED_SOURCES
            ):
                opened.call.reopen()
            entry = self._count(event, opened, owner or user_id or "")
        except Refused as refusal:
            (self._changes.refused if new else self._changes.unreleased).append((event, refusal))
            return
        self._changes.entries.append(entry)
        if entry.is_unpriced:
            self._changes.add_unpriced(entry, self._voided, new=new)
        if new:
            self._changes.recorded.append(event)
        else:
            opened.call.held_count -= 1
            self._changes.released.append(event.identity)
        if owner is None or opened.call.held_count:
            self._release(opened)

    def _count(self, event: Incoming, opened: OpenCall, owner: str) -> EventRow:
        """Count an event. Here and below, all checks are done before any change."""
        if isinstance(event, RatedCost) and event.catalogue is self._catalogue:
            return self._count_cost(event, opened, owner)
        full = original_event(event)
        if isinstance(full.data, CostRecorded):
            cost = rate(full, full.data, self._catalogue)
            return self._count_cost(cost, opened, owner, charge_basis_nano(full, full.data))
        opened.grows = False
        return self._count_other(full, opened.call, owner)

    def _release(self, opened: OpenCall) -> None:
        """Count the held events of a call whose owner is now known."""
        opened.grows = False
        for held in self._held.pop(opened.call.call_id, []):
            self._process(held, new=False)
        for waiting in self._waiting.pop(opened.call.call_id, []):
            self._process(waiting, new=True)

    def _count_cost(
        self, cost: RatedCost, opened: OpenCall, owner: str, basis_nano: int | None = None
    ) -> RatedCost:
        """Count a recorded cost that may change other facts of its call.

        `basis_nano` is the cost that charges follow, None for the cost itself.
        """
        call = opened.call
        self._legs.check_cost(cost, call)
        opened.grows = False
        call.take_owner(owner, cost.time)
        if cost.persona_id is not None:
            call.name_persona(cost.persona_id, cost.time, cost.identity)
        if cost.tags is not None:
            call.set_tags(cost.tags, cost.time, cost.identity)
        self._add_cost(cost, opened, cost.cost_nano if basis_nano is None else basis_nano)
        return cost

    def _add_cost(self, cost: RatedCost, opened: OpenCall, basis_nano: int) -> None:
        """Add a cost, unless its void arrived first."""
        call = opened.call
        cost.owner = call.user_id or ""
        if cost.in_leg and call.roundings is None:
            call.roundings = []
        if call.pending_voids and cost.identity in call.pending_voids:
            call.pending_voids = [void for void in call.pending_voids if void != cost.identity]
            self._voided.add(cost.identity)
            call.event_count += 1
        else:
            opened.costs.append(cost)
            call.rerated_nano += cost.cost_nano - basis_nano
        if self._has_voids:
            self._note_voidable(cost, basis_nano)

    def _note_voidable(self, cost: RatedCost, basis_nano: int) -> None:
        """Remember a cost for voids in the same batch."""
        self._voidable[cost.identity] = CountedCost(
            cost.call_id, cost.time, cost.service, cost.cost_nano, cost.estimated, basis_nano
        )

    def _count_other(self, event: Event, call: Call, owner: str) -> Entry:
        """Count an event that is not a recorded cost."""
        data = event.data
        if isinstance(data, CallCharged):
            return self._count_charge(event, data, call, owner)
        if isinstance(data, CostVoided):
            self._require_voidable(data, call)
        self._legs.check_event(event, call)
        _count_event(call, owner, event)
        if isinstance(data, CallRefunded):
            amount = nano_from_usd(data.amount)
            call.add_charge(day_of(event.time), refunded=amount)
            self._changes.spend.refund(call, event.time, amount)
            return refund_entry(event, call, amount)
        if isinstance(data, CostVoided):
            return self._count_void(event, data, call)
        if isinstance(data, CallStarted):
            call.start(data, event.time, event.identity)
        elif isinstance(data, CallEnded):
            call.end(data, event.time, event.identity)
        return fact_entry(event, call)

    def _count_charge(self, event: Event, data: CallCharged, call: Call, owner: str) -> Entry:
        amount = nano_from_usd(data.amount)
        fee = charge_fee_nano(self._catalogue, data, event.time)
        _count_event(call, owner, event)
        call.charge_count += 1
        call.add_charge(day_of(event.time), charged=amount)
        call.add_cost(day_of(event.time), data.processor, fee or 0)
        self._changes.spend.charge(call, event.time, amount)
        self._changes.spend.cost(call, event.time, fee or 0)
        if not self._catalogue.knows(data.processor):
            self._changes.processors.add(data.processor)
        return charge_entry(event, data, call, fee)

    def _require_voidable(self, data: CostVoided, call: Call) -> None:
        """Refuse the void of an archived cost with expired details."""
        if self._legs.lacks_details(call):
            cost = self._voidable.get(identity_of(data.voids.source, data.voids.id))
            if cost is None or cost.call_id != call.call_id:
                raise too_old(call)

    def _count_void(self, event: Event, data: CostVoided, call: Call) -> Entry:
        """Subtract a recorded cost on its day, or remember the void until the cost arrives."""
        entry = void_entry(event, data, call)
        target = entry.voids or ""
        cost = self._voidable.get(target)
        if cost is None or cost.call_id != call.call_id:
            if target not in call.pending_voids:
                call.pending_voids = [*call.pending_voids, target]
        elif target not in self._voided:
            self._voided.add(target)
            self._changes.voided.append(target)
            call.add_cost(day_of(cost.time), cost.service, -cost.cost_nano)
            self._changes.spend.cost(call, cost.time, -cost.cost_nano)
            call.estimated_count -= cost.estimated
            call.rerated_nano -= cost.cost_nano - cost.basis_nano
        return entry


def _count_event(call: Call, owner: str, event: Event) -> None:
    """Count an event that is not a recorded cost, and take its tags."""
    call.take_owner(owner, event.time)
    call.event_count += 1
    if event.data.tags is not None:
        call.set_tags(event.data.tags, event.time, event.identity)
