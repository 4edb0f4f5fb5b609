"""The charge of a call by the terms of a plan."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.charge_plans.terms import ChargeDecision, PlanTerms
from schemas.money import MAX_EVENT_NANO

USD = 1_000_000_000


@pytest.mark.parametrize(
    ("minimum", "increment", "duration_ms", "billed_ms"),
    [
        (0, 1, 0, 0),
        (60, 60, 0, 0),  # a call without duration has no minimum
        (0, 1, 1, 1000),
        (0, 1, 1000, 1000),
        (0, 0, 1234, 1234),  # not rounded
        (2, 0, 1234, 2000),
        (60, 60, 1, 60_000),
        (60, 60, 60_000, 60_000),
        (60, 60, 60_001, 120_000),
        (30, 6, 30_001, 36_000),
        (30, 6, 36_000, 36_000),
        (10, 6, 10_001, 12_000),
    ],
)
def test_durations_are_billed_with_minimum_and_increment(
    minimum: int, increment: int, duration_ms: int, billed_ms: int
) -> None:
    terms = PlanTerms(kind="per_minute", minimum_seconds=minimum, increment_seconds=increment)
    assert terms.billed_ms(duration_ms) == billed_ms


def test_minutes_included_are_not_charged() -> None:
    terms = PlanTerms(
        kind="per_minute", amount_nano=350_000_000, increment_seconds=60, included_minutes=1
    )
    assert [terms.charge_nano(minutes * 60_000, 0) for minutes in (0, 1, 2, 5)] == [
        0, 0, 350_000_000, 1_400_000_000,
    ]  # fmt: skip


def test_a_markup_and_a_fixed_amount_are_added_to_the_cost() -> None:
    terms = PlanTerms(kind="cost_plus", amount_nano=USD // 10, markup_ppm=250_000)
    assert terms.charge_nano(0, USD) == 1_350_000_000
    assert terms.charge_nano(0, 0) == USD // 10
    assert PlanTerms(kind="cost_plus", markup_ppm=500_000).charge_nano(0, 1) == 2
    assert PlanTerms(kind="cost_plus", markup_ppm=500_000).charge_nano(0, 3) == 4


def test_a_charge_has_a_maximum() -> None:
    terms = PlanTerms(kind="cost_plus", markup_ppm=1_000_000)
    assert terms.charge_nano(0, MAX_EVENT_NANO) == MAX_EVENT_NANO


@pytest.mark.parametrize("kind", ["default", "ended"])
def test_other_kinds_have_no_charge_of_their_own(kind: str) -> None:
    with pytest.raises(ValueError, match="no charge"):
        msgspec.convert({"kind": kind}, PlanTerms).charge_nano(1, 1)


@given(
    st.integers(0, 3600), st.integers(0, 600), st.integers(0, 30), st.integers(0, 10**10),
    st.integers(0, 10**7),
)  # fmt: skip
def test_a_charge_per_minute_is_the_plain_definition(
    minimum: int, increment: int, included: int, amount: int, duration_ms: int
) -> None:
    terms = PlanTerms(
        kind="per_minute",
        amount_nano=amount,
        minimum_seconds=minimum,
        increment_seconds=increment,
        included_minutes=included,
    )
    seconds = Fraction(duration_ms, 1000)
    billed = seconds
    if increment:
        billed = Fraction(0)
        while billed < seconds:
            billed += increment
    billed = max(billed, Fraction(minimum)) if duration_ms else Fraction(0)
    minutes = billed / 60 - included
    assert terms.charge_nano(duration_ms, 7) == round(max(Fraction(0), minutes) * amount)


def test_a_decision_is_stored_without_what_does_not_apply() -> None:
    decision = ChargeDecision(kind="per_call", amount_nano=5, plan_id=3, plans=4)
    stored = msgspec.json.encode(decision)
    assert stored == b'{"kind":"per_call","amountNano":5,"plans":4,"planId":3}'
    assert msgspec.json.decode(stored, type=ChargeDecision) == decision
