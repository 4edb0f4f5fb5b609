"""Classifies submitted prices: known, accepted or pending approval.

A mistyped price would distort every total. So a price waits for a person's approval if it differs
by more than a quarter from the price that would be in force without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from ledger.prices.increments import NO_INCREMENTS
from ledger.prices.rows import PriceKey, PriceRow
from schemas.money import half_even

APPROVAL_PERCENT: Final = 25
"""A larger change waits for approval, up or down."""
STALE_AFTER: Final = timedelta(days=90)
"""A price that was not verified for this long is stale."""
OLD_SOURCE_AFTER: Final = timedelta(days=180)
"""A price is also stale if the date of its source is older than this."""

_PERCENT_DIGITS: Final = 2
_PERCENT_DIGITS_MAX: Final = 24

_NEW: Final = 0
"""The id of a row that is not in the catalogue yet."""


class KnownPrice(NamedTuple):
    """A row of the catalogue with its id."""

    price_id: int
    row: PriceRow


class LargeChange(NamedTuple):
    """A change that needs approval: the new row, and the price in force without it."""

    row: PriceRow
    in_force: KnownPrice


class ClassifiedRows(NamedTuple):
    """Rows by their classification.

    `verified` are prices of the catalogue that a row confirms, with the retirement and the source
    that it gives; `accepted` and `pending` are new. `contradicting` are rows of a source that
    differ from the catalogue's price of the same date; they are not entered.
    """

    verified: list[KnownPrice]
    accepted: list[PriceRow]
    pending: list[LargeChange]
    contradicting: list[PriceRow]


def price_in_force(known: Iterable[KnownPrice], at: datetime) -> KnownPrice | None:
    """Return the price of a key in force at a time, if any."""
    before = [price for price in known if price.row.effective_from <= at]
    return max(before, key=lambda price: price.row.effective_from, default=None)


def _relative_change(new: PriceRow, old: PriceRow) -> Fraction | None:
    """Return the change relative to the old price; None if the old price is zero."""
    old_price, new_price = _per_unit(old), _per_unit(new)
    if old_price == new_price:
        return Fraction(0)
    return (new_price - old_price) / old_price if old_price else None


def change_percent(new: PriceRow, old: PriceRow) -> Decimal | None:
    """Return the change in percent, with two decimals; None if the old price is zero.

    A change just above `APPROVAL_PERCENT` has as many decimals as show the difference.
    """
    change = _relative_change(new, old)
    if change is None:
        return None
    for digits in range(_PERCENT_DIGITS, _PERCENT_DIGITS_MAX):
        percent = _percent(change, digits)
        if abs(percent) != APPROVAL_PERCENT or not is_large(new, old):
            return percent
    return _percent(change, _PERCENT_DIGITS_MAX)


def _percent(change: Fraction, digits: int) -> Decimal:
    hundredfold = half_even(change.numerator * 10 ** (digits + 2), change.denominator)
    return Decimal(hundredfold).scaleb(-digits)


def is_large(new: PriceRow, old: PriceRow) -> bool:
    """Return whether a change needs approval."""
    change = _relative_change(new, old)
    return change is None or abs(change) * 100 > APPROVAL_PERCENT


def classify_rows(
    rows: Sequence[PriceRow],
    known: Mapping[PriceKey, Sequence[KnownPrice]],
    *,
    approved: bool = False,
    from_source: bool = False,
) -> ClassifiedRows:
    """Classify rows, each compared with the catalogue and with rows that begin earlier.

    If the rows are from a price source, a row equal to the price in force verifies it instead of
    being added, one that states no increments has those of the price in force, and rows older than
    the first price of the catalogue need no approval. `approved` accepts large changes.
    """
    result = ClassifiedRows([], [], [], [])
    verified: dict[int, KnownPrice] = {}
    proposed: set[tuple[PriceKey, Fraction]] = set()
    timeline = {key: list(prices) for key, prices in known.items()}
    for stated in sorted(rows, key=lambda row: row.effective_from):
        key = stated.key
        before = timeline.setdefault(key, [])
        current = price_in_force(before, stated.effective_from)
        row = _with_increments(stated, current) if from_source else stated
        same = current is not None and row.same_price(current.row)
        is_first = from_source and price_in_force(known.get(key, ()), row.effective_from) is None
        if current is not None and same and (from_source or _has_same_date(current.row, row)):
            if current.price_id != _NEW:
                confirmed = current._replace(row=current.row.with_retirement(row).with_source(row))
                verified[current.price_id] = confirmed
        elif current is not None and from_source and _has_same_date(current.row, row):
            result.contradicting.append(row)
        elif current is None or is_first or approved or _may_be_added(row, current.row):
            result.accepted.append(row)
            before.append(KnownPrice(_NEW, row))
        elif not from_source or (key, _per_unit(row)) not in proposed:
            proposed.add((key, _per_unit(row)))
            result.pending.append(LargeChange(row, current))
    result.verified.extend(verified.values())
    return result


def _with_increments(row: PriceRow, current: KnownPrice | None) -> PriceRow:
    """Return a source's row; one that states no increments has those of the price in force."""
    if current is None or row.increments != NO_INCREMENTS:
        return row
    return row._replace(increments=current.row.increments)


def _has_same_date(known: PriceRow, row: PriceRow) -> bool:
    return known.effective_from == row.effective_from


def _may_be_added(new: PriceRow, old: PriceRow) -> bool:
    """Return whether a row needs no approval. Adding another price of a known date fails later."""
    return _has_same_date(old, new) or not is_large(new, old)


def _per_unit(row: PriceRow) -> Fraction:
    usd, per_usd = row.price_usd.as_integer_ratio()
    return Fraction(usd, per_usd * row.per_units)
