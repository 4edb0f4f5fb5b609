"""Pricing in integers agrees with fractions of a dollar for any catalogue."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.money import MAX_EVENT_NANO
from schemas.refusals import Refused
from tests.support.events import NOW, cost, decoded
from tests.support.expected_prices import cost_nano
from tests.support.memory_ledger import entry_of
from tests.support.prices import SamplePrice, catalogue

UNITS = ["minutes", "seconds", "tokens", "input_tokens", "output_tokens", "characters", "requests"]
MODELS = ["a", "b"]

prices = st.decimals(0, 1000, allow_nan=False, allow_infinity=False, places=9).map(str)
rows = st.builds(
    SamplePrice,
    service=st.sampled_from(["twilio", "vendor"]),
    operation=st.sampled_from(["outbound_call", "talk"]),
    model=st.sampled_from(["*", "", *MODELS]),
    unit=st.sampled_from(UNITS),
    usd=prices,
    per=st.sampled_from([1, 3, 60, 1_000, 1_000_000]),
    since=st.integers(-3, 1).map(lambda days: NOW + timedelta(days=days)),
)
usages = st.one_of(
    st.integers(0, 10**12),
    st.decimals(0, 10**6, allow_nan=False, allow_infinity=False, places=6),
    st.decimals(0, 1, allow_nan=False, allow_infinity=False, places=28).map(str),
)
amounts = st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=10)
costs = st.fixed_dictionaries(
    {
        "service": st.sampled_from(["twilio", "vendor"]),
        "operation": st.sampled_from(["voice", "outbound_call", "talk", "Talk"]),
        "usage": usages,
        "unit": st.sampled_from(UNITS),
    },
    optional={
        "model": st.sampled_from(MODELS) | st.just("A"),
        "metadata": st.sampled_from(MODELS).map(lambda model: {"model": model}),
        "unitCost": prices,
        "totalCost": amounts,
    },
)


def without_duplicates(found: list[SamplePrice]) -> list[SamplePrice]:
    """Keep one row for each key and date, as the database does."""
    keyed = {(r.service, r.operation, r.model, r.unit, r.since): r for r in found}
    return list(keyed.values())


@settings(max_examples=200, deadline=None)
@given(st.lists(rows, max_size=12).map(without_duplicates), costs)
def test_integer_pricing_agrees_with_fractions(
    found: list[SamplePrice], fields: dict[str, Any]
) -> None:
    plain = cost(**fields)
    expected = cost_nano(plain, found)
    outcome: int | str
    try:
        row = entry_of(decoded(plain), catalogue(found))
        outcome = "unpriced" if row.is_unpriced else row.cost_nano
    except Refused as refusal:
        outcome = refusal.code
    if expected is None:
        assert outcome == "unpriced"
    elif expected > MAX_EVENT_NANO:
        assert outcome == "invalid_event"
    else:
        assert outcome == expected
