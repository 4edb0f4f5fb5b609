"""Forecasts of simple histories: none, one day, steady days, weeks, growth."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from ledger.forecasts.forecast import (
    BudgetForecast,
    DayTotals,
    PeriodForecast,
    budget_forecast,
    learn_rhythms,
    period_forecast,
)
from ledger.forecasts.intervals import ForecastInterval
from ledger.forecasts.warnings import forecast_warnings
from tests.support.forecasts import NOON, USD, rhythms, spend, totals

MIDNIGHT = NOON.replace(hour=0)
OFFICE = [8 * USD] * 5 + [0, 0]


def expected(
    costs: list[int], period: str = "weekly", now: datetime = MIDNIGHT, **more: int
) -> int:
    return period_forecast(rhythms(costs, now, **more), period).cost.expected  # type: ignore[arg-type]


def test_new_user_has_no_forecast() -> None:
    learned = learn_rhythms([], None, NOON)
    ahead = period_forecast(learned, "monthly")
    nothing = ForecastInterval(0, 0, 0)
    assert ahead == PeriodForecast(Decimal(0), nothing, nothing, Decimal(0))
    budget = budget_forecast(learned, spend(daily=USD, monthly=USD))
    assert budget == BudgetForecast(ForecastInterval(0, 0, 0), None, None)
    [warning] = forecast_warnings(learned, ahead, spend(), budget)
    assert "No full day" in warning


def test_spend_of_the_first_day_is_not_a_forecast() -> None:
    ahead = period_forecast(rhythms([], today=3 * USD), "daily")
    assert ahead.cost == ForecastInterval(3 * USD, 3 * USD, 3 * USD)
    assert ahead.confidence == 0


def test_one_day_is_repeated() -> None:
    ahead = period_forecast(rhythms([2 * USD], MIDNIGHT), "weekly")
    assert ahead.cost.expected == 14 * USD
    assert ahead.cost.low == 0
    assert ahead.cost.high > 28 * USD
    assert 0 < ahead.confidence < Decimal("0.1")


@pytest.mark.parametrize("days", [3, 14, 90])
def test_confidence_grows_with_steady_days(days: int) -> None:
    ahead = period_forecast(rhythms([2 * USD] * days, MIDNIGHT), "monthly")
    assert abs(ahead.cost.expected - 60 * USD) < 100
    assert ahead.revenue.expected == pytest.approx(2 * ahead.cost.expected, abs=2)
    assert ahead.calls == 30
    surer = period_forecast(rhythms([2 * USD] * (days + 1), MIDNIGHT), "monthly")
    assert surer.confidence >= ahead.confidence
    assert surer.cost.high - surer.cost.low <= ahead.cost.high - ahead.cost.low


def test_confidence_falls_with_spread() -> None:
    calm = period_forecast(rhythms([2 * USD] * 60), "weekly").confidence
    wild = period_forecast(rhythms([0, 0, 0, 0, 10 * USD] * 12), "weekly").confidence
    assert calm > Decimal("0.8") > Decimal("0.6") > wild


def test_weekly_rhythm_is_found() -> None:
    """From Thursday on: three busy days, a quiet weekend, two busy days."""
    history = [0, 0, *OFFICE * 8, 8 * USD, 8 * USD][-58:]
    assert rhythms(history, MIDNIGHT).days[-1].cost_nano == 8 * USD
    assert expected(history, "daily") == pytest.approx(8 * USD, rel=0.1)
    saturday = MIDNIGHT + timedelta(days=3)
    assert expected([*history, *[8 * USD] * 3], "daily", saturday) < USD // 2
    assert expected(history, "weekly") == pytest.approx(40 * USD, rel=0.05)


def test_days_without_a_rhythm_have_equal_weekdays() -> None:
    factors = rhythms([USD, 3 * USD, 2 * USD] * 25).cost.latest.factors
    assert max(factors) - min(factors) < max(factors) // 20


def test_growth_is_continued_and_damped() -> None:
    grown = [USD + number * USD // 10 for number in range(90)]
    ahead = expected(grown, "monthly")
    assert 30 * grown[-1] * 95 // 100 < ahead < sum(USD + n * USD // 10 for n in range(90, 120))


def test_outlier_does_not_set_the_level() -> None:
    calm = [USD] * 40
    strange = [*calm[:30], 50 * USD, *calm[31:]]
    assert expected(calm) <= expected(strange) < expected(calm) * 3 // 2


def test_forecasts_fade_when_calls_stop() -> None:
    fading = [expected([USD] * 60 + [0] * days) for days in (0, 7, 14, 28, 60)]
    assert all(later < earlier for earlier, later in pairwise(fading))
    assert fading[-1] < fading[0] // 10


def test_days_without_calls_count() -> None:
    """A user who calls every tenth day differs from one who calls daily."""
    learned = learn_rhythms(totals([USD])[:1], NOON.date() - timedelta(days=10), NOON)
    assert len(learned.days) == 10
    sparse = period_forecast(rhythms(([0] * 9 + [10 * USD]) * 9, MIDNIGHT), "monthly")
    assert sparse.cost.expected == pytest.approx(30 * USD, rel=0.4)
    assert Decimal(1) < sparse.calls < Decimal(6)


def test_today_is_its_spend_plus_the_rest_of_a_usual_day() -> None:
    steady = [2 * USD] * 30
    assert expected(steady, "daily", NOON, today=0) == pytest.approx(USD, abs=9)
    assert expected(steady, "daily", NOON, today=5 * USD) == pytest.approx(6 * USD, abs=9)
    evening = NOON + timedelta(hours=11, minutes=59, seconds=59)
    assert 5 * USD < expected(steady, "daily", evening, today=5 * USD) < 5 * USD + USD // 1000


def test_only_the_last_ninety_days_count() -> None:
    learned = rhythms([100 * USD, *[USD] * 90])
    assert len(learned.days) == 90
    future = DayTotals(NOON.date() + timedelta(days=1), 9, 9, 9)
    assert learn_rhythms([*totals([USD] * 90), future], date(2020, 1, 1), NOON).cost == learned.cost


def test_month_is_its_spend_plus_the_forecast_of_the_rest() -> None:
    """From noon of the 18th there are twelve and a half days left in November."""
    learned, standing = rhythms([2 * USD] * 60), spend(month=35 * USD)
    end = budget_forecast(learned, standing).month_end
    assert end.expected == pytest.approx(60 * USD, abs=99)
    assert 35 * USD <= end.low <= end.expected <= end.high
    charged = budget_forecast(learned, spend(month=70 * USD, basis="charged")).month_end
    assert charged.expected == pytest.approx(120 * USD, abs=199)


@pytest.mark.parametrize(
    ("monthly", "on"),
    [(35, 18), (36, 18), (37, 19), (38, 19), (39, 20), (59, 30), (61, None), (0, 18)],
)
def test_day_of_reaching_the_monthly_limit_is_forecast(monthly: int, on: int | None) -> None:
    """By noon of the 18th 35 are spent; each whole day adds 2, with a little to spare."""
    learned = rhythms([2 * USD + 10_000] * 60)
    day = budget_forecast(learned, spend(month=35 * USD, monthly=monthly * USD)).monthly_on
    assert day == (None if on is None else date(2026, 11, on))


def test_first_day_over_the_daily_limit_is_forecast() -> None:
    history = [0, 0, *OFFICE * 8, 8 * USD, 8 * USD][-58:]
    now = MIDNIGHT + timedelta(days=3)
    learned = rhythms([*history, *[8 * USD] * 3], now)
    monday = budget_forecast(learned, spend(now, daily=6 * USD)).daily_on
    assert monday == date(2026, 11, 23)
    assert budget_forecast(learned, spend(now, daily=20 * USD)).daily_on is None
    assert budget_forecast(learned, spend(now, day=7 * USD, daily=6 * USD)).daily_on == now.date()


def test_days_follow_the_time_zone_of_the_user() -> None:
    """At noon in London it is the 19th already on Kiritimati, and ten hours of it are over 2."""
    standing = spend(day=0, monthly=36 * USD, month=35 * USD, zone="Pacific/Kiritimati")
    reached = budget_forecast(rhythms([2 * USD + 10_000] * 60), standing)
    assert reached.monthly_on == date(2026, 11, 19)
    assert standing.month.end == datetime(2026, 11, 30, 10, tzinfo=UTC)


def test_uncertain_forecasts_have_warnings() -> None:
    def warnings(costs: list[int], **standing: int) -> list[str]:
        learned, at = rhythms(costs), spend(**standing)  # type: ignore[arg-type]
        ahead = period_forecast(learned, "monthly")
        return forecast_warnings(learned, ahead, at, budget_forecast(learned, at))

    assert warnings([USD] * 60) == []
    assert "Only 1 full day" in warnings([USD])[0]
    assert "Only 3 full days" in warnings([USD] * 3)[0]
    assert "No calls for 20 days" in warnings([USD] * 40 + [0] * 20)[0]
    learned = rhythms(([0] * 9 + [90 * USD]) * 6)
    unsure = period_forecast(learned, "daily")
    [warning] = forecast_warnings(learned, unsure, spend(), budget_forecast(learned, spend()))
    assert "trust the range" in warning
    result = warnings([2 * USD] * 60, month=35 * USD, monthly=40 * USD, day=2 * USD, daily=2 * USD)
    assert result == [
        "Your daily limit of $2.00 is reached.",
        "Your monthly limit of $40.00 is expected to be reached on November 20, 2026 (UTC).",
    ]
    assert warnings([2 * USD] * 60, monthly=100 * USD, burn_rate=10 * USD) == [
        "At the pace of the active calls, your monthly limit of $100.00 will be reached today."
    ]


def test_refunds_do_not_make_revenue_negative() -> None:
    days = [each._replace(revenue_nano=-USD) for each in totals([USD] * 20)]
    ahead = period_forecast(learn_rhythms(days, days[0].day, NOON), "monthly")
    assert ahead.revenue.expected == ahead.revenue.low == 0


@pytest.mark.parametrize(("week", "doubled"), [(USD, True), (USD * 199 // 200, False)])
def test_doubled_spending_is_a_warning(week: int, doubled: bool) -> None:
    learned = rhythms([USD // 2] * 21 + [week] * 7, MIDNIGHT)
    warnings = forecast_warnings(
        learned, period_forecast(learned, "weekly"), spend(), budget_forecast(learned, spend())
    )
    result = [one for one in warnings if "in the last 7 days" in one]
    assert result == (
        ["Cost in the last 7 days: $7.00, 2\N{MULTIPLICATION SIGN} the $3.50 of the week before."]
        if doubled
        else []
    )
