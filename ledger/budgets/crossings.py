"""Finds the event that carried a spend over a threshold, among the rows of one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from ledger.budgets.thresholds import BudgetPosition, is_reached
from ledger.calls.entries import SETTLED_TYPE, Entry
from ledger.calls.rating import RatedCost
from schemas.alerts import SpendBasis

Row = Entry | RatedCost


def crossing(
    stand: BudgetPosition, percent: Decimal, entries: Sequence[Row], basis: SpendBasis
) -> Row | None:
    """Return the row at which the running spend reaches `percent` of the limit.

    Where no row does so by its own amount, the ledger settled something in its wake: a default
    charge after the end of a call, a share of infrastructure after the first event of one.
    """
    basis = basis if stand.call is None else "cost"
    spend = stand.before_nano
    settled: set[str] = set()
    rows = list(_rows(stand, entries, settled))
    for row in rows:
        spend += _amount(row, basis)
        if is_reached(spend, percent, stand.limit.nano):
            return row
    wake = [row for row in rows if row.call_id in settled]
    ends = [row for row in wake if row.type == "call.ended"]
    candidates = (basis == "charged" and ends) or wake or rows
    return candidates[-1] if candidates else None


def _rows(stand: BudgetPosition, entries: Sequence[Row], settled: set[str]) -> Iterator[Row]:
    """Yield the rows that a stand is about; notes which calls were settled."""
    for entry in entries:
        owner = entry.owner if isinstance(entry, RatedCost) else entry.user_id
        if owner != stand.user_id:
            continue
        if stand.call is not None and entry.call_id != stand.call.call_id:
            continue
        if entry.type == SETTLED_TYPE:
            settled.add(entry.call_id)
        elif stand.call is not None or _within(stand, entry):
            yield entry


def _within(stand: BudgetPosition, entry: Row) -> bool:
    return stand.start <= entry.time and (stand.end is None or entry.time < stand.end)


def _amount(entry: Row, basis: SpendBasis) -> int:
    """Return what a row by itself adds to a spend."""
    if basis == "cost":
        return entry.cost_nano
    return -entry.amount_nano if entry.type == "call.refunded" else entry.amount_nano
