"""Checks the amounts and percentages of budgets in requests."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec import UNSET, UnsetType

from api.http.problems import invalid_body
from ledger.budgets.limits import FULL
from schemas.budgets import (
    MAX_DECIMALS,
    MAX_LIMIT_USD,
    MAX_THRESHOLD_PERCENT,
    MAX_THRESHOLDS,
)
from schemas.money import nano_from_usd
from schemas.numbers import Number

_SMALLEST_STEP: Final = Decimal(1).scaleb(-MAX_DECIMALS)


def limit_nano(name: str, requested: Number) -> int:
    """Return a limit in nano-dollars; raises the 400 Problem, which names the field."""
    return nano_from_usd(bounded(name, requested, MAX_LIMIT_USD))


def percent_of(name: str, requested: Number, maximum: int) -> Decimal:
    """Return a percentage above 0; raises the 400 Problem, which names the field."""
    percent = bounded(name, requested, maximum)
    if not percent:
        raise invalid_body(f"`{name}` must be above 0.")
    return percent


def thresholds_of(requested: Sequence[Number] | UnsetType) -> tuple[Decimal, ...] | None:
    """Return the additional thresholds, sorted and unique; 100 is implicit and left out.

    Raises the 400 Problem.
    """
    if requested is UNSET:
        return None
    if len(requested) > MAX_THRESHOLDS:
        raise invalid_body(f"`thresholds` may hold at most {MAX_THRESHOLDS} percentages.")
    percents = {percent_of("thresholds", percent, MAX_THRESHOLD_PERCENT) for percent in requested}
    return tuple(sorted(percents - {FULL}))


def bounded(name: str, requested: Number, maximum: int) -> Decimal:
    """Return a number from 0 to `maximum` with the supported number of decimals.

    Raises the 400 Problem, which names the field.
    """
    number = Decimal(requested)
    if not number.is_finite() or not 0 <= number <= maximum:
        raise invalid_body(f"`{name}` must be a number from 0 to {maximum}.")
    kept = number.quantize(_SMALLEST_STEP)
    if kept != number:
        raise invalid_body(f"`{name}` may have at most {MAX_DECIMALS} decimals.")
    return kept.normalize()
