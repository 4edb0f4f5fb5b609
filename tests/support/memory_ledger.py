"""A ledger without a database: applies the result of the fold as the store would."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from ledger.calls.abandonment import abandon_calls
from ledger.calls.batch_changes import BatchChanges, CountedCost, KnownState
from ledger.calls.call import Call
from ledger.calls.entries import Entry
from ledger.calls.fold import fold
from ledger.calls.legs import LegPiece, leg_pieces
from ledger.calls.movements import UserDayCostKey, UserDayKey
from ledger.calls.rating import Incoming, select_voids
from ledger.prices.catalogue import Catalogue
from schemas.events import RERATE_SOURCE, CostVoided, Event
from schemas.identity import identity_of
from tests.support.prices import catalogue
from tests.support.rated_costs import as_entry, some_rated
from tests.support.totals import Totals, totals_of


class MemoryLedger:
    """Records batches one after another; its attributes are the written state."""

    def __init__(self, prices: Catalogue | None = None) -> None:
        self._prices = prices or catalogue()
        self.identities: dict[str, int] = {}
        self.calls: dict[str, Call] = {}
        self.entries: list[Entry] = []
        self.held: dict[str, Event] = {}
        self.unpriced: dict[str, Entry] = {}
        self.user_day_costs: dict[UserDayCostKey, int] = {}
        self.user_days: dict[UserDayKey, tuple[int, ...]] = {}
        self.refused: list[tuple[str, str]] = []
        """Identity and code of each refused event."""
        self.conflicts = 0

    def use(self, prices: Catalogue) -> None:
        """Record the next batches with a newer catalogue."""
        self._prices = prices

    def record(self, batch: Sequence[Incoming]) -> BatchChanges:
        """Record a batch: drop known events, fold the rest, apply the result."""
        new: dict[str, Incoming] = {}
        for event in batch:
            fingerprint = self.identities.get(event.identity)
            if fingerprint is None:
                fingerprint = new.setdefault(event.identity, event).fingerprint
            self.conflicts += fingerprint != event.fingerprint
        events = some_rated(new.values(), self._prices)
        known = self._known(events)
        folded = fold(events, known, self._prices)
        if folded.calls_with_unread_legs:
            known.legs = {
                name: self._pieces(name) for name in {*known.legs, *folded.calls_with_unread_legs}
            }
            folded = fold(events, known, self._prices)
        self._write(folded)
        return folded

    def abandon(self, last_events: Mapping[str, datetime]) -> BatchChanges:
        """Close active calls as of the times of their last events."""
        known = KnownState({name: self.calls[name] for name in last_events})
        known.legs = {name: self._pieces(name) for name in last_events}
        changes = abandon_calls(last_events, known, self._prices)
        self._write(changes)
        return changes

    def totals(self) -> Totals:
        """Return everything that must not depend on the order of events."""
        return totals_of(self.calls.values(), self.user_day_costs, self.user_days)

    def _known(self, events: Sequence[Incoming]) -> KnownState:
        names = {event.call_id for event in events}
        held: dict[str, list[Event]] = {}
        for event in self.held.values():
            if event.data.call_id in names:
                held.setdefault(event.data.call_id, []).append(event)
        targets = {
            (identity_of(event.data.voids.source, event.data.voids.id), event.data.call_id)
            for event in select_voids(events)
            if isinstance(event.data, CostVoided)
        }
        costs = {
            entry.identity: CountedCost(
                entry.call_id,
                entry.time,
                entry.service or "",
                entry.cost_nano,
                entry.estimated,
                basis_nano(entry),
            )
            for entry in self.entries
            if entry.type == "cost.recorded" and (entry.identity, entry.call_id) in targets
        }
        voided = frozenset(
            entry.voids
            for entry in self.entries
            if entry.voids in costs and costs[entry.voids].call_id == entry.call_id
        )
        calls = {name: self.calls[name] for name in names if name in self.calls}
        return KnownState(calls, held, costs, voided)

    def _pieces(self, call_id: str) -> list[LegPiece]:
        voids = {entry.voids for entry in self.entries if entry.call_id == call_id}
        costs = [
            entry
            for entry in self.entries
            if (entry.call_id, entry.type) == (call_id, "cost.recorded")
            and entry.identity not in voids
        ]
        return [piece for entry in costs for piece in leg_pieces(entry, self._prices)]

    def _write(self, folded: BatchChanges) -> None:
        for call_id, (before, call) in folded.changed.items():
            assert before == self.calls.get(call_id), "the fold touched what it was given"
            self.calls[call_id] = call
        for event in folded.recorded:
            assert event.identity not in self.identities
            self.identities[event.identity] = event.fingerprint
        self.entries += map(as_entry, folded.entries)
        self.unpriced |= {entry.identity: entry for entry in folded.unpriced}
        for identity in folded.voided:
            self.unpriced.pop(identity, None)
        for identity in folded.released:
            del self.held[identity]
        self.held |= {event.identity: event for event in folded.held}
        for key, nano in folded.movements.changed_costs().items():
            self.user_day_costs[key] = self.user_day_costs.get(key, 0) + nano
        for day, sums in folded.movements.changed_days().items():
            before_sums = self.user_days.get(day, (0, 0, 0, 0))
            self.user_days[day] = tuple(map(sum, zip(before_sums, sums, strict=True)))
        self.refused += [(event.identity, refusal.code) for event, refusal in folded.refused]


def basis_nano(entry: Entry) -> int:
    """Return the part of a cost that charges follow."""
    stated = json.loads(entry.data or "{}") if entry.source == RERATE_SOURCE else {}
    return int(stated.get("chargeBasisNano", entry.cost_nano))


def entry_of(event: Event, prices: Catalogue | None = None) -> Entry:
    """Return the row of an event in an otherwise empty ledger; raises Refused."""
    ledger = MemoryLedger(prices)
    for _, refusal in ledger.record([event]).refused:
        raise refusal
    return next(entry for entry in ledger.entries if entry.identity == event.identity)
