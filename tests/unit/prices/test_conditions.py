"""Conditions of a price: which are valid, how they are stored, and what they match."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.prices.conditions import (
    NO_CONDITIONS,
    Conditions,
    Hours,
    conditions_from,
    matching_destinations,
    parse_stored_context,
    parse_stored_unit,
    stored_context,
    stored_unit,
)
from ledger.prices.rows import PriceRow, price_row
from schemas.events import PriceContext
from schemas.refusals import Refused
from tests.support.events import cost, decoded

FIELDS = {"service": "twilio", "operation": "voice", "unit": "minutes", "price_usd": "1",
          "effective_from": "2026-01-01"}  # fmt: skip

hours = st.builds(
    lambda starts, length, zone: Hours(starts, (starts + length) % 1440, zone),
    st.integers(0, 1439),
    st.integers(1, 1439),
    st.sampled_from(["UTC", "Europe/London", "Etc/GMT+5", "America/New_York"]),
)
conditions = st.builds(
    Conditions,
    tier=st.sampled_from(["", "batch", "flex"]),
    input_size_above=st.none() | st.integers(0, 10**12 - 1),
    direction=st.sampled_from(["", "inbound", "outbound"]),
    destination=st.sampled_from(["", "GB", "+1", "+44", "+4420123"]),
    voice_class=st.sampled_from(["", "hd", "neural-2.1"]),
    hours=st.none() | hours,
)


@given(conditions)
def test_stored_conditions_are_read_back(one: Conditions) -> None:
    assert conditions_from(one.to_fields()) == (one, [])
    assert parse_stored_unit(stored_unit("minutes", one)) == ("minutes", one)
    assert (one == NO_CONDITIONS) == (stored_unit("minutes", one) == "minutes")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("tier", "two words", "tier must be a name"),
        ("input_size_above", "200k", "input_size_above must be a whole number"),
        ("input_size_above", "-1", "input_size_above must be a whole number"),
        ("input_size_above", "1" + "0" * 30, "input_size_above must be a whole number"),
        ("direction", "sideways", "direction must be inbound or outbound"),
        ("destination", "44", "destination must be a number's prefix like +44"),
        ("destination", "+44201234", "of at most 7 digits"),
        ("destination", "GBR", "or a country like GB"),
        ("voice_class", "h=d", "voice_class must be a name"),
        ("hours", "22-06", "hours must be a part of the day like 22:00-06:00"),
        ("hours", "09:00-09:00", "hours must be a part of the day"),
        ("hours", "00:00-24:00", "hours must be a part of the day"),
        ("hours", "09:00-25:00", "hours must be a part of the day"),
        ("hours", "09:00-17:00@Europe/Atlantis", "hours must be a part of the day"),
        ("hours", "09:00-17:00@../../etc/passwd", "hours must be a part of the day"),
    ],
)
def test_invalid_condition_is_refused_with_its_valid_form(
    name: str, text: str, reason: str
) -> None:
    _, reasons = conditions_from({name: text})
    assert len(reasons) == 1
    assert reason in reasons[0]


def test_only_usage_prices_have_conditions() -> None:
    fields = {**FIELDS, "service": "stripe", "class": "transaction", "operation": "fee",
              "unit": "usd", "tier": "batch"}  # fmt: skip
    with pytest.raises(Exception, match="A price of class transaction has no conditions"):
        price_row(fields, source="tests")


def test_conditions_are_part_of_key_and_name() -> None:
    made = price_row({**FIELDS, "destination": "+44", "hours": "22:00-24:00"}, source="tests")
    assert made.stored_unit == "minutes destination=+44 hours=22:00-00:00"
    assert made.key != price_row(FIELDS, source="tests").key
    assert made.name == (
        "twilio outbound_call per minutes (to +44, 22:00-00:00) from 2026-01-01T00:00:00Z"
    )
    assert PriceRow.from_stored(made.stored()) == made


@pytest.mark.parametrize(
    ("window", "moment", "included"),
    [
        (Hours(9 * 60, 17 * 60), datetime(2026, 7, 1, 9, 0), True),
        (Hours(9 * 60, 17 * 60), datetime(2026, 7, 1, 17, 0), False),
        (Hours(22 * 60, 6 * 60), datetime(2026, 7, 1, 22, 0), True),
        (Hours(22 * 60, 6 * 60), datetime(2026, 7, 1, 5, 59, 59), True),
        (Hours(22 * 60, 6 * 60), datetime(2026, 7, 1, 6, 0), False),
        (Hours(18 * 60, 0), datetime(2026, 7, 1, 23, 59, 59), True),
        (Hours(18 * 60, 0), datetime(2026, 7, 2, 0, 0), False),
        # London is an hour ahead of UTC in summer; clocks change at 01:00 UTC.
        (Hours(9 * 60, 17 * 60, "Europe/London"), datetime(2026, 7, 1, 8, 0), True),
        (Hours(9 * 60, 17 * 60, "Europe/London"), datetime(2026, 1, 1, 8, 0), False),
        (Hours(9 * 60, 17 * 60, "Europe/London"), datetime(2026, 7, 1, 16, 0), False),
        # On 29 March 01:00 to 02:00 is skipped; on 25 October it occurs twice.
        (Hours(60, 120, "Europe/London"), datetime(2026, 3, 29, 0, 59), False),
        (Hours(60, 120, "Europe/London"), datetime(2026, 3, 29, 1, 0), False),
        (Hours(60, 120, "Europe/London"), datetime(2026, 10, 25, 0, 30), True),
        (Hours(60, 120, "Europe/London"), datetime(2026, 10, 25, 1, 30), True),
        (Hours(60, 120, "Europe/London"), datetime(2026, 10, 25, 2, 0), False),
    ],
)
def test_hours_follow_the_wall_clock_and_exclude_their_end(
    window: Hours, moment: datetime, included: bool
) -> None:
    assert window.include(moment.replace(tzinfo=UTC)) is included


def test_context_is_stored_in_standard_form_with_a_prefix_of_the_number() -> None:
    event = decoded(cost(priceContext={"tier": "Batch", "voiceClass": "HD", "inputSize": 3,
                                       "destination": "+442071838750"}))  # fmt: skip
    context = event.data.price_context  # type: ignore[union-attr]
    assert context == PriceContext(
        tier="batch", voice_class="hd", input_size=3, destination="+4420718"
    )
    assert list(matching_destinations(context)) == ["+4420718", "+442071", "+44207", "+4420", "+442", "+44",
                                           "+4", ""]  # fmt: skip
    stored = stored_context(context)
    assert stored is not None
    assert "8750" not in stored
    assert parse_stored_context(stored) == context
    assert list(matching_destinations(PriceContext(destination="GB"))) == ["GB", ""]


@pytest.mark.parametrize("tier", ["standard", "Default"])
def test_standard_tier_is_stored_as_no_tier(tier: str) -> None:
    context = PriceContext(tier=tier)
    assert context.tier is None
    assert stored_context(context) is None


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ({"teir": "batch"}, "teir"),
        ({"tier": "a b"}, "tier"),
        ({"inputSize": -1}, "inputSize"),
        ({"inputSize": 1.5}, "inputSize"),
        ({"direction": "sideways"}, "direction"),
        ({"destination": "0044"}, "destination"),
        ({"destination": "+1234567890123456"}, "destination"),
        ([], "priceContext"),
    ],
)
def test_invalid_context_is_refused_with_its_field(context: object, reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        decoded(cost(priceContext=context))
    assert refusal.value.code == "invalid_event"
    assert reason in refusal.value.message


def test_an_event_without_context_keeps_its_fingerprint() -> None:
    """A repeat of an event of an earlier release must not become a conflict."""
    plain = cost(id="one")
    assert b"priceContext" not in msgspec.json.encode(decoded(plain).data)
    with_context = decoded({**plain, "data": {**plain["data"], "priceContext": {"tier": "x"}}})
    assert decoded(plain).fingerprint != with_context.fingerprint
