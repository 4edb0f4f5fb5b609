"""Baselines: the median of values, and a robust measure of their spread.

Both hardly change while fewer than one value in ten is unusual, so a spike does not raise the
threshold for the next one. All values are integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.money import half_even

_MAD_TO_SIGMA: Final = (14_826, 10_000)
"""The median deviation of normal values is their standard deviation ÷ 1.4826 (Hampel, 1974)."""
_SIGMA_TO_TENTH: Final = (12_816, 10_000)
"""A tenth of normal values lies more than 1.2816 standard deviations above the mean."""
_SCORE_MAX: Final = 1_000


class Baseline(NamedTuple):
    """The usual level and the spread of a number of values (`size`), in their unit."""

    level: int
    spread: int
    size: int

    def score_hundredths(self, observed: int) -> int:
        """Return the distance above the level in hundredths of the spread; 0 if below it."""
        above = max(0, observed - self.level)
        return min(half_even(100 * above, max(1, self.spread)), 100 * _SCORE_MAX)


def median(values: Iterable[int]) -> int:
    """Return the median of at least one value; the mean of two middle values is half-even."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return half_even(ordered[middle - 1] + ordered[middle], 2)


def spread(values: Sequence[int], level: int) -> int:
    """Return the spread of values around a level, scaled to a standard deviation.

    It is the median distance, or the distance of the upper tenth if that is larger: costs are
    skewed, and a cost that one day or call in ten has is not unusual.
    """
    numerator, denominator = _MAD_TO_SIGMA
    middle = half_even(median(abs(value - level) for value in values) * numerator, denominator)
    upper = sorted(values)[-(-9 * len(values) // 10) - 1] - level
    numerator, denominator = _SIGMA_TO_TENTH
    return max(middle, half_even(upper * denominator, numerator))


def baseline(values: Sequence[int], spread_percent_min: int) -> Baseline:
    """Return the baseline of at least one value.

    The spread is at least `spread_percent_min` of the level, for values that hardly differ.
    """
    level = median(values)
    minimum = half_even(level * spread_percent_min, 100)
    return Baseline(level, max(spread(values, level), minimum), len(values))


def precedent_count(values: Iterable[int], observed: int) -> int:
    """Return how many values are at least three quarters of the observed one."""
    return sum(4 * value >= 3 * observed for value in values)


def score_decimal(hundredths: int) -> Decimal:
    """Return a score with two decimals."""
    return Decimal(hundredths).scaleb(-2)
