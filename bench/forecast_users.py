"""Simulated users whose days are forecast: what each kind does, a day at a time.

A day's calls are random around what the user is about to do; each call costs what such calls cost,
give or take half. Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from random import Random
from typing import Final, NamedTuple

from schemas.money import NANO_PER_USD

DAYS: Final = 90 + 30
"""Days of history at most, and the days after them that are forecast."""
NEW_DAYS: Final = (3, 12)

_CENT: Final = NANO_PER_USD // 100
_CALL_CENTS: Final = (35, 145)
_WORKING_WEEK: Final = (1.4, 1.5, 1.5, 1.4, 1.0, 0.1, 0.1)
_WEEKENDS: Final = (0.3, 0.3, 0.3, 0.4, 1.0, 2.6, 2.1)


class Kind(NamedTuple):
    """A kind of user: the calls to be expected on a day, by its number and a drawing of chance."""

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
    Kind("steady", _steady, _GROWN),
    Kind("working week", _working_week, _GROWN),
    Kind("weekends", _weekends, _GROWN),
    Kind("growing", _growing, _GROWN),
    Kind("fading", _fading, _GROWN),
    Kind("bursty", _bursty, _GROWN),
    Kind("sparse", _sparse, _GROWN),
    Kind("new", _working_week, (1, 3, 7, 10)),
)


class User(NamedTuple):
    """One simulated user: nano-dollars of each day; the first day is a Monday plus `weekday`."""

    weekday: int
    days: list[int]


def users(kind: Kind, number: int, seed: int) -> list[User]:
    """Return so many users of a kind."""
    return [_user(kind, Random(f"{seed} {kind.name} {index}")) for index in range(number)]


def _user(kind: Kind, rng: Random) -> User:
    weekday, busy = rng.randrange(7), rng.uniform(0.5, 2.0)
    days = []
    for day in range(DAYS):
        calls = _poisson(rng, busy * kind.expected(weekday + day, rng))
        days.append(sum(rng.randint(*_CALL_CENTS) * _CENT for _ in range(calls)))
    return User(weekday, days)


def _poisson(rng: Random, mean: float) -> int:
    """Return a number of calls: arrivals in a day at random moments (Knuth's way)."""
    limit, product, calls = exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        calls += 1
    return calls
