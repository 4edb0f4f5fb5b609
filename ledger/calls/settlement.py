"""Settles calls: adds the infrastructure share, and the charge if no event charged the call.

Both follow from the call's facts, so they change when a late event changes a fact: an earlier first
event moves the share, and a charge that arrives after the end replaces the one decided here.
"""

from __future__ import annotations

from datetime import datetime

from ledger.calls.call import Call
from ledger.calls.charging import settle_charge
from ledger.calls.periods import day_of
from ledger.prices.catalogue import Catalogue
from schemas.events import CallCharged
from schemas.money import nano_from_usd


def settle(before: Call | None, call: Call, catalogue: Catalogue) -> bool:
    """Settle a call by its facts; `before` is the call as last committed.

    Returns whether anything changed. A newer price changes nothing while the facts are the same.
    Raises OutdatedPlansError if the catalogue lacks plans that the call was charged by.
    """
    moved_first = _settle_infrastructure(before, call, catalogue)
    charged = settle_charge(before, call, catalogue)
    return moved_first or charged


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


def charge_fee_nano(catalogue: Catalogue, data: CallCharged, time: datetime) -> int | None:
    """Return the processor's fee of a charge: the event's, or else the catalogue's, if known."""
    if data.fee is not None:
        return nano_from_usd(data.fee)
    return catalogue.fee_nano(data.processor, nano_from_usd(data.amount), time)
