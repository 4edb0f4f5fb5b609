"""What is usual, and how far something lies above it: the median, and how far values lie from it.

Neither changes while fewer than one value of ten is strange, so a spike does not raise the bar for
the next one. Everything is integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.money import half_even

_MAD_TO_SIGMA: Final = (14_826, 10_000)
"""The median deviation of normal values is their standard deviation ÷ 1.4826 (Hampel, 1974)."""
_SIGMA_TO_TENTH: Final = (12_816, 10_000)
"""One normal value of ten lies more than 1.2816 standard deviations above the middle."""
_SCORE_MAX: Final = 1_000
_PERCENT: Final = 100


class Baseline(NamedTuple):
    """What is usual and how much values differ from it, as `known` values say, in their unit."""

    level: int
    spread: int
    known: int

    def score_hundredths(self, observed: int) -> int:
        """Return by how many hundredths of a spread a value lies above the usual; 0 for below."""
        above = max(0, observed - self.level)
        return min(half_even(_PERCENT * above, max(1, self.spread)), _PERCENT * _SCORE_MAX)


def median(values: Iterable[int]) -> int:
    """Return the middle value, of two the mean rounded half-even; there must be one."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return half_even(ordered[middle - 1] + ordered[middle], 2)


def spread(values: Sequence[int], level: int) -> int:
    """Return how far values lie from a level, scaled to a standard deviation.

    It is the median distance, or that of the upper tenth where that is more: costs are skewed, and
    what one day or call of ten comes to is no surprise.
    """
    numerator, denominator = _MAD_TO_SIGMA
    middle = half_even(median(abs(value - level) for value in values) * numerator, denominator)
    upper = sorted(values)[-(-9 * len(values) // 10) - 1] - level
    numerator, denominator = _SIGMA_TO_TENTH
    return max(middle, half_even(upper * denominator, numerator))


def baseline(values: Sequence[int], least_spread_percent: int) -> Baseline:
    """Return what is usual of values, of which there must be one.

    Values that hardly differ have a spread of `least_spread_percent` of the level all the same.
    """
    level = median(values)
    least = half_even(level * least_spread_percent, _PERCENT)
    return Baseline(level, max(spread(values, level), least), len(values))


def precedent_count(values: Iterable[int], observed: int) -> int:
    """Return how many values came to three quarters of what was observed, or to more."""
    return sum(4 * value >= 3 * observed for value in values)


def score_decimal(hundredths: int) -> Decimal:
    """Return a score with its two decimals."""
    return Decimal(hundredths).scaleb(-2)
