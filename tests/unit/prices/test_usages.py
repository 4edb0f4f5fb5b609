"""The quantities of one request are priced together: all or none, in any order."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calls.entries import Entry
from ledger.calls.missing_prices import missing_price
from ledger.prices.catalogue import Catalogue, Price
from ledger.prices.conditions import NO_CONDITIONS, Conditions
from ledger.prices.pricing import UNPRICED
from ledger.prices.usages import unpack_usages
from schemas.money import MAX_EVENT_NANO
from schemas.refusals import Refused
from tests.support.events import Plain, cost, decoded
from tests.support.expected_prices import single
from tests.support.memory_ledger import entry_of
from tests.support.prices import ALWAYS, DEFAULTS, SamplePrice, catalogue

PRICES = catalogue(
    [
        *DEFAULTS,
        SamplePrice("openai", "inference", "m", "input_tokens", "0.4", 1_000_000),
        SamplePrice("openai", "inference", "m", "cached_input_tokens", "0.00000010049", 3),
        SamplePrice("openai", "inference", "m", "output_tokens", "1.6", 1_000_000),
        SamplePrice("openai", "inference", "m", "toots", "0.0000000005"),
    ]
)
UNITS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "toots")
quantities = st.integers(0, 10**9) | st.decimals(0, 10**6, places=9)
requests = st.dictionaries(st.sampled_from(UNITS), quantities, min_size=1)


def request(usages: list[dict[str, object]], **more: Any) -> Plain:
    fields = {"service": "openai", "operation": "inference", "model": "m"}
    return cost(**{**fields, **more}, usage=None, unit=None, usages=usages)


def usages_of(of: dict[str, object]) -> list[dict[str, object]]:
    return [{"unit": unit, "quantity": quantity} for unit, quantity in of.items()]


def entry(plain: Plain) -> Entry:
    return entry_of(decoded(plain), PRICES)


@settings(max_examples=200, deadline=None)
@given(requests, st.randoms())
def test_request_costs_the_sum_of_its_quantities_in_any_order(
    of: dict[str, object], random: Any
) -> None:
    usages = usages_of(of)
    shuffled = random.sample(usages, len(usages))
    whole, other = entry(request(usages, id="1")), entry(request(shuffled, id="1"))
    fields = {"service": "openai", "operation": "inference", "model": "m"}
    alone = [entry(cost(**fields, **single(usage))) for usage in usages]
    assert whole == other
    assert whole.cost_nano == sum(one.cost_nano for one in alone)
    stored = {usage.unit: usage for usage in unpack_usages(bytes(whole.usages or b"").decode())}
    assert [
        (
            stored[str(one.unit)].quantity,
            stored[str(one.unit)].cost_nano,
            stored[str(one.unit)].price_id,
        )
        for one in alone
    ] == [(one.usage, one.cost_nano, one.price_id) for one in alone]
    assert (whole.usage, whole.unit, whole.unit_cost, whole.price_id) == (None,) * 4


def test_each_quantity_is_rounded_once() -> None:
    usages = usages_of({"toots": 1, "cached_input_tokens": 1})
    assert entry(request(usages)).cost_nano == 0 + 33  # half to even, and 33.496…


@pytest.mark.parametrize("unit", ["images", "furlongs"])
def test_request_is_unpriced_if_one_quantity_has_no_price(unit: str) -> None:
    found = entry(request(usages_of({"input_tokens": 5, unit: 1, "zebras": 1})))
    assert (found.cost_nano, found.is_unpriced, found.unpriced_unit) == (0, True, unit)
    assert missing_price(found).startswith(f"No price for openai inference of model m per {unit} ")
    stored = {one.unit: one for one in unpack_usages(bytes(found.usages or b"").decode())}
    assert {one.cost_nano for one in stored.values()} == {None}
    assert {name: one.price_id for name, one in stored.items()} == {
        "input_tokens": None,
        unit: UNPRICED,
        "zebras": UNPRICED,
    }


def test_total_cost_applies_to_the_whole_request() -> None:
    found = entry(request(usages_of({"input_tokens": 5, "furlongs": 1}), totalCost="0.25"))
    assert found.cost_nano == 250_000_000
    stored = unpack_usages(bytes(found.usages or b"").decode())
    assert [(usage.price_id, usage.cost_nano) for usage in stored] == [(None, None)] * 2


def test_request_above_the_limit_of_an_event_is_refused() -> None:
    costly = catalogue([SamplePrice("a", "b", "*", unit, "600000000") for unit in ("x", "y")])
    plain = request(usages_of({"x": 1, "y": 1}), service="a", operation="b")
    assert MAX_EVENT_NANO < 2 * 600_000_000 * 10**9
    with pytest.raises(Refused, match="billion"):
        entry_of(decoded(plain), costly)


def test_input_size_is_the_sum_of_the_input_quantities() -> None:
    units = ("input_tokens", "cached_input_tokens", "output_tokens")
    prices = Catalogue(
        Price(usd, "openai", "api", "inference", "m", unit, Decimal(usd), 1, ALWAYS, when)
        for usd, when in ((1, NO_CONDITIONS), (2, Conditions(input_size_above=200)))
        for unit in units
    )
    usages = usages_of({"input_tokens": 100, "cached_input_tokens": 100, "output_tokens": 1})
    larger = usages_of({"input_tokens": 100, "cached_input_tokens": "100.5", "output_tokens": 1})
    stated = {"priceContext": {"inputSize": 201}}
    costs = [
        entry_of(decoded(plain), prices).cost_nano
        for plain in (request(usages), request(larger), request(usages, **stated))
    ]
    assert costs == [201 * 10**9, 403 * 10**9, 402 * 10**9]


def test_reasoning_has_the_price_of_output_unless_it_has_its_own() -> None:
    usages = usages_of({"reasoning_tokens": 10})
    assert entry(request(usages)).cost_nano == 16_000
    own = SamplePrice("openai", "inference", "m", "reasoning_tokens", "0.5")
    prices = catalogue([own, SamplePrice("openai", "inference", "m", "output_tokens", "1.6")])
    assert entry_of(decoded(request(usages)), prices).cost_nano == 5 * 10**9
