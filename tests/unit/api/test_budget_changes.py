"""Budget changes in request bodies, and the budget in answers."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.bodies import parse_json
from api.http.problems import Problem
from api.routes.budgets import budget
from api.routes.budgets import change_of as change_of_body
from ledger.budgets.budgets import BudgetStatus
from ledger.budgets.call_steps import StepSettings
from ledger.budgets.limits import LimitChange, Limits
from ledger.calls.periods import period_of
from schemas.budgets import BudgetChange
from schemas.exact import Exact
from schemas.money import NANO_PER_USD, Usd, usd_text

MAXIMA = 1_000_000_000 * NANO_PER_USD
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def change_of(body: bytes) -> LimitChange:
    """Return the change that a body requests, as the route reads it."""
    return change_of_body(parse_json(body, BudgetChange))


def budget_status(
    daily: int | None, monthly: int | None, percent: Decimal, today: int, month: int, rate: int = 0
) -> BudgetStatus:
    """Return the budget status of a user at NOW."""
    limits = Limits(
        user_id="alice", daily_nano=daily, monthly_nano=monthly, warning_percent=percent
    )
    periods = period_of("daily", NOW, "UTC"), period_of("monthly", NOW, "UTC")
    thresholds = limits.thresholds(Decimal(80))
    return BudgetStatus(limits, percent, thresholds, *periods, today, month, rate, [], NOW)


@given(st.integers(0, MAXIMA))
def test_every_storable_amount_is_kept_exactly(nano: int) -> None:
    text = usd_text(nano)
    for body in (f'{{"dailyLimit_usd": {text}}}', f'{{"dailyLimit_usd": "{text}"}}'):
        assert change_of(body.encode()) == LimitChange(daily_limit=(True, nano))


@pytest.mark.parametrize(
    ("body", "change"),
    [
        ("{}", LimitChange()),
        ('{"callSteps": {}}', LimitChange(call_steps=StepSettings())),
        (
            '{"callSteps": {"warn": true, "warnAt_percent": "70.5", "closingSentence": "Bye."}}',
            LimitChange(
                call_steps=StepSettings(warn=True, warn_at=Decimal("70.5"), closing_sentence="Bye.")
            ),
        ),
        ('{"dailyLimit_usd": null}', LimitChange(daily_limit=(True, None))),
        ('{"monthlyLimit_usd": 100.10}', LimitChange(monthly_limit=(True, 100_100_000_000))),
        ('{"monthlyLimit_usd": 1E+2}', LimitChange(monthly_limit=(True, 100_000_000_000))),
        ('{"monthlyLimit_usd": -0.0}', LimitChange(monthly_limit=(True, 0))),
        ('{"monthlyLimit_usd": "0e-999999999"}', LimitChange(monthly_limit=(True, 0))),
        ('{"alertThreshold_percent": "9"}', LimitChange(alert_threshold_percent=Decimal(9))),
        ('{"alertThreshold_percent": 100}', LimitChange(alert_threshold_percent=Decimal(100))),
    ],
)  # fmt: skip
def test_each_setting_can_be_changed_alone(body: str, change: LimitChange) -> None:
    assert change_of(body.encode()) == change


NO_AMOUNT = [
    "-1", '"-0.01"', "1000000000.000000001", "0.0000000001", '"NaN"', '"Infinity"', '"-Infinity"',
    '"sNaN"', '"1e999999"', '"1e-999999999"', '"1.00000000000000000000000000000000000001"', "1e999",
    '"ten"', '""', "true", "[]", "{}", '"0x10"', "1" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("name", ["dailyLimit_usd", "monthlyLimit_usd", "alertThreshold_percent"])
@pytest.mark.parametrize("value", NO_AMOUNT, ids=lambda value: value[:20])
def test_invalid_amount_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(Problem) as refused:
        change_of(f'{{"{name}": {value}}}'.encode())
    assert (refused.value.status, refused.value.code) == (400, "invalid_body")
    assert name in refused.value.message


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('{"alertThreshold_percent": 0}', "alertThreshold_percent"),
        ('{"callSteps": {"warnAt_percent": 0}}', "callSteps.warnAt_percent"),
        ('{"callSteps": {"warnAt_percent": 95}}', "callSteps.warnAt_percent"),
        ('{"callSteps": {"downgradeAt_percent": 100}}', "callSteps.downgradeAt_percent"),
        ('{"callSteps": {"closingSentence": "  "}}', "callSteps.closingSentence"),
        ('{"alertThreshold_percent": 100.1}', "alertThreshold_percent"),
        ('{"alertThreshold_percent": null}', "alertThreshold_percent"),
        ('{"dailyLimit": 5}', "dailyLimit"),
        ('{"daily_limit_usd": 5}', "daily_limit_usd"),
        ('{"userId": "bob"}', "userId"),
        ("[]", "object"),
        ("null", "object"),
        ("", "empty"),
        ("{", "JSON"),
        ("\x00", "JSON"),
        ("[" * 10_000, "object"),
    ],
    ids=lambda text: text[:24],
)
def test_invalid_change_is_refused_by_name(body: str, named: str) -> None:
    with pytest.raises(Problem) as refused:
        change_of(body.encode())
    assert refused.value.status == 400
    assert named in refused.value.message


@given(st.binary(max_size=60) | st.recursive(st.none() | st.text(max_size=5), st.lists).map(
    lambda value: json.dumps({"dailyLimit_usd": value}).encode()))  # fmt: skip
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        assert isinstance(change_of(body), LimitChange)
    except Problem as problem:
        status = problem.status
    else:
        status = 400
    assert status == 400


limits = st.none() | st.integers(0, MAXIMA)
spends = st.integers(-MAXIMA, MAXIMA)
percents = st.decimals("0.000000001", 100, places=9)


@given(daily=limits, monthly=limits, percent=percents, today=spends, month=spends)
def test_budget_shows_limits_spend_and_remainder(
    daily: int | None, monthly: int | None, percent: Decimal, today: int, month: int
) -> None:
    result = budget("alice", budget_status(daily, monthly, percent, today, month), "charged")
    assert (result.current_daily_spend, result.current_monthly_spend) == (Usd(today), Usd(month))
    reached = False
    for limit, spend, shown, remaining in (
        (daily, today, result.daily_limit_usd, result.daily_remaining),
        (monthly, month, result.monthly_limit_usd, result.monthly_remaining),
    ):
        if limit is None:
            assert shown is None
            assert remaining is None
            continue
        assert shown == Usd(limit)
        assert remaining == Usd(max(0, limit - spend))
        reached = reached or 100 * spend >= Fraction(percent) * limit
    assert result.alert_triggered is reached
    assert result.alert_threshold_percent == Exact(percent)


@pytest.mark.parametrize(("spend", "triggered"), [(7_999_999_999, False), (8_000_000_000, True)])
def test_alert_starts_at_the_threshold_itself(spend: int, triggered: bool) -> None:
    position = budget_status(10_000_000_000, None, Decimal(80), spend, spend)
    assert budget("alice", position, "charged").alert_triggered is triggered


def test_alert_threshold_is_exact_beyond_decimal_precision() -> None:
    limit, percent, below = (
        900_000_099_999_999_997,
        Decimal("33.333333333"),
        300_000_033_330_333_332,
    )
    for spend, triggered in ((below, False), (below + 1, True)):
        position = budget_status(limit, None, percent, spend, spend)
        assert budget("alice", position, "charged").alert_triggered is triggered
