"""Finds the event with which a spend crossed a threshold, among the rows of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from ledger.budgets.thresholds import BudgetPosition, is_reached
from ledger.calls.entries import SETTLED_TYPE
from ledger.calls.event_rows import EventRow
from schemas.alerts import SpendBasis


def find_crossing(
    position: BudgetPosition, percent: Decimal, entries: Sequence[EventRow], basis: SpendBasis
) -> EventRow | None:
    """Return the row at which the running spend reaches `percent` of the limit.

    If no row does so by its own amount, the ledger settled something after it: a default charge
    after the end of a call, or a share of infrastructure after its first event.
    """
    basis = basis if position.call is None else "cost"
    spend = position.before_nano
    settled: set[str] = set()
    rows = list(_rows(position, entries, settled))
    for row in rows:
        spend += _amount(row, basis)
        if is_reached(spend, percent, position.limit.nano):
            return row
    wake = [row for row in rows if row.call_id in settled]
    ends = [row for row in wake if row.type == "call.ended"]
    candidates = (basis == "charged" and ends) or wake or rows
    return candidates[-1] if candidates else None


def _rows(
    position: BudgetPosition, entries: Sequence[EventRow], settled: set[str]
) -> Iterator[EventRow]:
    """Yield the rows of a budget position; adds settled calls to `settled`."""
    for entry in entries:
        if entry.owner != position.user_id:
            continue
        if position.call is not None and entry.call_id != position.call.call_id:
            continue
        if position.call_ids is not None and entry.call_id not in position.call_ids:
            continue
        if entry.type == SETTLED_TYPE:
            settled.add(entry.call_id)
        elif position.call is not None or _is_within(position, entry):
            yield entry


def _is_within(position: BudgetPosition, entry: EventRow) -> bool:
    return position.start <= entry.time and (position.end is None or entry.time < position.end)


def _amount(entry: EventRow, basis: SpendBasis) -> int:
    """Return the amount that a row adds to the spend."""
    if basis == "cost":
        return entry.cost_nano
    return -entry.amount_nano if entry.type == "call.refunded" else entry.amount_nano
