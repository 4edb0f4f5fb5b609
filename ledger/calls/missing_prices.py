"""Finds events without a price, and describes the price that they lack."""

from __future__ import annotations

from ledger.calls.call import Call
from ledger.calls.entries import Entry, charge_entry
from ledger.calls.rating import rate
from ledger.calls.settlement import charge_fee_nano
from ledger.prices.catalogue import Catalogue
from ledger.prices.conditions import parse_stored_context
from ledger.prices.pricing import UNPRICED
from schemas.events import CallCharged, CostRecorded, Event


def unpriced_rows(event: Event, catalogue: Catalogue) -> list[Entry]:
    """Return the row of an event if it has neither price nor estimate, else nothing.

    Raises Refused for a cost above the limit.
    """
    data = event.data
    if isinstance(data, CostRecorded):
        row = rate(event, data, catalogue).entry
    elif isinstance(data, CallCharged):
        fee = charge_fee_nano(catalogue, data, event.time)
        row = charge_entry(event, data, Call(call_id=data.call_id), fee)
    else:
        return []
    return [row] if row.price_id == UNPRICED else []


def missing_price(row: Entry) -> str:
    """Return a sentence about the price that the row of a cost or a charge lacks."""
    at = row.time.isoformat()
    unit = row.unpriced_unit
    if unit is None:
        return f"No fee is known for processor {row.service} at {at}."
    context = parse_stored_context(row.price_context)
    tier = f" in the tier {context.tier}" if context and context.tier else ""
    return (
        f"No price for {row.service} {row.operation} of model {row.model or '(none)'} "
        f"per {unit}{tier} at {at}."
    )
