"""Finds the event with which a spend crossed a threshold, among the rows of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ledger.budgets.thresholds import BudgetPosition, is_reached
from ledger.calls.entries import SETTLED_TYPE
from ledger.calls.event_rows import EventRow
from schemas.alerts import SpendBasis


def find_crossing(
    position: BudgetPosition, percent: Decimal, entries: Sequence[EventRow], basis: SpendBasis
) -> EventRow | None:
    """Return the row at which the running spend reaches `percent` of the limit.

    If no row does so by its own amount, what the ledger settled does: a default charge after the
    end of a call, or a share of infrastructure after its first event. Then a row of a settled call
    is returned.
    """
    basis = basis if position.call is None else "cost"
    spend = position.before_nano
    of_position = [row for row in entries if _is_of_position(position, row)]
    settled_calls = {row.call_id for row in of_position if row.type == SETTLED_TYPE}
    rows = [row for row in of_position if row.type != SETTLED_TYPE and _is_within(position, row)]
    for row in rows:
        spend += _amount(row, basis)
        if is_reached(spend, percent, position.limit.nano):
            return row
    of_settled = [row for row in rows if row.call_id in settled_calls]
    ends = [row for row in of_settled if row.type == "call.ended"]
    candidates = (basis == "charged" and ends) or of_settled or rows
    return candidates[-1] if candidates else None


def _is_of_position(position: BudgetPosition, row: EventRow) -> bool:
    """Return whether a row is of a user and a call of a budget position."""
    if row.owner != position.user_id:
        return False
    if position.call is not None:
        return row.call_id == position.call.call_id
    return position.call_ids is None or row.call_id in position.call_ids


def _is_within(position: BudgetPosition, row: EventRow) -> bool:
    """Return whether a row counts in the period of a position; a call has none."""
    if position.call is not None:
        return True
    return position.start <= row.time and (position.end is None or row.time < position.end)


def _amount(row: EventRow, basis: SpendBasis) -> int:
    """Return the amount that a row adds to the spend."""
    if basis == "cost":
        return row.cost_nano
    return -row.amount_nano if row.type == "call.refunded" else row.amount_nano
