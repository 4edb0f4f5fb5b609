"""Insights: sentences about the totals of all users, computed from sums only.

The same sums always give the same sentences, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from ledger.reports.profit import Profit
from schemas.money import NANO_PER_USD, half_even, percent_text
from schemas.sentences import dollars, service_name, times, whole_percent

LARGE_PERCENT: Final = 30
"""The share of all costs from which a service is mentioned."""
FEE_PERCENT: Final = 10
"""The share of revenue from which payment processors' fees are mentioned."""
MARGIN_PERCENT: Final = 20
"""The margin below which it is mentioned."""
CHANGE_PERCENT: Final = 10
"""The change in the average cost of a call from which it is mentioned."""

DOUBLED_NANO_MIN: Final = NANO_PER_USD
"""The least increase in spending, besides doubling, that is mentioned; nano-dollars."""


class PeriodSums(NamedTuple):
    """The totals of a period; `costs` are nano-dollars by service."""

    calls: int
    costs: Mapping[str, int]
    profit: Profit


class Insights(NamedTuple):
    """The service with the highest cost, if any, its share, and sentences."""

    largest: str | None
    largest_percent: str
    recommendations: list[str]


def insights(now: PeriodSums, before: PeriodSums, days: int) -> Insights:
    """Return the insights about a period of `days` days and the equal one before it."""
    cost_nano = now.profit.cost_nano
    largest = max(sorted(now.costs), key=lambda name: now.costs[name], default=None)
    if largest is None or now.costs[largest] <= 0:
        return Insights(None, "0.00%", [])
    share = percent_text(now.costs[largest], cost_nano)
    sentences = [
        *_about_largest(largest, now),
        *_about_fees(now),
        *_about_margin(now),
        *_about_growth(now, before, days),
        *_about_change(now, before, days),
    ]
    return Insights(largest, share, sentences)


def _about_largest(service: str, now: PeriodSums) -> Iterator[str]:
    nano, all_nano = now.costs[service], now.profit.cost_nano
    if nano * 100 >= LARGE_PERCENT * all_nano > 0:
        yield (
            f"{service_name(service)} is {whole_percent(nano, all_nano)} of cost: {dollars(nano)} "
            f"of {dollars(all_nano)}. Prices 10% lower would have saved "
            f"{dollars(half_even(nano, 10))}."
        )


def _about_fees(now: PeriodSums) -> Iterator[str]:
    fees, charged = now.profit.transaction_nano, now.profit.charged_nano
    if charged > 0 and fees * 100 >= FEE_PERCENT * charged and now.calls > 0:
        yield (
            f"Payment fees took {dollars(fees)}: {whole_percent(fees, charged)} of what was "
            f"charged, {dollars(half_even(fees, now.calls))} per call. Charging several calls at "
            "once pays the fixed part less often."
        )


def _about_margin(now: PeriodSums) -> Iterator[str]:
    gross, charged = now.profit.gross_nano, now.profit.charged_nano
    if gross < 0:
        yield (
            f"Calls lost {dollars(-gross)}: they cost {dollars(now.profit.cost_nano)} and brought "
            f"in {dollars(charged - now.profit.refunded_nano)} after refunds."
        )
    elif charged > 0 and gross * 100 < MARGIN_PERCENT * charged:
        yield (
            f"The margin is {now.profit.margin_percent}: {dollars(gross)} left of "
            f"{dollars(charged)} charged."
        )


def _about_growth(now: PeriodSums, before: PeriodSums, days: int) -> Iterator[str]:
    cost, earlier = now.profit.cost_nano, before.profit.cost_nano
    if earlier > 0 and cost >= 2 * earlier and cost - earlier >= DOUBLED_NANO_MIN:
        yield (
            f"Cost is {times(cost, earlier)} that of the previous {days} days: {dollars(cost)}, "
            f"up from {dollars(earlier)}."
        )


def _about_change(now: PeriodSums, before: PeriodSums, days: int) -> Iterator[str]:
    if not now.calls or not before.calls or before.profit.cost_nano <= 0:
        return
    # Averages are compared as fractions with one denominator, without rounding.
    cost = now.profit.cost_nano * before.calls
    earlier = before.profit.cost_nano * now.calls
    if abs(cost - earlier) * 100 < CHANGE_PERCENT * earlier:
        return
    word = "more" if cost > earlier else "less"
    yield (
        f"Calls cost {dollars(half_even(now.profit.cost_nano, now.calls))} on average, "
        f"{whole_percent(abs(cost - earlier), earlier)} {word} than in the previous {days} days "
        f"({dollars(half_even(before.profit.cost_nano, before.calls))}); "
        f"driven by {service_name(_mover(now, before, rising=cost > earlier))}."
    )


def _mover(now: PeriodSums, before: PeriodSums, *, rising: bool) -> str:
    """Return the service whose cost per call changed most in that direction."""
    sign = 1 if rising else -1

    def change(service: str) -> int:
        current = now.costs.get(service, 0) * before.calls
        return sign * (current - before.costs.get(service, 0) * now.calls)

    return max(sorted({*now.costs, *before.costs}), key=change)
