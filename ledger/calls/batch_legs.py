"""The legs of a batch's calls: which events may change them, and their roundings afterwards."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain

from ledger.calls.batch_changes import KnownState
from ledger.calls.call import Call
from ledger.calls.legs import leg_pieces, round_legs
from ledger.calls.open_call import OpenCall
from ledger.calls.rating import LegCost, RatedCost
from ledger.calls.roundings import Rounding
from ledger.prices.catalogue import Catalogue
from schemas.events import RERATE_SOURCE, CallEnded, CostVoided, Event
from schemas.refusals import Refused


class BatchLegs:
    """Rounds legs by their pieces; `unread` are calls whose stored pieces must be read first."""

    def __init__(self, known: KnownState, catalogue: Catalogue) -> None:
        self.unread: set[str] = set()
        self._known = known
        self._catalogue = catalogue

    def lacks_details(self, call: Call) -> bool:
        """Return whether details of the call's costs have expired."""
        return call.call_id in self._known.calls_without_details

    def check_cost(self, cost: RatedCost, call: Call) -> None:
        """Refuse a usage of a leg with expired details."""
        if isinstance(cost, LegCost):
            self._require_details(call, cost.entry.source)

    def check_event(self, event: Event, call: Call) -> None:
        """Refuse a void or a first end that needs legs with expired details."""
        if call.roundings is None:
            return
        is_first_end = isinstance(event.data, CallEnded) and call.ended_at is None
        if is_first_end or isinstance(event.data, CostVoided):
            self._require_details(call, event.source)

    def _require_details(self, call: Call, source: str) -> None:
        """Refuse an event if details have expired; a correction counts and leaves the roundings."""
        if source != RERATE_SOURCE and self.lacks_details(call):
            raise too_old(call)

    def roundings(self, opened: OpenCall, voided: Collection[str]) -> list[Rounding] | None:
        """Return the roundings of a call's legs: the stored ones if details have expired.

        `voided` are the identities of voided costs.
        """
        call = opened.call
        if call.roundings is None or call.ended_at is None or self.lacks_details(call):
            return call.roundings
        stored = self._known.legs.get(call.call_id)
        if stored is None:
            if opened.before is not None:
                self.unread.add(call.call_id)
                return call.roundings
            stored = []
        costs = [cost.entry for cost in opened.costs if isinstance(cost, LegCost)]
        new = (piece for cost in costs for piece in leg_pieces(cost, self._catalogue))
        return round_legs(piece for piece in chain(stored, new) if piece.identity not in voided)


def too_old(call: Call) -> Refused:
    """Return the refusal of an event that needs expired details."""
    return Refused("too_old", f"The cost details of call {call.call_id} are no longer kept.")
