"""Learns a user's days in one pass, oldest first.

A day is forecast before it is learned from, so past errors are out-of-sample errors. The state
after each day is kept: past forecasts over any span follow from it, and so do their errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from ledger.forecasts.levels import Level, Levels
from ledger.forecasts.scale import ONE, SCALE, WEEK
from ledger.forecasts.weekdays import EVEN, Weekdays
from schemas.money import half_even

PRIOR_ERRORS: Final = 2
"""The spread begins with this many errors as large as the level itself."""

OUTLIER_DAYS: Final = 28
OUTLIER_FACTOR: Final = 3
"""A day counts as at most this many times the largest of the days before it."""

_ERROR_MEMORY: Final = (31, 32)


class RhythmState(NamedTuple):
    """What is known after some days. `spread` is the mean absolute error of one-day forecasts."""

    days: int = 0
    level: Level = Level()
    spread: int = 0
    factors: tuple[int, ...] = EVEN

    def ahead(self, days: int, weekday: int) -> int:
        """Return the expected amount of the day after `days` days, which is a `weekday`."""
        return self.level.ahead(days) * self.factors[weekday % WEEK] // ONE


class Rhythm(NamedTuple):
    """A learned series: `amounts` in units of `SCALE`, where `largest` counts as `SCALE`.

    `weekday` is that of the first day, Monday is 0; `states[n]` is the state after `n` days.
    """

    amounts: Sequence[int]
    largest: int
    weekday: int
    states: Sequence[RhythmState]

    @property
    def latest(self) -> RhythmState:
        """The current state."""
        return self.states[-1]

    def expected(self, shares: Sequence[Fraction], first: int = 1) -> Fraction:
        """Return the expected sum of fractions of the next days, in units of `SCALE`.

        The first fraction is of the day that comes `first` days after the last known one.
        """
        state, after = self.latest, self.weekday + len(self.amounts) - 1
        return sum(
            (share * state.ahead(days, after + days) for days, share in enumerate(shares, first)),
            Fraction(0),
        )

    def unscaled(self, amount: Fraction | int) -> int:
        """Return an amount in the series' unit, rounded half-even."""
        exact = Fraction(amount) * self.largest / SCALE
        return half_even(exact.numerator, exact.denominator)


def learn(amounts: Sequence[int], weekday: int) -> Rhythm:
    """Learn whole days in order; `weekday` is that of the first, Monday is 0."""
    largest = max((abs(amount) for amount in amounts), default=0)
    scaled = [half_even(amount * SCALE, largest) if largest else 0 for amount in amounts]
    levels, weekdays, errors = Levels(), Weekdays(), _Errors()
    states = [RhythmState()]
    for number, amount in enumerate(scaled):
        before, day = states[-1], (weekday + number) % WEEK
        if number:
            errors.learn(amount - before.ahead(1, day))
        week = scaled[number + 1 - WEEK : number + 1] if number + 1 >= WEEK else None
        mean = None if week is None else max(0, sum(week)) // WEEK
        factors = before.factors
        if mean is not None:
            weekdays.learn(day, amount, mean)
        if number % WEEK == WEEK - 1:  # weekly is often enough, and saves most of the time
            factors = weekdays.factors()
        counted = _limit_outlier(amount, scaled[max(0, number - OUTLIER_DAYS) : number])
        level = levels.learn(counted, factors[day], mean)
        states.append(RhythmState(number + 1, level, errors.spread(level.amount), factors))
    return Rhythm(scaled, largest, weekday, states)


def _limit_outlier(amount: int, before: Sequence[int]) -> int:
    """Return a day's amount, limited if it is far above all days before it."""
    if len(before) < WEEK:
        return amount
    largest = max(before)
    return min(amount, OUTLIER_FACTOR * largest) if largest > 0 else amount


class _Errors:
    """The mean absolute error of one-day forecasts; newer errors have slightly more weight."""

    def __init__(self) -> None:
        self._sum = 0
        self._weight = 0

    def learn(self, error: int) -> None:
        numerator, denominator = _ERROR_MEMORY
        self._sum = self._sum * numerator // denominator + abs(error)
        self._weight = self._weight * numerator // denominator + ONE

    def spread(self, level: int) -> int:
        """Return the mean; a series without errors is assumed to err by its whole level."""
        weight = self._weight + PRIOR_ERRORS * ONE
        return (self._sum + PRIOR_ERRORS * level) * ONE // weight
