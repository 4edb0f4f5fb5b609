"""Laws of every forecast, over generated days, amounts and times."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ledger.forecasts.forecast import PERIOD_DAYS, budget_forecast, period_forecast
from ledger.forecasts.intervals import ForecastInterval, forecast_interval
from ledger.forecasts.rhythm import learn
from ledger.forecasts.scale import ONE, WEEK
from tests.support.forecasts import rhythms, spend

AMOUNTS = st.one_of(st.just(0), st.integers(0, 100), st.integers(0, 50 * 10**9), st.just(10**18))
HISTORIES = st.lists(AMOUNTS, max_size=50)
PERIODS = st.sampled_from(sorted(PERIOD_DAYS))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/Los_Angeles"])


def assert_sound(seen: ForecastInterval, least: int = 0) -> None:
    assert all(type(amount) is int for amount in seen)
    assert least <= seen.low <= seen.expected <= seen.high


@given(HISTORIES, AMOUNTS, PERIODS, MOMENTS)
def test_forecast_is_not_negative_and_within_its_interval(
    costs: list[int], today: int, period: str, now: datetime
) -> None:
    ahead = period_forecast(rhythms(costs, now, today=today), period)  # type: ignore[arg-type]
    assert_sound(ahead.cost, today)
    assert_sound(ahead.revenue, 2 * today)
    assert 0 <= ahead.confidence <= 1
    assert ahead.calls >= int(today > 0)


@given(HISTORIES, st.integers(2, 10**6), PERIODS, MOMENTS)
def test_forecast_does_not_depend_on_scale(
    costs: list[int], times: int, period: str, now: datetime
) -> None:
    """Up to the final rounding, to half of the smallest unit."""
    one = period_forecast(rhythms(costs, now), period)  # type: ignore[arg-type]
    many = period_forecast(rhythms(costs, now, scale=times), period)  # type: ignore[arg-type]
    for small, large in ((one.cost, many.cost), (one.revenue, many.revenue)):
        for less, more in zip(small, large, strict=True):
            assert abs(less * times - more) <= (times + 1) // 2
    assert many.calls == one.calls


@given(HISTORIES, st.integers(0, 40), st.integers(0, 40))
def test_days_without_calls_keep_forecasts_within_bounds(
    costs: list[int], before: int, after: int
) -> None:
    shares = [Fraction(1)] * 30
    padded = forecast_interval(learn([0] * before + costs + [0] * after, 0), shares)
    assert_sound(padded)
    # A day may be the largest, seven times that on its weekday, and grow for a while.
    assert padded.expected <= 30 * WEEK * 3 * max(costs, default=0)


@given(HISTORIES, st.integers(0, 6))
def test_weekday_factors_add_up_to_a_week(costs: list[int], weekday: int) -> None:
    for state in learn(costs, weekday).states:
        assert min(state.factors) >= 0
        assert abs(sum(state.factors) - WEEK * ONE) <= WEEK


@given(HISTORIES, st.lists(AMOUNTS, max_size=30))
def test_earlier_states_do_not_depend_on_later_days(costs: list[int], later: list[int]) -> None:
    """The state after some days is the state learned from those days alone."""
    largest = max([*costs, 1])
    whole = learn([largest, *costs, *(min(amount, largest) for amount in later)], 3)
    part = learn([largest, *costs], 3)
    assert list(whole.states[: len(part.states)]) == list(part.states)


@given(HISTORIES, AMOUNTS, MOMENTS, ZONES, st.integers(0, 10**12))
def test_month_forecast_is_at_least_its_spend(
    costs: list[int], spent: int, now: datetime, zone: str, limit: int
) -> None:
    learned = rhythms(costs, now)
    status = spend(now, day=0, month=spent, daily=limit, monthly=limit, zone=zone)
    seen = budget_forecast(learned, status)
    assert_sound(seen.month_end, spent)
    if seen.monthly_on is not None:
        assert status.month.label == f"{seen.monthly_on:%Y-%m}"
        assert seen.month_end.expected + 64 >= limit
    else:
        assert seen.month_end.expected <= limit + 64
    if seen.daily_on is not None:
        today = datetime.fromisoformat(status.day.label).date()
        assert timedelta() <= seen.daily_on - today <= timedelta(days=31)
