"""Recommended and outdated models: conditions, increments, spellings and retirements."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ledger.prices.alternatives import Retirement, UsageSlice
from ledger.prices.catalogue import Catalogue, Price
from ledger.prices.conditions import Conditions, Hours
from ledger.prices.increments import Increments
from ledger.reports.advice import advise
from ledger.reports.model_advice import retirement_warnings
from schemas.events import PriceContext
from tests.unit.reports.test_advice import NOW, PRICES, USD, inference, used

RETIRED = {
    ("cerebras", "inference", "llama3.1-8b"): Retirement(date(2026, 5, 27), is_deprecated=False)
}


@pytest.mark.parametrize(
    "retirement",
    [
        Retirement(date(2026, 5, 27), is_deprecated=False),
        Retirement(date(2027, 5, 17), is_deprecated=False),
        Retirement(None, is_deprecated=True),
    ],
)
def test_outdated_model_is_not_recommended(retirement: Retirement) -> None:
    used_70b = inference("llama3.1-70b", usage=Decimal(2_460_000), cost_nano=1_476_000_000)
    outdated = {("cerebras", "inference", "llama3.1-8b"): retirement}
    assert advise([used_70b], [], PRICES, NOW, outdated) == []
    later = {("cerebras", "inference", "llama3.1-8b"): Retirement(date(2027, 5, 18), False)}
    assert len(advise([used_70b], [], PRICES, NOW, later)) == 1


def test_used_model_that_is_retired_soon_is_warned_of_with_its_replacement() -> None:
    lines = [
        inference("llama3.1-8b", usage=Decimal(1_000_000), cost_nano=USD // 10),
        used("openai", "inference", "gpt-4-turbo", "input_tokens", cost_nano=USD),
        inference("llama3.1-70b"),
    ]
    dates = RETIRED | {
        ("openai", "inference", "gpt-4-turbo"): Retirement(date(2027, 3, 26), is_deprecated=True),
        ("cerebras", "inference", "llama3.1-70b"): Retirement(date(2028, 1, 1), False),
    }
    retired, soon = retirement_warnings(lines, PRICES, NOW, dates)
    assert retired.sentence == (
        "llama3.1-8b was retired on May 27, 2026. The cheapest replacement is llama3.1-70b: the "
        "same usage would have cost $0.60 in 30 days."
    )
    [replacement] = retired.replacements
    assert (replacement.cost_nano, replacement.saving_nano) == (600_000_000, -500_000_000)
    assert soon.sentence == (
        "gpt-4-turbo is retired on March 26, 2027. The catalogue has no price of a model that "
        "could replace it."
    )
    assert (soon.retirement.retires_on, soon.replacements) == (date(2027, 3, 26), [])


def conditional(model: str, unit: str, usd: str, per: int = 1, **more: Any) -> Price:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    price = Price(0, "acme", "api", "inference", model, unit, Decimal(usd), per, since)
    return price._replace(**more)


def acme(*prices: Price) -> Catalogue:
    return Catalogue(
        price._replace(price_id=number) for number, price in enumerate(prices, start=1)
    )


def part(usage: int, **more: Any) -> UsageSlice:
    return UsageSlice(None, None, None, None, Decimal(usage))._replace(**more)


def cost_with_small(prices: Catalogue, unit: str, *parts: UsageSlice) -> int | None:
    """Return what the advice says that usage of model large would cost with model small."""
    usage = sum((one.usage for one in parts), Decimal(0))
    line = used("acme", "inference", "large", unit, usage=usage, cost_nano=100 * USD, slices=parts)
    advice = advise([line], [], prices, NOW)
    return advice[0].new_nano if advice else None


BATCH = PriceContext(tier="batch")


def test_each_part_has_the_price_of_its_conditions() -> None:
    prices = acme(
        conditional("small", "input_tokens", "1", 1_000_000),
        conditional("small", "input_tokens", "2", 1_000_000, conditions=Conditions(input_size_above=200_000)),
        conditional("small", "input_tokens", "0.5", 1_000_000, conditions=Conditions(tier="batch")),
        conditional("small", "input_tokens", "0.25", 1_000_000, conditions=Conditions(hours=Hours(0, 60))),
    )  # fmt: skip
    million = 1_000_000
    cost = cost_with_small(
        prices,
        "input_tokens",
        part(3 * million),
        part(5 * million, input_size=200_001),
        part(7 * million, context=BATCH),
        part(8 * million, minute=30),
        part(4 * million, minute=60),
    )
    assert cost == (3 * 1 + 5 * 2 + 4 * 1) * USD + 7 * USD // 2 + 2 * USD


def test_model_without_a_price_for_every_part_is_not_recommended() -> None:
    prices = acme(conditional("small", "input_tokens", "1", 1_000_000))
    assert cost_with_small(prices, "input_tokens", part(1)) == 1_000
    assert cost_with_small(prices, "input_tokens", part(1), part(1, context=BATCH)) is None


def test_each_leg_is_rounded_up_to_the_increment_of_the_other_model() -> None:
    minute = Increments(60, 60)
    prices = acme(conditional("small", "minutes", "0.06", increments=minute))
    cost = cost_with_small(prices, "seconds", part(61, leg="a"), part(20, leg="b"))
    assert cost == 3 * 60_000_000
    assert cost_with_small(prices, "seconds", part(61, leg="a"), part(20)) == 140 * 1_000_000
    same = part(50, leg="a", context=BATCH), part(50, leg="a")
    assert cost_with_small(prices, "seconds", *same) is None
    any_tier = acme(
        conditional("small", "minutes", "0.06", increments=minute),
        conditional("small", "minutes", "0.06", increments=minute, conditions=Conditions(tier="batch")),
    )  # fmt: skip
    assert cost_with_small(any_tier, "seconds", *same) == 2 * 60_000_000
    minutes = part(50, leg="a", input_size=1), part(50, leg="a", input_size=2)
    assert cost_with_small(prices, "seconds", *minutes) == 2 * 60_000_000
    plain = acme(conditional("small", "minutes", "0.06"))
    assert cost_with_small(plain, "seconds", part(61), part(20)) == 81 * 1_000_000


def test_other_spelling_of_the_same_model_is_not_recommended_but_warned_of() -> None:
    prices = acme(conditional("gpt-4o", "input_tokens", "1", 1_000_000))
    line = used("acme", "inference", "gpt-4o-2024-08-06", "input_tokens", cost_nano=100 * USD)
    assert advise([line], [], prices, NOW) == []
    dates = {("acme", "inference", "gpt-4o"): Retirement(date(2026, 12, 1), False)}
    [warning] = retirement_warnings([line], prices, NOW, dates)
    assert warning.sentence.startswith("gpt-4o-2024-08-06 is retired on December 1, 2026.")
