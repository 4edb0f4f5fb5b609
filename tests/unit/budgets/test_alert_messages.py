"""The sentences of budget alerts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ledger.budgets.alert_messages import AlertContext, alert
from ledger.budgets.limits import Limit
from ledger.budgets.thresholds import BudgetPosition, call_position, period_position
from ledger.calls.call import Call
from ledger.calls.periods import period_of
from schemas.alerts import AlertType, SpendBasis

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
NEXT_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
USD = 10**9


def message(position: BudgetPosition, percent: int, basis: SpendBasis = "charged") -> str:
    return alert(position, Decimal(percent), None, AlertContext({}, 0), basis, NOW).message


def of_period(
    kind: AlertType, spend_nano: int, limit_usd: int, *, now: datetime = NOW
) -> BudgetPosition:
    assert kind != "call"
    period = period_of(kind, NOW, "UTC")
    limit = Limit(kind, limit_usd * USD, 1)
    return period_position(
        "alice", limit, period, moved_nano=spend_nano, after_nano=spend_nano, now=now
    )


def test_message_says_what_was_charged_and_which_limit_it_counts_against() -> None:
    assert message(of_period("daily", 192_640_000_000, 20), 100) == (
        "You've been charged $192.64 today, over your $20.00 daily limit."
    )
    assert message(of_period("monthly", 500 * USD, 500), 100) == (
        "You've been charged $500.00 this month, at your $500.00 monthly limit."
    )
    assert message(of_period("daily", 10_117_000_000, 20), 50) == (
        "You've been charged $10.12 today, past 50% of your $20.00 daily limit."
    )


def test_message_of_a_budget_by_cost_names_the_cost() -> None:
    assert message(of_period("daily", 21 * USD, 20), 100, "cost") == (
        "Your calls have cost $21.00 today, over your $20.00 daily limit."
    )


@pytest.mark.parametrize(
    ("kind", "when"), [("daily", "on November 29, 2026"), ("monthly", "in November 2026")]
)
def test_message_of_a_past_period_names_it(kind: AlertType, when: str) -> None:
    late = message(of_period(kind, 21 * USD, 20, now=NEXT_YEAR), 100)
    assert late == f"You were charged $21.00 {when}, over your $20.00 {kind} limit."


def test_message_of_a_call_names_its_cost() -> None:
    call = Call(call_id="call-7")
    call.costs = {"api": {"twilio": 4_052_292_767}}
    position = call_position(Limit("call", 4 * USD, 1), None, call, NOW)
    assert message(position, 100) == "This call cost $4.05, over its $4.00 limit."
    assert message(position, 80) == "This call cost $4.05, past 80% of its $4.00 limit."
