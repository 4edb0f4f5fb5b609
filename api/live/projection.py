"""Projects the cost of an active call at hang-up, from its cost so far and from usual calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Final, NamedTuple

from ledger.live.usual_calls import PERMILLE, CallLengths, UsualCall
from schemas.forecasts import INTERVAL_PERCENT
from schemas.money import half_even

RATE_MS_MIN: Final = 20_000
"""The minimum duration before a call's own rate is used: early costs predict little."""
USUAL_WEIGHT_MS: Final = 60_000
"""The duration at which a call's own rate and the usual rate have equal weights."""
_SURE_PERMILLE: Final = 900
"""A cost that at least this share of usual calls has is expected with certainty."""
_DEVIATIONS_PERMILLE: Final = {80: 1_500}[INTERVAL_PERCENT]
"""Half the interval's width in standard deviations, in thousandths. Durations are not normally
distributed."""


@dataclass(frozen=True, slots=True)
class ProjectedCall:
    """The known facts of an active call; durations are milliseconds, money nano-dollars."""

    elapsed_ms: int
    announced_ms: int | None
    costs: Mapping[str, int]


class Projection(NamedTuple):
    """The expected cost of a call at hang-up, and the range of 8 in 10 calls.

    `duration_ms` is the expected duration, `once_nano` the expected remaining one-time costs, and
    `calls` the number of earlier calls that it is based on. Money is nano-dollars.
    """

    cost_nano: int
    low_nano: int
    high_nano: int
    duration_ms: int
    once_nano: int
    calls: int


def project(
    call: ProjectedCall, usual: UsualCall | None, once_services: Collection[str], fee_nano: int
) -> Projection | None:
    """Return the projection of a call; None while its duration or its rate is unknown.

    Without usual calls, `fee_nano` is the payment fee that is expected at the end, and the call
    must have announced its duration and have a rate of its own.
    """
    if usual is None:
        return _from_own_rate(call, once_services, fee_nano)
    duration = _expected_duration(call, usual)
    due, due_low, due_high = _remaining_once_costs(call, usual, once_services)
    expected_ms = max(call.elapsed_ms, duration.expected_ms)
    rest = _remaining_running_costs(call, usual, once_services, expected_ms)
    so_far = sum(call.costs.values())
    once = sum(nano for service, nano in call.costs.items() if service in once_services)
    # The uncertainty of the running cost shrinks with the part that remains.
    spread = duration.spread_permille * isqrt((so_far - once + rest) * rest) // PERMILLE
    width = spread * _DEVIATIONS_PERMILLE // PERMILLE
    return Projection(
        so_far + rest + due,
        so_far + max(0, rest - width) + due_low,
        so_far + rest + width + due_high,
        expected_ms,
        due,
        usual.calls,
    )


class _ExpectedDuration(NamedTuple):
    expected_ms: int
    spread_permille: int


def _expected_duration(call: ProjectedCall, usual: UsualCall) -> _ExpectedDuration:
    """Return the expected duration: the announced one, scaled by earlier calls' durations."""
    if call.announced_ms is None:
        return _ExpectedDuration(usual.duration_ms, usual.lengths.spread_permille)
    known = usual.announced_lengths or CallLengths(1, 1, usual.lengths.spread_permille)
    expected_ms = half_even(call.announced_ms * known.duration_ms, known.base)
    return _ExpectedDuration(expected_ms, known.spread_permille)


def _remaining_once_costs(
    call: ProjectedCall, usual: UsualCall, once_services: Collection[str]
) -> tuple[int, int, int]:
    """Return the remaining one-time costs: expected, minimum and maximum."""
    expected = low = high = 0
    for service, cost in usual.costs.items():
        if service not in once_services or call.costs.get(service):
            continue
        expected += cost.cost_nano if 2 * cost.share_permille >= PERMILLE else 0
        low += cost.cost_nano if cost.share_permille >= _SURE_PERMILLE else 0
        high += cost.cost_nano if cost.share_permille > PERMILLE - _SURE_PERMILLE else 0
    return expected, low, high


def _remaining_running_costs(
    call: ProjectedCall, usual: UsualCall, once_services: Collection[str], duration_ms: int
) -> int:
    """Return the running costs that will be added until a duration.

    A service without a cost so far is billed at the end, at the usual rate of the whole call. The
    other services continue at a rate between their own and the usual one.
    """
    added = 0
    rest_ms = duration_ms - call.elapsed_ms
    usual_ms = max(1, usual.duration_ms)
    for service in call.costs.keys() | usual.costs.keys():
        if service in once_services:
            continue
        so_far = call.costs.get(service, 0)
        known = usual.costs.get(service)
        if known is None:
            added += half_even(so_far * rest_ms, max(call.elapsed_ms, RATE_MS_MIN))
            continue
        mean = half_even(known.cost_nano * known.share_permille, PERMILLE)
        if so_far:
            rate = so_far * usual_ms + mean * USUAL_WEIGHT_MS
            added += half_even(rate * rest_ms, usual_ms * (call.elapsed_ms + USUAL_WEIGHT_MS))
        else:
            added += half_even(mean * duration_ms, usual_ms)
    return added


def _from_own_rate(
    call: ProjectedCall, once_services: Collection[str], fee_nano: int
) -> Projection | None:
    so_far = sum(call.costs.values())
    once = sum(nano for service, nano in call.costs.items() if service in once_services)
    running = so_far - once
    if call.announced_ms is None or call.elapsed_ms < RATE_MS_MIN or running <= 0:
        return None
    rest_ms = max(0, call.announced_ms - call.elapsed_ms)
    rest = half_even(running * rest_ms, call.elapsed_ms)
    return Projection(
        so_far + rest + fee_nano,
        so_far,
        so_far + 2 * rest + fee_nano,
        call.elapsed_ms + rest_ms,
        fee_nano,
        0,
    )
