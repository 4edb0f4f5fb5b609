"""The layout of costs: classes that add up to the total, and unit costs."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.routes.breakdown import api_costs, by_service, costs_of_class, unit_cost
from ledger.reports.costs import CostClass, ServiceCost, ServiceCosts, UsageLine
from ledger.reports.profit import Profit
from schemas.costs import (
    API_SERVICES,
    INFRASTRUCTURE_SERVICES,
    TRANSACTION_SERVICES,
    USUAL_SERVICES,
)

USUAL_CLASSES: dict[str, CostClass] = {
    **dict.fromkeys(API_SERVICES, "api"),
    **dict.fromkeys(INFRASTRUCTURE_SERVICES, "infrastructure"),
    **dict.fromkeys(TRANSACTION_SERVICES, "transaction"),
}
CLASSES: tuple[CostClass, ...] = ("api", "infrastructure", "transaction")
nanos = st.integers(-(10**15), 10**15)
whole_costs = st.builds(
    lambda usual, others: ServiceCosts(
        {name: ServiceCost(nano, USUAL_CLASSES[name]) for name, nano in usual.items()} | others
    ),
    st.dictionaries(st.sampled_from(USUAL_SERVICES), nanos),
    st.dictionaries(
        st.text(min_size=1).filter(lambda name: name not in USUAL_SERVICES),
        st.builds(ServiceCost, nanos, st.sampled_from(CLASSES)),
    ),
)


def line(**changes: object) -> UsageLine:
    values = {
        "service": "twilio",
        "operation": "outbound_call",
        "usage": Decimal(5),
        "unit": "minutes",
        "cost_nano": 70_000_000,
        "unit_cost": None,
        "price_usd": None,
        "per_units": None,
        "price_unit": None,
        "metadata": None,
    }
    return UsageLine(**(values | changes))  # type: ignore[arg-type]


@given(whole_costs)
def test_services_and_classes_both_add_up_to_the_total(costs: ServiceCosts) -> None:
    total = costs.total_nano()
    assert sum(each.nano for each in by_service(costs).values()) == total
    assert sum(costs.total_nano(each) for each in CLASSES) == total
    always_listed: dict[CostClass, tuple[str, ...]] = {
        "api": API_SERVICES,
        "infrastructure": INFRASTRUCTURE_SERVICES,
        "transaction": TRANSACTION_SERVICES,
    }
    for service_class in CLASSES:
        parts = costs_of_class(costs, service_class, always_listed[service_class])
        assert sum(part.nano for part in parts.values()) == costs.total_nano(service_class)
        assert parts.keys() >= set(always_listed[service_class])


@given(whole_costs)
def test_usual_services_are_always_listed(
    costs: ServiceCosts,
) -> None:
    named = by_service(costs)
    assert tuple(named)[: len(USUAL_SERVICES)] == USUAL_SERVICES
    assert all(named[name].nano for name in named if name not in USUAL_SERVICES)


def test_lines_are_listed_by_api_service() -> None:
    costs = ServiceCosts(twilio=ServiceCost(1, "api"), new=ServiceCost(2, "api"),
                  vultr=ServiceCost(3, "infrastructure"))  # fmt: skip
    listed = api_costs(costs, [line(), line(service="new"), line(service="vultr"), line()])
    assert {name: len(lines) for name, lines in listed.items()} == {
        "twilio": 2, "deepgram": 0, "cerebras": 0, "elevenlabs": 0, "new": 1}  # fmt: skip


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [(None, b"{}"), ("null", b"{}"), ("{}", b"{}"), ('{"a": [1.50]}', b'{"a": [1.50]}')],
)
def test_metadata_is_shown_as_it_was_sent(metadata: str | None, shown: bytes) -> None:
    costs = ServiceCosts(twilio=ServiceCost(1, "api"))
    [listed] = api_costs(costs, [line(metadata=metadata)])["twilio"]
    assert bytes(listed.metadata) == shown


PER_MINUTE = {"price_usd": Decimal("0.0059"), "per_units": 1, "price_unit": "minutes"}


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        (PER_MINUTE, "0.0059"),
        ({**PER_MINUTE, "unit": "seconds"}, "0.000098333333"),
        ({**PER_MINUTE, "price_unit": "seconds"}, "0.354"),
        ({**PER_MINUTE, "price_unit": "seconds", "unit": "seconds"}, "0.0059"),
        ({**PER_MINUTE, "unit_cost": Decimal(9)}, "0.0059"),
        ({"price_usd": Decimal("0.10"), "per_units": 10**6, "price_unit": "tokens"}, "1E-7"),
        (
            {"price_usd": Decimal(6), "per_units": 10**6, "price_unit": "tokens",
             "unit": "input_tokens"},
            "0.000006",
        ),
        ({"unit_cost": Decimal("0.0200")}, "0.02"),
        ({}, "0.014"),
        ({"usage": Decimal(3)}, "0.023333333333"),
        ({"usage": Decimal(0)}, "0"),
        ({"usage": Decimal("0.0000000000000000000000000001"), "cost_nano": 0}, "0"),
    ],
)  # fmt: skip
def test_unit_cost_is_the_price_of_one_unit(changes: dict[str, object], price: str) -> None:
    assert unit_cost(line(**changes)) == Decimal(price)


@given(
    usage=st.integers(1, 10**12),
    cost=st.integers(0, 10**18),
    unit=st.sampled_from(["minutes", "seconds", "tokens"]),
)
def test_missing_unit_cost_is_computed(usage: int, cost: int, unit: str) -> None:
    price = unit_cost(line(usage=Decimal(usage), cost_nano=cost, unit=unit)) or Decimal(0)
    assert abs(Fraction(price) - Fraction(cost, usage * 10**9)) <= Fraction(1, 2 * 10**12)


@given(charged=nanos, refunded=nanos, cost=nanos, fee=nanos)
def test_profit_adds_up(charged: int, refunded: int, cost: int, fee: int) -> None:
    profit = Profit(charged, refunded, cost, fee)
    assert profit.gross_nano + cost == profit.net_revenue_nano + fee == charged - refunded
    if not charged:
        assert (profit.margin, profit.margin_percent) == (Decimal(0), "0.00%")


def test_margin_of_the_documented_call_is_exact() -> None:
    profit = Profit(4_990_000_000, 0, 900_000_000, 475_000_000)
    assert (profit.margin, profit.margin_percent) == (Decimal("0.819639"), "81.96%")
    assert profit.net_revenue_nano == 4_515_000_000
