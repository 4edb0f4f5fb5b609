"""Legs: their rounding is settled when the call ends, and follows only from the set of events."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calls.batch_changes import KnownState
from ledger.calls.batch_legs import BatchLegs
from ledger.calls.fast_path import FastPathRater
from ledger.calls.rating import LegCost, rate_if_priced
from ledger.prices.catalogue import Catalogue
from ledger.prices.increments import Increments
from schemas.events import Event
from schemas.refusals import Refused
from tests.support.events import (
    NOW,
    WINDOW,
    Plain,
    charged,
    cost,
    decoded,
    ended,
    started,
    structured,
    voided,
)
from tests.support.expected import expect
from tests.support.memory_ledger import MemoryLedger
from tests.support.prices import DEFAULTS, SamplePrice, catalogue
from tests.support.strategies import arrivals

LATER = NOW - timedelta(hours=1)
MINUTES = (
    *(row for row in DEFAULTS if (row.service, row.operation) != ("twilio", "outbound_call")),
    SamplePrice("twilio", "outbound_call", "*", "minutes", "0.014", increments=Increments(60, 60)),
)
MIXED = (
    *MINUTES,
    SamplePrice("twilio", "outbound_call", "*", "seconds", "0.0005", since=LATER, increments=Increments(30, 6)),
    SamplePrice("speech", "tts", "new", "audio_seconds", "0.0000000007", since=LATER, increments=Increments(15)),
    SamplePrice("speech", "tts", "*", "minutes", "0.0123", 7, increments=Increments(0, 1)),
)  # fmt: skip
CATALOGUE = catalogue(MINUTES)


def ledger_of(*batches: list[Plain], prices: Catalogue = CATALOGUE) -> MemoryLedger:
    ledger = MemoryLedger(prices)
    for batch in batches:
        ledger.record([decoded(plain) for plain in batch])
    return ledger


def twilio_nano(ledger: MemoryLedger) -> int:
    return ledger.calls["call-1"].costs_by_service().get("twilio", 0)


def test_a_running_call_costs_its_exact_usage_and_an_ended_one_whole_minutes() -> None:
    pieces = [cost(usage=61, unit="seconds"), cost(usage="0.5", unit="minutes")]
    ledger = ledger_of(pieces)
    exact = twilio_nano(ledger)
    assert exact == 14_233_333 + 7_000_000
    ledger.record([decoded(ended())])
    assert twilio_nano(ledger) == 2 * 14_000_000
    [rounding] = ledger.calls["call-1"].roundings or []
    assert (rounding.seconds, rounding.nano) == (120, 28_000_000 - exact)

    ledger.record([decoded(cost(usage=30, unit="seconds"))])
    assert twilio_nano(ledger) == 3 * 14_000_000
    ledger.record([decoded(voided(pieces[0]))])
    assert twilio_nano(ledger) == 14_000_000
    assert ledger.calls["call-1"].roundings == []


def test_legs_are_rounded_apart() -> None:
    one, other = cost(usage=1, unit="seconds", legId="a"), cost(usage=1, unit="seconds", legId="b")
    assert twilio_nano(ledger_of([one, other, ended()])) == 2 * 14_000_000
    assert (
        twilio_nano(ledger_of([one, cost(usage=1, unit="seconds", legId="a"), ended()]))
        == 14_000_000
    )


def test_a_price_of_the_emitter_is_not_rounded() -> None:
    assert (
        twilio_nano(ledger_of([cost(usage=1, unit="seconds", totalCost="0.01"), ended()]))
        == 10_000_000
    )


def test_a_leg_without_usage_costs_nothing() -> None:
    assert twilio_nano(ledger_of([cost(usage=0, unit="seconds"), ended()])) == 0


def test_an_unpriced_piece_postpones_the_rounding_of_its_leg() -> None:
    unpriced = cost(usage=1, unit="seconds", priceContext={"tier": "batch"})
    ledger = ledger_of([cost(usage=1, unit="seconds"), unpriced, ended()])
    assert twilio_nano(ledger) == 233_333
    ledger.record([decoded(voided(unpriced))])
    assert twilio_nano(ledger) == 14_000_000


def test_roundings_count_on_the_day_of_the_last_end() -> None:
    day_before = NOW - timedelta(days=1)
    ledger = ledger_of([cost(usage=1, unit="seconds", time=day_before), ended(time=day_before)])
    first, last = f"{day_before:%Y-%m-%d}", f"{NOW:%Y-%m-%d}"
    assert ledger.calls["call-1"].costs[first]["twilio"] == 14_000_000
    ledger.record([decoded(ended())])
    assert ledger.calls["call-1"].costs[first]["twilio"] == 233_333
    assert ledger.calls["call-1"].costs[last]["twilio"] == 14_000_000 - 233_333


def test_only_kinds_with_increments_leave_the_fast_path() -> None:
    values = [
        structured(cost(operation=operation, **more))
        for operation, more in (
            ("voice", {}),
            ("voice", {"totalCost": 1}),
            ("inbound_call", {}),
            ("inbound_call", {"legId": "a"}),
        )
    ]
    rated = FastPathRater(CATALOGUE).rate(values, WINDOW)
    assert [one is not None for one in rated] == [False, True, True, False]
    assert isinstance(rate_if_priced(decoded(cost()), CATALOGUE), LegCost)
    assert not isinstance(rate_if_priced(decoded(cost(totalCost=1)), CATALOGUE), LegCost)


@pytest.mark.parametrize("late", [cost(), ended(), voided(cost())])
def test_a_leg_whose_details_have_expired_refuses_what_would_change_it(late: Plain) -> None:
    before = ledger_of([started(), cost()]).calls["call-1"]
    legs = BatchLegs(KnownState(calls_without_details=frozenset({"call-1"})), CATALOGUE)
    rated = rate_if_priced(decoded(late), CATALOGUE)
    check = legs.check_event if isinstance(rated, Event) else legs.check_cost
    with pytest.raises(Refused, match="no longer kept"):
        check(rated, before)  # type: ignore[arg-type]


_TIMES = (LATER - timedelta(seconds=1), LATER, NOW)
_numbers = st.integers(0, 130) | st.decimals(0, 3, places=7)
_pieces = st.fixed_dictionaries(
    {
        "service": st.just("twilio") | st.just("speech"),
        "usage": _numbers,
        "unit": st.sampled_from(("seconds", "minutes", "audio_seconds")),
        "model": st.sampled_from((None, "new")),
        "legId": st.sampled_from((None, None, "b")),
        "totalCost": st.sampled_from((None, None, None, "0.5")),
        "priceContext": st.sampled_from((None, None, None, {"tier": "batch"})),
        "time": st.sampled_from(_TIMES),
        "user": st.sampled_from(("alice", None)),
        "together": st.booleans(),
    }
)


def _piece(drawn: dict[str, Any]) -> Plain:
    """Return a cost with one quantity, or a request with two."""
    together = drawn.pop("together")
    operation = "voice" if drawn["service"] == "twilio" else "tts"
    if together:
        unit, quantity = drawn.pop("unit"), drawn.pop("usage")
        other = "seconds" if unit == "minutes" else "minutes"
        usages = [{"unit": unit, "quantity": quantity}, {"unit": other, "quantity": 1}]
        drawn |= {"usages": usages, "usage": None, "unit": None}
    return cost(operation=operation, **drawn)


@st.composite
def _streams(draw: st.DrawFn) -> list[Plain]:
    pieces = [_piece(one) for one in draw(st.lists(_pieces, min_size=1, max_size=6))]
    voids = [voided(one, user=None) for one in draw(st.lists(st.sampled_from(pieces), max_size=2))]
    others = [ended(time=at) for at in draw(st.lists(st.sampled_from(_TIMES), max_size=2))]
    return [*pieces, *voids, *others, *draw(st.sampled_from(([], [started()], [charged()])))]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_totals_are_those_of_the_plain_definition_however_events_arrive(
    data: st.DataObject,
) -> None:
    stream = data.draw(_streams())
    expected = expect(stream, MIXED).totals
    ledger = ledger_of(*data.draw(arrivals(stream)), prices=catalogue(MIXED))
    assert ledger.totals() == expected
    assert ledger.refused == []


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 200) | st.decimals(0, 200, places=9), min_size=1, max_size=6),
    st.sampled_from(("seconds", "minutes")),
)
def test_any_split_of_a_leg_costs_the_same(parts: list[int | Decimal], unit: str) -> None:
    split = ledger_of([cost(usage=part, unit=unit) for part in parts], [ended()])
    whole = ledger_of([cost(usage=sum(parts), unit=unit), ended()])
    assert twilio_nano(split) == twilio_nano(whole)
