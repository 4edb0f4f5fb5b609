"""Weekday factors: how each weekday differs from its week, weighted by credibility.

Bühlmann and Straub's credibility (1970). A day's ratio is its amount ÷ the mean of the week that
ends with it, and that mean is its weight. A weekday's factor is 1 + Z · (its mean ratio - 1), where
Z = w ÷ (w + variance within weekdays ÷ variance between them) and w is the weekday's weight. With
few days or without a rhythm, Z is about 0 and every factor about 1.
"""

from __future__ import annotations

from typing import Final

from ledger.forecasts.scale import ONE, WEEK

EVEN: Final = (ONE,) * WEEK
"""The factors of a week without a rhythm."""

PRIOR_DEGREES: Final = 3
"""The degrees of freedom of the variance of all days, added to that within weekdays."""


class Weekdays:
    """Sums by weekday, from which the factors of Monday to Sunday are computed."""

    def __init__(self) -> None:
        self._counts = [0] * WEEK
        self._weights = [0] * WEEK
        self._sums = [0] * WEEK
        self._squares = [0] * WEEK

    def learn(self, weekday: int, amount: int, week_mean: int) -> None:
        """Learn a day, and the mean of the week that ends with it."""
        if week_mean > 0:
            self._counts[weekday] += 1
            self._weights[weekday] += week_mean
            self._sums[weekday] += amount
            self._squares[weekday] += amount * amount // week_mean

    def factors(self) -> tuple[int, ...]:
        """Return the factors, none below 0, with a mean of 1."""
        if min(self._counts) == 0:
            return EVEN
        weight = sum(self._weights)
        mean = sum(self._sums) * ONE // weight
        means = [s * ONE // w for s, w in zip(self._sums, self._weights, strict=True)]
        around = sum(w * (m - mean) ** 2 for m, w in zip(means, self._weights, strict=True))
        variance = self._variance(means, around)
        unevenness = sum(w * w for w in self._weights) // weight
        between = max(0, around - (WEEK - 1) * variance) // (weight - unevenness)
        if not between:
            return EVEN
        factors = [
            max(0, ONE + (m - mean) * w * between // (w * between + variance))
            for m, w in zip(means, self._weights, strict=True)
        ]
        total = sum(factors)
        return tuple(factor * WEEK * ONE // total for factor in factors) if total else EVEN

    def _variance(self, means: list[int], around: int) -> int:
        """Return the variance within weekdays, supplemented by that of all days."""
        columns = zip(self._squares, self._sums, self._weights, means, strict=True)
        within = sum(q * ONE * ONE - 2 * m * s * ONE + m * m * w for q, s, w, m in columns)
        within, days = max(0, within), sum(self._counts)
        of_all_days = (within + around) // (days - 1)
        return (within + PRIOR_DEGREES * of_all_days) // (days - WEEK + PRIOR_DEGREES)
