"""Simulated users for forecasts: the cost of each day, by kind of user.

The number of calls of a day is random around the user's rhythm; the cost of a call varies around a
typical cost. The seed determines everything.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from random import Random
from typing import Final, NamedTuple

from schemas.money import NANO_PER_USD

DAYS: Final = 90 + 30
"""The maximum number of days of history, and the forecast days after them."""
NEW_DAYS: Final = (3, 12)

_CENT: Final = NANO_PER_USD // 100
_CALL_CENTS: Final = (35, 145)
_WORKING_WEEK: Final = (1.4, 1.5, 1.5, 1.4, 1.0, 0.1, 0.1)
_WEEKENDS: Final = (0.3, 0.3, 0.3, 0.4, 1.0, 2.6, 2.1)


class ForecastUserKind(NamedTuple):
    """A kind of user, with its expected number of calls on a day."""

    name: str
    expected: Callable[[int, Random], float]
    history_days: tuple[int, ...]


def _steady(_day: int, _rng: Random) -> float:
    return 6.0


def _working_week(day: int, _rng: Random) -> float:
    return 5.0 * _WORKING_WEEK[day % 7]


def _weekends(day: int, _rng: Random) -> float:
    return 4.0 * _WEEKENDS[day % 7]


def _growing(day: int, _rng: Random) -> float:
    return 2.0 * exp(0.015 * day)


def _fading(day: int, _rng: Random) -> float:
    return 12.0 * exp(-0.015 * day)


def _bursty(_day: int, rng: Random) -> float:
    return 20.0 if rng.random() < 0.08 else 1.5


def _sparse(_day: int, _rng: Random) -> float:
    return 0.2


_GROWN: Final = (14, 28, 60, 90)
KINDS: Final = (
    ForecastUserKind("steady", _steady, _GROWN),
    ForecastUserKind("working week", _working_week, _GROWN),
    ForecastUserKind("weekends", _weekends, _GROWN),
    ForecastUserKind("growing", _growing, _GROWN),
    ForecastUserKind("fading", _fading, _GROWN),
    ForecastUserKind("bursty", _bursty, _GROWN),
    ForecastUserKind("sparse", _sparse, _GROWN),
    ForecastUserKind("new", _working_week, (1, 3, 7, 10)),
)


class User(NamedTuple):
    """A simulated user: nano-dollars of each day; the first day is a Monday plus `weekday`."""

    weekday: int
    days: list[int]


def users(kind: ForecastUserKind, number: int, seed: int) -> list[User]:
    """Return `number` users of a kind."""
    return [_user(kind, Random(f"{seed} {kind.name} {index}")) for index in range(number)]


def _user(kind: ForecastUserKind, rng: Random) -> User:
    weekday, busy = rng.randrange(7), rng.uniform(0.5, 2.0)
    days = []
    for day in range(DAYS):
        calls = _poisson(rng, busy * kind.expected(weekday + day, rng))
        days.append(sum(rng.randint(*_CALL_CENTS) * _CENT for _ in range(calls)))
    return User(weekday, days)


def _poisson(rng: Random, mean: float) -> int:
    """Return a Poisson-distributed number of calls (Knuth's algorithm)."""
    limit, product, calls = exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        calls += 1
    return calls
