"""Which services, or all of them together, cost a user unusually much on a UTC day.

Days are compared on the square-root scale, on which what comes in by chance, call by call, scatters
alike on quiet and on busy days. The usual of a weekday is its median; a rise of the last two weeks
is the new usual; the spread is that of all days around their weekdays' usual. A user who has
costs on fewer than half of the days is compared with those days alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from math import isqrt
from typing import Final, NamedTuple

from ledger.anomalies.baselines import Baseline, baseline, median, precedent_count, spread
from schemas.money import NANO_PER_USD

WINDOW_DAYS: Final = 56
DAYS_MIN: Final = 28
"""Each weekday has to be known four times."""
SCORE_HUNDREDTHS_MIN: Final = 350
"""Spreads above the usual; see docs/anomalies.md for what that misses and what it spares."""
EXCESS_NANO_MIN: Final = NANO_PER_USD
"""What a spike has to cost beyond the usual, in nano-dollars."""
SPREAD_PERCENT_MIN: Final = 10
PRECEDENTS_MAX: Final = 1
"""A day as there were more of in the window is no surprise."""
ALL: Final = ""
"""Stands for all services together."""
SHARE_PERCENT_MIN: Final = 100
"""What a service's spike has to cost beyond the usual, of what the user's day usually costs."""
_WEEK: Final = 7
_RECENT_DAYS: Final = 14
_ACTIVE_MIN: Final = 15

Costs = Mapping[str, int]
"""Nano-dollars by service."""


class DaySpike(NamedTuple):
    """A service that cost unusually much on a day, None for all together; money is nano-dollars.

    `driver` is the service that rose most; `days` is how many days it is compared with.
    """

    service: str | None
    observed_nano: int
    expected_nano: int
    score_hundredths: int
    days: int
    driver: str


class _DayComparison(NamedTuple):
    """A day's cost at a service, what is usual of its square root, and the days before it."""

    observed: int
    usual: Baseline
    series: Sequence[int]

    @property
    def expected(self) -> int:
        return self.usual.level**2

    def spike(self, observed: int) -> int | None:
        """Return the score of a cost that is unusually large, None where it is not."""
        score = self.usual.score_hundredths(isqrt(max(0, observed)))
        is_spike = (
            score >= SCORE_HUNDREDTHS_MIN
            and observed - self.expected >= EXCESS_NANO_MIN
            and precedent_count(self.series, observed) <= PRECEDENTS_MAX
        )
        return score if is_spike else None


def history_days(first_day: date, day: date) -> list[date]:
    """Return the days before `day` that it is compared with, in order."""
    begin = max(first_day, day - timedelta(days=WINDOW_DAYS))
    return [begin + timedelta(days=ago) for ago in range((day - begin).days)]


def day_spikes(
    observed: Costs,
    past: Sequence[Costs],
    explained: Costs | None = None,
    raised: Collection[str] = (),
) -> Iterator[DaySpike]:
    """Yield what cost unusually much on a day, after the days of `past`, in order.

    What calls that were found to be spikes cost beyond their usual is `explained`, and left out: it
    is one cause. So is a rise of all services: it is one spike without a service. `raised` are the
    services that were found before, empty for all together, which makes further ones no news.
    """
    if len(past) < DAYS_MIN or ALL in raised:
        return
    explained = explained or {}
    usable = _by_service(observed, past, explained)
    total = _together(observed, past, explained)
    if total is None:
        return
    raised_nano = 0
    for service, against in usable.items():
        if service in raised:
            raised_nano += max(0, against.observed - against.expected)
            continue
        rise = _rise_of_others(service, usable)
        score = against.spike(against.observed * rise.denominator // rise.numerator)
        if score is not None and _moves(against, total):
            raised_nano += against.observed - against.expected
            yield _spike(service, against, score, service)
    if not usable:
        return
    score = total.spike(total.observed - raised_nano)
    if score is not None:
        driver = max(usable, key=lambda name: usable[name].observed - usable[name].expected)
        yield _spike(None, total, score, driver)


def _moves(against: _DayComparison, total: _DayComparison) -> bool:
    """Return whether a service's rise is enough beside what the user usually costs in a day."""
    return 100 * (against.observed - against.expected) >= SHARE_PERCENT_MIN * total.expected


def in_order(
    parts: Collection[str], observed: Costs, past: Sequence[Costs], explained: Costs
) -> list[str]:
    """Return which of these services, empty for all together, cost nothing unusual any more."""
    if len(past) < DAYS_MIN:
        return []
    usable = _by_service(dict.fromkeys(parts, 0) | dict(observed), past, explained)
    total = _together(observed, past, explained)
    found = {service: one for service, one in (usable | {ALL: total}).items() if one is not None}
    return [
        part for part in parts if part in found and found[part].spike(found[part].observed) is None
    ]


def _by_service(
    observed: Costs, past: Sequence[Costs], explained: Costs
) -> dict[str, _DayComparison]:
    known = {
        service: _against(nano - explained.get(service, 0), [one.get(service, 0) for one in past])
        for service, nano in sorted(observed.items())
    }
    return {service: one for service, one in known.items() if one is not None}


def _together(observed: Costs, past: Sequence[Costs], explained: Costs) -> _DayComparison | None:
    return _against(
        sum(observed.values()) - sum(explained.values()), [sum(one.values()) for one in past]
    )


def _spike(service: str | None, against: _DayComparison, score: int, driver: str) -> DaySpike:
    return DaySpike(service, against.observed, against.expected, score, against.usual.known, driver)


def _rise_of_others(service: str, known: Mapping[str, _DayComparison]) -> Fraction:
    """Return how many times the usual the other services cost, in the middle; at least once."""
    rises = sorted(
        Fraction(one.observed, one.expected)
        for name, one in known.items()
        if name != service and one.expected > 0
    )
    return max(Fraction(1), rises[(len(rises) - 1) // 2]) if rises else Fraction(1)


def _against(observed: int, series: Sequence[int]) -> _DayComparison | None:
    """Return a day beside what is usual; None where there are too few days with any cost."""
    active = [isqrt(nano) for nano in series if nano > 0]
    if 2 * len(active) >= len(series):
        return _DayComparison(observed, _by_weekday([isqrt(nano) for nano in series]), series)
    if len(active) < _ACTIVE_MIN:
        return None
    return _DayComparison(observed, baseline(active, SPREAD_PERCENT_MIN), series)


def _by_weekday(roots: Sequence[int]) -> Baseline:
    """Return what is usual on the day after these, in square roots of nano-dollars."""
    days = len(roots)
    of_weekday: list[list[int]] = [[] for _ in range(_WEEK)]
    for place, root in enumerate(roots):
        of_weekday[(days - place) % _WEEK].append(root)
    levels = [median(some) for some in of_weekday]
    left = [root - levels[(days - place) % _WEEK] for place, root in enumerate(roots)]
    level = max(0, levels[0] + max(0, median(left[-_RECENT_DAYS:])))
    known_from = len(of_weekday[0])
    # A median of n values scatters with π/2n of their variance (Laplace), which adds to theirs.
    variance = spread(left, median(left)) ** 2 * (100 * known_from + 157) // (100 * known_from)
    least = level * SPREAD_PERCENT_MIN // 100
    return Baseline(level, max(isqrt(variance), least), days)
