"""Prediction intervals with 80 % coverage, from the errors of past forecasts.

The error of a sum over H days is measured in steps of √(spread² · (H + H² ÷ n) + (drift² + growth²)
· (H² ÷ 2)²): the random variation of H days, the uncertainty of a level known from n days, and that
of its growth: `drift` may continue or stop, and no slope is known exactly (growth², computed by
`_slope_variance`). The interval reaches as many steps down and up as the 10 % and 90 % quantiles of
past errors over as many days, ranked as in split conformal prediction (Vovk and others, 2005), and
further up by 1 + H ÷ 60, because growth compounds. Past spans of H days overlap, so only their
number ÷ H are independent; while these are few, a normal error has more weight (`PRIOR_SPANS`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor, isqrt
from typing import Final, NamedTuple

from ledger.forecasts.rhythm import Rhythm, RhythmState
from ledger.forecasts.scale import ONE

LEVEL_DAYS_MAX: Final = 14
"""A level is never more certain than one known from this many days."""
TREND_DAYS_MAX: Final = 28
"""A slope is never more certain than one known from this many days, because trends change."""
GROWTH_PERCENT: Final = 1
"""Daily growth of typical users, in percent of the level: one standard deviation."""
COMPOUNDING_DAYS: Final = 60
"""Over this many days the interval reaches up twice as far as random variation alone would."""
PRIOR_SPANS: Final = 4
"""The weight of a normal error, in independent past spans."""
NORMAL_REACH: Final = Fraction(1_606, 1_000)
"""80 % of normal errors are within this many mean absolute errors."""

_TAIL: Final = Fraction(1, 10)


class ForecastInterval(NamedTuple):
    """The expected value and its 80 % interval, in the series' unit."""

    expected: int
    low: int
    high: int

    def plus(self, amount: int) -> ForecastInterval:
        """Return the interval shifted by a certain amount."""
        return ForecastInterval(self.expected + amount, self.low + amount, self.high + amount)


def forecast_interval(rhythm: Rhythm, shares: Sequence[Fraction]) -> ForecastInterval:
    """Return the interval for fractions of the days after the last known one."""
    expected, days = rhythm.expected(shares), sum(shares, Fraction(0))
    if not rhythm.largest or not days:
        return ForecastInterval(0, 0, 0)
    step = _step(rhythm.latest, days)
    down, up = _reach(rhythm, max(1, round(days)))
    return ForecastInterval(
        rhythm.unscaled(expected),
        rhythm.unscaled(max(Fraction(0), expected - down * step)),
        rhythm.unscaled(expected + up * step * (1 + days / COMPOUNDING_DAYS)),
    )


def _step(state: RhythmState, days: Fraction | int) -> int:
    """Return the step in which errors over `days` days are measured, in units of `SCALE`."""
    known_from = min(max(1, state.days), LEVEL_DAYS_MAX)
    by_chance = state.spread**2 * (days + Fraction(days * days, known_from))
    slope = Fraction(state.level.drift) ** 2 + _slope_variance(state)
    return isqrt(floor(by_chance + slope * (Fraction(days * days) / 2) ** 2))


def _slope_variance(state: RhythmState) -> Fraction:
    """Return the variance of growth per day: the typical one, reduced by what the days show.

    The variance of a least-squares slope through n days is 12 · spread² ÷ n³.
    """
    usual = Fraction(state.level.amount * GROWTH_PERCENT, 100) ** 2
    known_from = min(max(1, state.days), TREND_DAYS_MAX)
    of_line = Fraction(12 * state.spread**2, known_from**3)
    return usual * of_line / (usual + of_line) if usual and of_line else Fraction(0)


def _reach(rhythm: Rhythm, days: int) -> tuple[Fraction, Fraction]:
    """Return how many steps the interval reaches down and up."""
    errors = sorted(_past_errors(rhythm, days))
    if not errors:
        return NORMAL_REACH, NORMAL_REACH
    number, spans = len(errors), Fraction(len(errors), days)
    lowest = errors[max(0, floor((number + 1) * _TAIL) - 1)]
    highest = errors[min(number, ceil((number + 1) * (1 - _TAIL))) - 1]
    return _with_prior(-lowest, spans), _with_prior(highest, spans)


def _with_prior(error: int, spans: Fraction) -> Fraction:
    observed = Fraction(max(0, error), ONE)
    return (spans * observed + PRIOR_SPANS * NORMAL_REACH) / (spans + PRIOR_SPANS)


def _past_errors(rhythm: Rhythm, days: int) -> list[int]:
    """Return the errors of past forecasts over this many days; `ONE` is an error of one step."""
    errors = []
    for state in rhythm.states[1 : max(1, len(rhythm.amounts) - days + 1)]:
        start, step = state.days, _step(state, days)
        if step:
            weekday = rhythm.weekday + start - 1
            forecast = sum(state.ahead(ahead, weekday + ahead) for ahead in range(1, days + 1))
            errors.append((sum(rhythm.amounts[start : start + days]) - forecast) * ONE // step)
    return errors
