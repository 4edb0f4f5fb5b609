"""What is usual, and how far something lies above it: median and scaled median deviation.

Both stay what they are while fewer than half of the values are strange, so a spike does not raise
the bar for the next one. Everything is integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.money import half_even

_MAD_TO_SIGMA: Final = (14_826, 10_000)
"""The median deviation of normal values is their standard deviation ÷ 1.4826 (Hampel, 1974)."""
_SCORE_MOST: Final = 1_000
_PERCENT: Final = 100


class Usual(NamedTuple):
    """What is usual and how much values differ from it, as `known` values say, in their unit."""

    level: int
    spread: int
    known: int

    def score_hundredths(self, observed: int) -> int:
        """Return by how many hundredths of a spread a value lies above the usual; 0 for below."""
        above = max(0, observed - self.level)
        return min(half_even(_PERCENT * above, max(1, self.spread)), _PERCENT * _SCORE_MOST)


def median(values: Iterable[int]) -> int:
    """Return the middle value, of two the mean rounded half-even; there must be one."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return half_even(ordered[middle - 1] + ordered[middle], 2)


def spread(values: Sequence[int], level: int) -> int:
    """Return the median distance of values from a level, scaled to a standard deviation."""
    numerator, denominator = _MAD_TO_SIGMA
    return half_even(median(abs(value - level) for value in values) * numerator, denominator)


def usual(values: Sequence[int], least_spread_percent: int) -> Usual:
    """Return what is usual of values, of which there must be one.

    Values that hardly differ have a spread of `least_spread_percent` of the level all the same.
    """
    level = median(values)
    least = half_even(level * least_spread_percent, _PERCENT)
    return Usual(level, max(spread(values, level), least), len(values))


def precedents(values: Iterable[int], observed: int) -> int:
    """Return how many values came to three quarters of what was observed, or to more."""
    return sum(4 * value >= 3 * observed for value in values)


def score_decimal(hundredths: int) -> Decimal:
    """Return a score with its two decimals."""
    return Decimal(hundredths).scaleb(-2)
