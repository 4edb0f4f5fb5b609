"""The rules of budgets: thresholds, burn rate, limit changes and authorization."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.budgets.authorization import LimitUsage, decide_authorization, expected_cost, hold_until
from ledger.budgets.burn_rate import ChargeableCall, burn_rate, seconds_to_threshold
from ledger.budgets.limits import Limit, LimitChange, Limits, apply_change
from ledger.budgets.thresholds import BudgetPosition, reached_thresholds

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
USD = 10**9
nanos = st.integers(0, 10**12)
percents = st.decimals("0.000000001", 1000, places=9)


def position(before: int, after: int, limit: int, *, closed: bool = False) -> BudgetPosition:
    return BudgetPosition(
        "alice", Limit("daily", limit, 1), "2026-11-22", NOW, NOW, before, after, closed
    )


@given(before=st.integers(-(10**12), 10**12), after=st.integers(-(10**12), 10**12), limit=nanos,
       percent=percents, closed=st.booleans())  # fmt: skip
def test_threshold_is_reached_exactly_at_its_share(
    before: int, after: int, limit: int, percent: Decimal, closed: bool
) -> None:
    goal = Fraction(percent) * limit / 100
    due = after >= goal and not (closed and before >= goal)
    assert (
        reached_thresholds(position(before, after, limit, closed=closed), [percent])
        == [percent] * due
    )


def test_threshold_is_exact_beyond_decimal_precision() -> None:
    """By default a product of decimals keeps 28 digits only."""
    limit, percent = 10**18 - 1, Decimal("99.999999999")
    goal = -(-limit * 99_999_999_999 // (100 * 10**9))
    assert reached_thresholds(position(0, goal, limit), [percent]) == [percent]
    assert reached_thresholds(position(0, goal - 1, limit), [percent]) == []


def test_threshold_is_exact_to_the_nano_dollar() -> None:
    limit = 3 * USD
    assert reached_thresholds(position(0, 999_999_999, limit), [Decimal("33.3333333")]) == [
        Decimal("33.3333333")
    ]
    assert reached_thresholds(position(0, 999_999_998, limit), [Decimal("33.3333333")]) == []


def test_limit_version_rises_only_with_a_real_change() -> None:
    limits = Limits(user_id="alice", daily_nano=5, daily_version=3)
    same = apply_change(limits, LimitChange(daily_limit=(True, 5), timezone="UTC"), epoch=0)
    assert same == limits
    other = apply_change(
        limits, LimitChange(daily_limit=(True, None), call_limit=(True, 0)), epoch=0
    )
    assert (other.daily_nano, other.daily_version) == (None, 4)
    assert (other.call_nano, other.call_version, other.monthly_version) == (0, 1, 0)
    further = LimitChange(auto_cutoff=False, thresholds=(Decimal(5),))
    assert apply_change(limits, further, epoch=0).extra_thresholds == (Decimal(5),)


def test_new_limit_versions_are_at_least_the_epoch() -> None:
    first = Limits(user_id="alice", daily_nano=5, daily_version=3, monthly_nano=5)
    second = apply_change(first, LimitChange(daily_limit=(True, 6)), epoch=100)
    assert (second.daily_version, second.monthly_version) == (100, 0)
    assert apply_change(second, LimitChange(daily_limit=(True, 7)), epoch=100).daily_version == 101


def call(seconds: int, cost: int, expected_seconds: int | None = None) -> ChargeableCall:
    expected = None if expected_seconds is None else expected_seconds * 1000
    return ChargeableCall(NOW - timedelta(seconds=seconds), cost, expected)


@pytest.mark.parametrize(
    ("calls", "by_cost", "by_charge"),
    [
        ([], 0, 0),
        ([call(60, USD, 600)], 60 * USD, 6 * 5 * USD),
        ([call(60, USD)], 60 * USD, 12 * 5 * USD),
        ([call(600, USD, 60)], 6 * USD, 6 * 5 * USD),  # the call is longer than expected
        ([call(0, 5)], 5 * 3600, 12 * 5 * USD),
        ([call(5 * 3600, USD)], 0, 0),  # the end event was lost
        ([call(60, USD, 600), call(120, USD, 300)], 90 * USD, 18 * 5 * USD),
    ],
)
def test_burn_rate_is_the_spend_of_the_last_hour(
    calls: list[ChargeableCall], by_cost: int, by_charge: int
) -> None:
    assert burn_rate(calls, "cost", lambda *_: 5 * USD, NOW) == by_cost
    assert burn_rate(calls, "charged", lambda *_: 5 * USD, NOW) == by_charge


@pytest.mark.parametrize(
    ("spend", "rate", "within", "seconds"),
    [
        (0, 36 * USD, 3600, 800),
        (8 * USD, 36 * USD, 3600, 200),  # the next threshold is 100 %
        (8 * USD - 1, 36 * USD, 3600, 1),  # never "now" before it is reached
        (10 * USD, 36 * USD, 3600, None),
        (0, 0, 3600, None),
        (0, 36 * USD, 799, None),  # the period ends first
    ],
)
def test_time_to_a_threshold_follows_the_burn_rate(
    spend: int, rate: int, within: int, seconds: int | None
) -> None:
    thresholds = [Decimal(80), Decimal(100)]
    assert seconds_to_threshold(10 * USD, spend, thresholds, rate, within) == seconds


def test_threshold_missed_by_a_nano_dollar_is_not_reached() -> None:
    limit, below = 900_000_099_999_999_997, 300_000_033_330_333_332
    assert seconds_to_threshold(limit, below, [Decimal("33.333333333")], USD, 3600) == 1
    assert seconds_to_threshold(limit, below + 1, [Decimal("33.333333333")], USD, 3600) is None


@given(spend=nanos, held=nanos, limit=nanos, requested=nanos)
def test_call_may_use_the_remaining_budget_and_no_more(
    spend: int, held: int, limit: int, requested: int
) -> None:
    room = LimitUsage(Limit("monthly", limit, 1), spend, held)
    verdict = decide_authorization([room], [], requested, requested)
    assert (verdict.denied_by is None) is (spend + held + requested <= limit)
    assert verdict.remaining_nano == max(0, limit - spend - held)


def test_tightest_limit_decides() -> None:
    rooms = [LimitUsage(Limit("daily", 10, 1), 0, 0), LimitUsage(Limit("monthly", 100, 1), 95, 0)]
    assert decide_authorization(rooms, [], 5, 5)[:2] == (None, 5)
    assert decide_authorization(rooms, [], 6, 6)[:2] == (rooms[1].limit, 5)
    of_call = Limit("call", 4, 1)
    assert decide_authorization(rooms, [of_call], 5, 5)[:2] == (of_call, 4)
    assert decide_authorization([], [], 10**18, 10**18)[:2] == (None, None)


def test_holds_expire() -> None:
    assert hold_until(NOW, None) - NOW == timedelta(hours=1)
    assert hold_until(NOW, 600_000) - NOW == timedelta(minutes=35)
    assert hold_until(NOW, 10**9) - NOW == timedelta(hours=24)


def test_expected_cost_follows_the_history_of_the_user() -> None:
    assert expected_cost(90_000, 0, 0) == 150_000_000
    assert expected_cost(90_000, 500_000_000, 60_000) == 750_000_000
