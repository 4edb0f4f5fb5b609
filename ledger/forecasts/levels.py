"""The current level of an average day, from levels that follow changes at several speeds.

Each level is an exponentially weighted sum of amounts ÷ the same sum of their weekdays' factors. A
line through the two slower ones (Brown's double smoothing, 1963) follows growth; it flattens with
the days ahead (Gardner and McKenzie's damped trend, 1985). The four are averaged, with more weight
for those that forecast the mean of each week better a week before (Bates and Granger, 1969).
"""

from __future__ import annotations

from itertools import accumulate, repeat
from typing import Final, NamedTuple

from ledger.forecasts.scale import ONE, SCALE, WEEK

SMOOTHINGS: Final = (7, 21, 90)
"""A new day moves a level by 1 ÷ this number."""

DAYS_AHEAD_MAX: Final = 64
_DAMPING: Final = (31, 32)
"""Growth is multiplied by this fraction for each day ahead."""
_ERROR_MEMORY: Final = 16
"""A new error moves a mean squared error by 1 ÷ this number."""
_LINE_DAYS_MIN: Final = 14
_LINE_LEVER_MIN: Final = 2 * ONE
"""A line needs levels whose average ages differ by at least two days."""
_MEASURED_DAYS_MIN: Final = WEEK
_SMALLEST_SQUARE: Final = SCALE * SCALE >> 20
"""Added to each mean squared error, so that none is zero."""


def _damped() -> list[int]:
    shares = accumulate(
        repeat(ONE, DAYS_AHEAD_MAX), lambda share, _: share * _DAMPING[0] // _DAMPING[1]
    )
    return list(accumulate(shares))


DAMPED: Final = _damped()
"""The days of growth, in units of `ONE`, that count for 1, 2, 3 … days ahead."""


class Level(NamedTuple):
    """The amount of an average day, and its growth per day, in units of `SCALE`.

    `drift` is the recent rate of change, whether it is expected to continue or not.
    """

    amount: int = 0
    slope: int = 0
    drift: int = 0

    def ahead(self, days: int) -> int:
        """Return the amount in this many days, never below 0."""
        return max(0, self.amount + self.slope * DAMPED[days - 1] // ONE)


class _Average:
    """An exponentially weighted level, and the average age of its days."""

    def __init__(self, smoothing: int) -> None:
        self._smoothing = smoothing
        self._sum = 0
        self._weight = 0
        self._ages = 0

    def learn(self, amount: int, factor: int) -> None:
        smoothing = self._smoothing
        self._ages = (self._ages + self._weight) * (smoothing - 1) // smoothing
        self._sum = self._sum * (smoothing - 1) // smoothing + amount
        self._weight = self._weight * (smoothing - 1) // smoothing + factor

    @property
    def level(self) -> int:
        return max(0, self._sum * ONE // self._weight) if self._weight else 0

    @property
    def age(self) -> int:
        """The average age in days, in units of `ONE`."""
        return self._ages * ONE // self._weight if self._weight else 0


class Levels:
    """The levels of a series, learned one day at a time."""

    def __init__(self) -> None:
        self._averages = [_Average(smoothing) for smoothing in SMOOTHINGS]
        self._squares = [0] * (len(SMOOTHINGS) + 1)
        self._forecasts: list[tuple[int, ...]] = []
        self._measured_days = 0

    def learn(self, amount: int, factor: int, week_mean: int | None) -> Level:
        """Learn a day, and the mean of the week that ends with it; return the new level."""
        if week_mean is not None and len(self._forecasts) >= WEEK:
            self._measure_errors(week_mean)
        for average in self._averages:
            average.learn(amount, factor)
        levels = [Level(average.level) for average in self._averages]
        levels.append(self._line())
        self._forecasts.append(tuple(level.ahead((WEEK + 1) // 2) for level in levels))
        return self._mean(levels)

    def _measure_errors(self, week_mean: int) -> None:
        self._measured_days += 1
        for index, forecast in enumerate(self._forecasts[-WEEK]):
            square = (week_mean - forecast) ** 2
            self._squares[index] += (square - self._squares[index]) // _ERROR_MEMORY

    def _line(self) -> Level:
        """Return the line through the slower levels: its value today, and its slope."""
        near, far = self._averages[-2:]
        lever = far.age - near.age
        if len(self._forecasts) < _LINE_DAYS_MIN or lever < _LINE_LEVER_MIN:
            return Level(far.level)
        slope = (near.level - far.level) * ONE // lever
        return Level(max(0, near.level + slope * near.age // ONE), slope, abs(slope))

    def _mean(self, levels: list[Level]) -> Level:
        """Return the average, weighted by 1 ÷ the square of each level's mean squared error."""
        weights = [1] * len(SMOOTHINGS) + [0]
        if self._measured_days >= _MEASURED_DAYS_MIN:
            weights = [
                ((SCALE * SCALE << 20) // (square + _SMALLEST_SQUARE)) ** 2
                for square in self._squares
            ]
        total_weight = sum(weights)
        pairs = list(zip(levels, weights, strict=True))
        return Level(
            sum(level.amount * weight for level, weight in pairs) // total_weight,
            sum(level.slope * weight for level, weight in pairs) // total_weight,
            levels[-1].drift,
        )
