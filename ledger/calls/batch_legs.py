"""The legs of a batch's calls: which events may change them, and their roundings afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain

from msgspec.structs import replace

from ledger.calls.basis import CHARGE_BASIS
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
    """Rounds legs by the stored pieces and those of the batch; `unread` are calls without them."""

    def __init__(self, known: KnownState, catalogue: Catalogue) -> None:
        self.unread: set[str] = set()
        self._known = known
        self._catalogue = catalogue

    def lacks_details(self, call: Call) -> bool:
        """Return whether details of the call's costs have expired."""
        return call.call_id in self._known.without_details

    def check_cost(self, cost: RatedCost, call: Call) -> None:
        """Refuse a usage of a leg whose details have expired."""
        if isinstance(cost, LegCost):
            self._require_details(call, cost.entry.source)

    def check_event(self, event: Event, call: Call) -> None:
        """Refuse a void or a first end that needs legs whose details have expired."""
        if call.roundings is None:
            return
        is_first_end = isinstance(event.data, CallEnded) and call.ended_at is None
        if is_first_end or isinstance(event.data, CostVoided):
            self._require_details(call, event.source)

    def _require_details(self, call: Call, source: str) -> None:
        """Raise Refused, except for corrections: then the roundings stay as they are."""
        if source != RERATE_SOURCE and self.lacks_details(call):
            raise too_old(call)

    def roundings(self, opened: OpenCall, voided: Collection[str]) -> list[Rounding] | None:
        """Return the roundings of a call's legs; without their details those that it has.

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
        rounded = round_legs(piece for piece in chain(stored, new) if piece.identity not in voided)
        corrections = [cost for cost in costs if cost.source == RERATE_SOURCE]
        if not corrections:
            return _keep_rerated(call.roundings, rounded)
        follows = not all(CHARGE_BASIS in (cost.data or "") for cost in corrections)
        return (
            [one for one in rounded if one.nano]
            if follows
            else _add_rerated(call.roundings, rounded)
        )


def _keep_rerated(before: Iterable[Rounding], after: Iterable[Rounding]) -> list[Rounding]:
    """Return roundings with what later prices had added to them."""
    rerated = {one.leg: one.rerated for one in before}
    kept = (replace(one, rerated=rerated.get(one.leg, 0)) for one in after)
    return [one for one in kept if one.nano or one.rerated]


def _add_rerated(before: Iterable[Rounding], after: Iterable[Rounding]) -> list[Rounding]:
    """Return roundings changed by later prices only: the whole change is one that they added."""
    legs = {one.leg: replace(one, nano=0, rerated=one.rerated - one.nano) for one in before}
    for one in after:
        known = legs.get(one.leg)
        legs[one.leg] = replace(one, rerated=one.nano + (known.rerated if known else 0))
    return [one for _, one in sorted(legs.items()) if one.nano or one.rerated]


def too_old(call: Call) -> Refused:
    """Return the refusal of what needs expired details."""
    return Refused("too_old", f"The cost details of call {call.call_id} are no longer kept.")
