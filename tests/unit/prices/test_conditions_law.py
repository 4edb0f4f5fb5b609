"""The most specific row in the documented order prices a usage, for any rows and usage."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.prices.catalogue import Catalogue, Price
from ledger.prices.conditions import Conditions, Hours
from schemas.events import PriceContext
from tests.support.events import NOW
from tests.unit.prices.test_conditions import hours

conditions = st.builds(
    Conditions,
    tier=st.sampled_from(["", "", "batch"]),
    input_size_above=st.sampled_from([None, None, 0, 128_000, 200_000]),
    direction=st.sampled_from(["", "", "inbound", "outbound"]),
    destination=st.sampled_from(["", "", "GB", "+4", "+44", "+4420", "+4420718"]),
    voice_class=st.sampled_from(["", "", "hd"]),
    hours=st.none() | hours,
)
rows = st.lists(
    st.tuples(
        st.sampled_from(["*", "m"]),
        st.sampled_from(["minutes", "seconds"]),
        conditions,
        st.integers(-3, 1).map(lambda days: NOW + timedelta(days=days)),
    ),
    max_size=25,
    unique=True,
)
contexts = st.none() | st.builds(
    PriceContext,
    tier=st.sampled_from([None, "batch", "flex"]),
    input_size=st.sampled_from([None, 0, 1, 200_000, 200_001]),
    direction=st.sampled_from([None, "inbound", "outbound"]),
    destination=st.sampled_from([None, "GB", "US", "+442071838750", "+44", "+4915112345678"]),
    voice_class=st.sampled_from([None, "hd", "other"]),
)


def matches(row: Conditions, context: PriceContext, time: datetime) -> bool:
    """Return whether all conditions of a row match a usage."""
    place = context.destination or ""
    return all(
        (
            row.tier == (context.tier or ""),
            row.input_size_above is None or (context.input_size or -1) > row.input_size_above,
            row.direction in {"", context.direction},
            row.destination in {"", place}
            or (row.destination[0] == "+" and place.startswith(row.destination)),
            row.voice_class in {"", context.voice_class},
            row.hours is None or row.hours.include(time),
        )
    )  # fmt: skip


def in_force(found: list[Any], context: PriceContext | None, time: datetime) -> int | None:
    """Return the number of the row that prices minutes of the model m, by the definition."""
    matching = [
        (
            model == "m",
            unit == "minutes",
            len(row.destination),
            -1 if row.input_size_above is None else row.input_size_above,
            row.direction != "",
            row.voice_class != "",
            -(row.hours.minutes if row.hours else 1440),
            since,
            number,
        )
        for number, (model, unit, row, since) in enumerate(found, 1)
        if since <= time and matches(row, context or PriceContext(), time)
    ]
    return max(matching)[-1] if matching else None


def tariff_of(found: list[Any]) -> Any:
    prices = [
        Price(number, "vendor", "api", "talk", model, unit, Decimal(1), 1, since, row)
        for number, (model, unit, row, since) in enumerate(found, 1)
    ]
    return Catalogue(prices).tariff("vendor", "talk", "m", "minutes")


@settings(max_examples=400, deadline=None)
@given(
    rows, contexts, st.integers(-48 * 60, 0).map(lambda minutes: NOW + timedelta(minutes=minutes))
)
@example([("m", "minutes", Conditions(hours=Hours(0, 720)), NOW), ("m", "minutes", Conditions(), NOW)], None, NOW)  # fmt: skip
def test_the_most_specific_row_has_priority(
    found: list[Any], context: PriceContext | None, time: datetime
) -> None:
    rate = tariff_of(found).at(time, context)
    assert (rate and rate.price_id) == in_force(found, context, time)


def test_tier_is_never_priced_as_standard() -> None:
    standard = ("m", "minutes", Conditions(), NOW)
    long = ("m", "minutes", Conditions(input_size_above=200_000), NOW)
    for found in ([standard], [standard, long]):
        assert tariff_of(found).at(NOW, PriceContext(tier="batch", input_size=300_000)) is None
        assert tariff_of(found).at(NOW, PriceContext(tier="standard")).price_id == 1
    batch = ("m", "minutes", Conditions(tier="batch"), NOW)
    assert tariff_of([standard, batch]).at(NOW, PriceContext(tier="batch")).price_id == 2
    assert tariff_of([standard, batch]).at(NOW).price_id == 1


def test_size_condition_needs_a_known_larger_size() -> None:
    found = [
        ("m", "minutes", Conditions(), NOW),
        ("m", "minutes", Conditions(input_size_above=200_000), NOW),
    ]
    sizes = {None: 1, 200_000: 1, 200_001: 2}
    for size, number in sizes.items():
        assert tariff_of(found).at(NOW, PriceContext(input_size=size)).price_id == number


def test_conditions_of_another_model_leave_a_tariff_unconditional() -> None:
    other = ("x", "minutes", Conditions(tier="batch"), NOW)
    assert not tariff_of([("m", "minutes", Conditions(), NOW), other]).conditional
