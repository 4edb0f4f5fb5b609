"""Settles calls: adds the infrastructure share and the default charge.

Both follow from the call's facts, so they change when a late event changes a fact: an earlier first
event moves the share, and a charge that arrives after the end replaces the default charge.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ledger.calls.call import CHARGED, Call
from ledger.calls.periods import day_of
from ledger.prices.catalogue import Catalogue
from schemas.events import CallCharged
from schemas.money import nano_from_usd

DEFAULT_PROCESSOR: Final = "stripe"


def settle(before: Call | None, call: Call, catalogue: Catalogue) -> bool:
    """Settle a call by its facts; `before` is the call as last committed.

    Returns whether anything changed. A newer price changes nothing while the facts are the same.
    """
    moved_first = _settle_infrastructure(before, call, catalogue)
    moved_default = _settle_default_charge(before, call, catalogue)
    return moved_first or moved_default


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


def default_fee_nano(catalogue: Catalogue, time: datetime) -> int:
    """Return the processor's fee for the default charge at `time`, in nano-dollars."""
    charge = catalogue.default_charge_nano(time)
    return catalogue.fee_nano(DEFAULT_PROCESSOR, charge, time) or 0


def charge_fee_nano(catalogue: Catalogue, data: CallCharged, time: datetime) -> int | None:
    """Return the processor's fee of a charge: the event's, or else the catalogue's, if known."""
    if data.fee is not None:
        return nano_from_usd(data.fee)
    return catalogue.fee_nano(data.processor, nano_from_usd(data.amount), time)


def _default_due_at(call: Call | None) -> datetime | None:
    """Return when the default charge is due: at the end of a completed call without a charge."""
    if call is None or call.status != "completed" or call.charge_count:
        return None
    return call.ended_at


def _settle_default_charge(before: Call | None, call: Call, catalogue: Catalogue) -> bool:
    settled_at, due_at = _default_due_at(before), _default_due_at(call)
    if settled_at == due_at:
        return False
    if settled_at is not None:
        _post_default(call, settled_at, -1)
        call.default_charge_nano = call.default_fee_nano = 0
    if due_at is not None:
        call.default_charge_nano = catalogue.default_charge_nano(due_at)
        call.default_fee_nano = default_fee_nano(catalogue, due_at)
        _post_default(call, due_at, 1)
    return True


def _post_default(call: Call, at: datetime, sign: int) -> None:
    day = day_of(at)
    call.add_charge(day, CHARGED, sign * call.default_charge_nano)
    call.add_cost(day, DEFAULT_PROCESSOR, sign * call.default_fee_nano)
