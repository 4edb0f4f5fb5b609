"""Settles calls: adds the infrastructure share, the roundings of legs and the charge.

All follow from the call's facts, so they change when a late event changes a fact: an earlier first
event moves the share, a late usage changes a rounding, and a charge that arrives after the end
replaces the one decided here.
"""

from __future__ import annotations

from datetime import datetime

from ledger.calls.call import Call
from ledger.calls.charging import settle_charge
from ledger.calls.periods import day_of
from ledger.calls.roundings import Rounding
from ledger.prices.catalogue import Catalogue
from schemas.events import CallCharged
from schemas.money import nano_from_usd


def settle(
    before: Call | None,
    call: Call,
    catalogue: Catalogue,
    roundings: list[Rounding] | None = None,
) -> bool:
    """Settle a call by its facts; `before` is the call as last committed.

    `roundings` are those of its legs if it has ended, None without legs. Returns whether anything
    changed; True if the call is or was abandoned. A newer price changes nothing while the facts are
    the same. Raises OutdatedPlansError if the catalogue lacks plans that the call was charged by.
    """
    moved_first = _settle_infrastructure(before, call, catalogue)
    moved_roundings = _settle_roundings(before, call, roundings)
    charged = settle_charge(before, call, catalogue)
    return moved_first or moved_roundings or charged or _is_abandoned(before) or _is_abandoned(call)


def _is_abandoned(call: Call | None) -> bool:
    return call is not None and call.status == "abandoned"


def _settle_infrastructure(before: Call | None, call: Call, catalogue: Catalogue) -> bool:
    """Add the share once per call, on the day and at the price of its first event."""
    settled_at = before.first_at if before else None
    if call.first_at is None or call.first_at == settled_at:
        return False
    if settled_at is not None:
        for service, nano in call.infrastructure.items():
            call.add_cost(day_of(settled_at), service, -nano)
    call.infrastructure = catalogue.infrastructure_nano(call.first_at)
    for service, nano in call.infrastructure.items():
        call.add_cost(day_of(call.first_at), service, nano)
    return True


def _settle_roundings(before: Call | None, call: Call, roundings: list[Rounding] | None) -> bool:
    """Add the roundings of legs at the end of the call."""
    settled_at, settled = (before.ended_at, before.roundings) if before else (None, None)
    if (settled_at, settled or []) == (call.ended_at, roundings or []):
        return False
    for sign, ended_at, of_legs in ((-1, settled_at, settled), (1, call.ended_at, roundings)):
        if ended_at is not None:
            for rounding in of_legs or ():
                call.add_cost(day_of(ended_at), rounding.service, sign * rounding.nano)
                call.rerated_nano += sign * rounding.rerated
    if roundings is not None:
        call.roundings = roundings
    return bool(settled or roundings)


def charge_fee_nano(catalogue: Catalogue, data: CallCharged, time: datetime) -> int | None:
    """Return the processor's fee of a charge: the event's, or else the catalogue's, if known."""
    if data.fee is not None:
        return nano_from_usd(data.fee)
    return catalogue.fee_nano(data.processor, nano_from_usd(data.amount), time)
