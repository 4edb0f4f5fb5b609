"""Day spikes: services, or all together, with an unusually high cost of a user on a UTC day.

Days are compared on the square-root scale, on which random arrivals of calls have the same variance
on quiet and busy days. The baseline of a weekday is its median; an increase of the last two weeks
is added to it; the spread is that of all days around their weekday's baseline. A user with costs on
fewer than half of the days is compared with those days only.
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
"""Each weekday must be known four times."""
SCORE_HUNDREDTHS_MIN: Final = 350
"""In spreads above the baseline; docs/anomalies.md gives precision and recall."""
EXCESS_NANO_MIN: Final = NANO_PER_USD
"""The least amount above the expected cost, in nano-dollars."""
SPREAD_PERCENT_MIN: Final = 10
PRECEDENTS_MAX: Final = 1
"""A cost that occurred on more days of the window is not unusual."""
ALL: Final = ""
"""In place of a service: all services together."""
SHARE_PERCENT_MIN: Final = 100
"""The least excess of a service, in percent of the user's usual cost of a day."""
_WEEK: Final = 7
_RECENT_DAYS: Final = 14
_ACTIVE_DAYS_MIN: Final = 15

CostByService = Mapping[str, int]
"""Nano-dollars by service."""


class UsualRange(NamedTuple):
    """The costs of a day in nano-dollars that are not unusual."""

    low_nano: int
    high_nano: int


class DaySpike(NamedTuple):
    """An unusually high cost of a service on a day, or of all if `service` is None.

    Money is nano-dollars. `driver` is the service with the largest increase; `days` is the number
    of compared days.
    """

    service: str | None
    observed_nano: int
    expected_nano: int
    score_hundredths: int
    days: int
    driver: str


class _DayComparison(NamedTuple):
    """A service's cost on a day, the baseline of its square root, and the days before."""

    observed: int
    usual: Baseline
    series: Sequence[int]

    @property
    def expected(self) -> int:
        return self.usual.level**2

    def spike_score(self, observed: int) -> int | None:
        """Return the score of an unusually high cost; None if the cost is not unusual."""
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


def usual_range(past: Sequence[int]) -> UsualRange | None:
    """Return the range of usual costs, from the days before in order; a higher cost may be a spike.

    None if too few days have a cost.
    """
    compared = _compare(0, past) if len(past) >= DAYS_MIN else None
    if compared is None:
        return None
    level = compared.usual.level
    distance = compared.usual.spread * SCORE_HUNDREDTHS_MIN // 100
    high = max((level + distance) ** 2, level**2 + EXCESS_NANO_MIN)
    return UsualRange(max(0, level - distance) ** 2, high)


def day_spikes(
    observed: CostByService,
    past: Sequence[CostByService],
    explained: CostByService | None = None,
    raised: Collection[str] = (),
) -> Iterator[DaySpike]:
    """Yield the spikes of a day, compared with the days of `past`, in order.

    `explained` is the excess of call spikes by service. It is subtracted, because it is the same
    cause. An increase of all services is one spike without a service. `raised` are the services,
    or `ALL`, that were reported before; they are not reported again.
    """
    if len(past) < DAYS_MIN or ALL in raised:
        return
    explained = explained or {}
    by_service = _by_service(observed, past, explained)
    total = _all_services(observed, past, explained)
    if total is None:
        return
    raised_nano = 0
    for service, compared in by_service.items():
        if service in raised:
            raised_nano += max(0, compared.observed - compared.expected)
            continue
        rise = _rise_of_others(service, by_service)
        score = compared.spike_score(compared.observed * rise.denominator // rise.numerator)
        if score is not None and _is_significant(compared, total):
            raised_nano += compared.observed - compared.expected
            yield _spike(service, compared, score, service)
    if not by_service:
        return
    score = total.spike_score(total.observed - raised_nano)
    if score is not None:
        driver = max(
            by_service, key=lambda name: by_service[name].observed - by_service[name].expected
        )
        yield _spike(None, total, score, driver)


def _is_significant(compared: _DayComparison, total: _DayComparison) -> bool:
    """Return whether a service's increase is large compared with the user's usual day."""
    return 100 * (compared.observed - compared.expected) >= SHARE_PERCENT_MIN * total.expected


def resolved_parts(
    parts: Collection[str],
    observed: CostByService,
    past: Sequence[CostByService],
    explained: CostByService,
) -> list[str]:
    """Return those of `parts`, services or `ALL`, whose cost is not unusual any more."""
    if len(past) < DAYS_MIN:
        return []
    days = _by_service(dict.fromkeys(parts, 0) | dict(observed), past, explained)
    total = _all_services(observed, past, explained)
    if total is not None:
        days[ALL] = total
    return [
        part
        for part in parts
        if part in days and days[part].spike_score(days[part].observed) is None
    ]


def _by_service(
    observed: CostByService, past: Sequence[CostByService], explained: CostByService
) -> dict[str, _DayComparison]:
    compared = {
        service: _compare(nano - explained.get(service, 0), [day.get(service, 0) for day in past])
        for service, nano in sorted(observed.items())
    }
    return {service: day for service, day in compared.items() if day is not None}


def _all_services(
    observed: CostByService, past: Sequence[CostByService], explained: CostByService
) -> _DayComparison | None:
    return _compare(
        sum(observed.values()) - sum(explained.values()), [sum(day.values()) for day in past]
    )


def _spike(service: str | None, compared: _DayComparison, score: int, driver: str) -> DaySpike:
    return DaySpike(
        service, compared.observed, compared.expected, score, compared.usual.size, driver
    )


def _rise_of_others(service: str, compared: Mapping[str, _DayComparison]) -> Fraction:
    """Return the median increase of the other services, as a factor of at least one."""
    rises = sorted(
        Fraction(other.observed, other.expected)
        for name, other in compared.items()
        if name != service and other.expected > 0
    )
    return max(Fraction(1), rises[(len(rises) - 1) // 2]) if rises else Fraction(1)


def _compare(observed: int, series: Sequence[int]) -> _DayComparison | None:
    """Return the comparison of a day; None if too few days have a cost."""
    active = [isqrt(nano) for nano in series if nano > 0]
    if 2 * len(active) >= len(series):
        return _DayComparison(observed, _by_weekday([isqrt(nano) for nano in series]), series)
    if len(active) < _ACTIVE_DAYS_MIN:
        return None
    return _DayComparison(observed, baseline(active, SPREAD_PERCENT_MIN), series)


def _by_weekday(roots: Sequence[int]) -> Baseline:
    """Return the baseline of the day after these, in square roots of nano-dollars."""
    days = len(roots)
    of_weekday: list[list[int]] = [[] for _ in range(_WEEK)]
    for index, root in enumerate(roots):
        of_weekday[(days - index) % _WEEK].append(root)
    levels = [median(amounts) for amounts in of_weekday]
    residuals = [root - levels[(days - index) % _WEEK] for index, root in enumerate(roots)]
    level = max(0, levels[0] + max(0, median(residuals[-_RECENT_DAYS:])))
    weekday_count = len(of_weekday[0])
    # The median of n values has π/2n of their variance (Laplace); it adds to that of the day.
    deviation = spread(residuals, median(residuals))
    variance = deviation**2 * (100 * weekday_count + 157) // (100 * weekday_count)
    minimum = level * SPREAD_PERCENT_MIN // 100
    return Baseline(level, max(isqrt(variance), minimum), days)
