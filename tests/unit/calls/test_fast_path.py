"""The fast path for ordinary cost events gives the same result as the general path."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calls.fast_path import FastPathRater
from ledger.calls.rating import DetailedCost, FastPathCost, RatedCost, rate_if_priced
from ledger.prices.catalogue import Catalogue, Price
from ledger.prices.conditions import Conditions, Hours
from schemas.bounds import MAX_METADATA_BYTES, MAX_METADATA_DEPTH, MAX_USAGE
from schemas.cloudevents import MAX_EVENT_BYTES, RECEIVER, decode
from schemas.events import RESERVED_SOURCES
from schemas.refusals import Refused
from tests.support.events import NOW, WINDOW, Plain, cost, event, structured
from tests.support.prices import ALWAYS, DEFAULTS, SamplePrice, catalogue
from tests.unit.schemas.test_event_decoding import EXAMPLES

LATER = NOW + timedelta(minutes=1)
PRICES = catalogue(
    [*DEFAULTS, SamplePrice("twilio", "outbound_call", "*", "minutes", "0.02", since=LATER)]
)
UUID = "0192f3a4-5b6c-7000-8000-0123456789ab"


CONDITIONAL = Catalogue(
    [
        Price(1, "twilio", "api", "outbound_call", "*", "minutes", Decimal("0.02"), 1, ALWAYS),
        Price(2, "twilio", "api", "outbound_call", "*", "minutes", Decimal("0.05"), 1, ALWAYS,
              Conditions(hours=Hours(0, 1))),
        Price(3, "twilio", "api", "inbound_call", "*", "minutes", Decimal("0.01"), 1, ALWAYS),
    ]
)  # fmt: skip


def by_general_path(value: bytes) -> DetailedCost | None:
    """Return the result of the general path, with its row as COPY reads it."""
    try:
        found = rate_if_priced(decode(value, (), WINDOW), PRICES, value)
    except Refused:
        return None
    return found if isinstance(found, DetailedCost) else None


def by_fast_path(values: Sequence[bytes | None]) -> list[FastPathCost | None]:
    return FastPathRater(PRICES).rate(values, WINDOW)


def facts(cost: RatedCost) -> dict[str, object]:
    """Return what a rated cost says, in every form in which its row is written."""
    common = {name: getattr(cost, name) for name in RatedCost.__struct_fields__}
    return {**common, "cells": cost.copy_cells(), "columns": cost.columns()}


def assert_paths_agree(values: Sequence[bytes | None]) -> list[FastPathCost | None]:
    """Assert that each result of the fast path equals that of the general path."""
    found = by_fast_path(values)
    assert len(found) == len(values)
    for value, one in zip(values, found, strict=True):
        if one is not None:
            assert value is not None
            general = by_general_path(value)
            assert general is not None
            assert facts(one) == facts(general)
            assert one.event() == decode(value, (), WINDOW)
    return found


names = st.sampled_from(["a", "x" * 255, "é", 'say "so"', "\u0000", "", "x" * 256]) | st.text()
times = st.sampled_from(
    [
        NOW,
        LATER,
        LATER + timedelta(days=-1, microseconds=7),
        NOW + timedelta(hours=1),
        NOW - timedelta(days=401),
        "2026-03-15T13:00:00.123456+01:00",
        "2026-03-15T00:00:00Z",
        "2026-03-14T23:59:59.999999Z",
        "2026-03-15T12:00:00",
    ]
)
numbers = (
    st.sampled_from([0, 1, MAX_USAGE, MAX_USAGE + 1, -1, "2.5", "NaN", Decimal("1E-30"), 10**9])
    | st.integers(0, 10_000)
    | st.decimals(0, 1_000, places=3)
)
metadata = st.sampled_from(
    [
        None,
        {},
        {"turn": 1},
        {"model": "nova-2"},
        {"said": "größe"},
        {"said": "a\nb"},
        [1],
        "text",
        {"deep": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]},
        {"long": "x" * MAX_METADATA_BYTES},
    ]
)
usages = st.sampled_from(
    [
        {},
        {"service": "deepgram", "operation": "stt_streaming"},
        {"service": "deepgram", "operation": "stt_streaming", "model": "nova-2"},
        {"service": "deepgram", "operation": "stt_streaming", "unit": "seconds"},
        {
            "service": "cerebras",
            "operation": "inference",
            "model": "llama3.1-70b",
            "unit": "tokens",
        },
        {"service": "elevenlabs", "operation": "tts", "unit": "characters"},
        {"service": "unlisted", "operation": "knows"},
        {"unit": "Miles"},
    ]
)
rare: dict[str, st.SearchStrategy[Any]] = {
    "unit": st.none() | st.sampled_from(["Miles", "u" * 41, "seconds"]),
    "usage": st.none(),
    "usages": st.sampled_from(
        [[], [{"unit": "minutes", "quantity": 1}], [{"unit": "M", "quantity": 1}]]
    ),
    "unitCost": st.sampled_from(["0.5", -1, 3, "NaN", "-0.0", "1E+3"]),
    "totalCost": st.sampled_from(["0.5", 10**10, 3, -1, "0.0000000005", "-0.0", "1E-29"]),
    "personaId": names,
    "tags": st.sampled_from([None, {}, {"team": "red"}, {"Team": "red"}, {"campaign": "é"}]),
    "estimated": st.booleans(),
    "subject": st.sampled_from(["call-1", "call-2"]),
    "source": names,
    "id": names | st.just(UUID),
    "user": st.none() | names,
    "call": names,
}
costs = st.builds(
    lambda named, more, **few: cost(**{**few, **named, **more}),
    usages,
    st.fixed_dictionaries({}, optional=rare),
    usage=numbers,
    metadata=metadata,
    time=times,
)
values = st.one_of(
    costs.map(structured),
    st.sampled_from(list(EXAMPLES.values())).map(structured),
    st.none(),
    st.binary(max_size=40),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(values, max_size=6))
def test_fast_path_agrees_with_the_general_path(values: list[bytes | None]) -> None:
    assert_paths_agree(values)


@settings(max_examples=200, deadline=None)
@given(costs.map(structured), st.integers(0, 600), st.integers(0, 8), st.binary(max_size=8))
def test_damaged_costs_get_the_same_result(
    value: bytes, start: int, length: int, instead: bytes
) -> None:
    damaged = value[:start] + instead + value[start + length :]
    assert_paths_agree([value, damaged, value])


@pytest.mark.parametrize(
    "plain",
    [
        cost(time=LATER),
        cost(time=LATER, id=UUID, subject="call-1", estimated=True, personaId="brad_001"),
        cost(time=LATER, usage=Decimal("2.5"), metadata={"turn": 3}),
        cost(
            service="deepgram", operation="stt_streaming", model="nova-2", unit="seconds", usage=7
        ),
        event("cost.recorded", cost(time=LATER)["data"], time=LATER, timesource=RECEIVER),
        cost(time=LATER, metadata={"note": "x" * 2_000}),
        cost(time=LATER, metadata={"said": "größe"}, call="Anruf-ä", user="💶" * 255, id="é" * 255),
        cost(time=LATER, user=None),
        cost(time=LATER, unitCost="0.015"),
        cost(totalCost="0.5", service="unlisted", estimated=True),
        cost(time=LATER, unitCost=2, totalCost=1),
        cost(time=LATER, metadata={"said": 'a\nb \\ "\\u0000"'}, source="a\tb"),
    ],
)
def test_usual_costs_take_the_fast_path(plain: Plain) -> None:
    [found] = assert_paths_agree([structured(plain)])
    assert isinstance(found, FastPathCost)


@pytest.mark.parametrize(
    "plain",
    [
        *(plain for kind, plain in EXAMPLES.items() if kind != "cost.recorded"),
        cost(),
        cost(time=LATER, unit="Minutes"),
        cost(time=LATER, usages=[{"unit": "minutes", "quantity": 1}]),
        cost(time=LATER, usage=None, unit=None, usages=[{"unit": "minutes", "quantity": 1}]),
        cost(time=LATER, unitCost=1, service="unlisted"),
        cost(time=LATER, unitCost=-1),
        cost(time=LATER, totalCost=10**10),
        cost(time=LATER, totalCost=-1),
        cost(time=LATER, totalCost="0." + "1" * 31),
        cost(time=LATER, usage=-1),
        cost(time=LATER, usage=MAX_USAGE + 1),
        cost(time=LATER, usage=MAX_USAGE),
        cost(time=LATER, subject="call-2"),
        cost(time=LATER, metadata={"said": "\0"}),
        cost(time=LATER, metadata=[1]),
        cost(time=LATER, metadata={"model": "nova-2"}),
        cost(time=LATER, metadata={"long": "x" * MAX_METADATA_BYTES}),
        cost(time=LATER, service="unlisted"),
        cost(time="2026-03-15T13:01:00+01:00"),
        cost(time=NOW + timedelta(hours=1)),
    ],
)  # fmt: skip
def test_unusual_events_take_the_general_path(plain: Plain) -> None:
    assert by_fast_path([structured(plain)]) == [None]


def test_events_of_several_days_keep_their_days() -> None:
    """A slice may hold events of several days."""
    moments = ["14T23:59:59.999999", "15T00:00:00", "14T00:00:00", "13T12:00:00.5", "15T11:59:59"]
    found = assert_paths_agree(
        [
            structured(cost(service="elevenlabs", operation="tts", unit="characters", time=time))
            for time in (f"2026-03-{moment}Z" for moment in moments)
        ]
    )
    days = [one.day for one in found if one is not None]
    assert days == [f"2026-03-{moment[:2]}" for moment in moments]


def test_oversized_event_never_takes_the_fast_path() -> None:
    value = structured(cost(time=LATER))
    assert by_fast_path([value.ljust(MAX_EVENT_BYTES)]) != [None]
    assert by_fast_path([value.ljust(MAX_EVENT_BYTES + 1)]) == [None]


@pytest.mark.parametrize("invalid", [b"\xff", b"\xc3", b"\\ud800", b"\\x", b"\0", b"\\u0000"])
def test_invalid_text_never_takes_the_fast_path(invalid: bytes) -> None:
    """In any field: text that PostgreSQL cannot store, or invalid JSON."""
    for plain in (cost(time=LATER, metadata={"said": "@@"}), cost(time=LATER, call="@@")):
        assert assert_paths_agree([structured(plain).replace(b"@@", invalid)]) == [None]


def test_deep_metadata_never_takes_the_fast_path() -> None:
    deep: object = 1
    for _ in range(MAX_METADATA_DEPTH):
        deep = [deep]
    assert by_fast_path([structured(cost(time=LATER, metadata={"deep": deep}))]) == [None]


def test_unusual_record_leaves_the_others_on_the_fast_path() -> None:
    good = structured(cost(time=LATER))
    odd = structured(cost(time=LATER, metadata={"said": "\0"}))
    found = assert_paths_agree([good, odd, None, b"", b"{", good])
    assert [one is not None for one in found] == [True, False, False, False, False, True]


def test_cache_of_usage_kinds_is_bounded() -> None:
    """The cache of kinds holds 10 000 of them; a kind that was dropped is computed again."""
    values = [structured(cost(time=LATER, personaId=f"p-{n % 10_007}")) for n in range(10_020)]
    assert None not in assert_paths_agree(values)


@pytest.mark.parametrize("source", sorted(RESERVED_SOURCES))
@pytest.mark.parametrize("more", [{}, {"totalCost": "0.01"}])
def test_reserved_source_never_takes_the_fast_path(source: str, more: Plain) -> None:
    assert assert_paths_agree([structured(cost(time=LATER, source=source, **more))]) == [None]


def test_a_price_with_conditions_and_a_price_context_take_the_general_path() -> None:
    fields: list[dict[str, Any]] = [
        {},
        {"totalCost": "1.5"},
        {"operation": "inbound_call"},
        {"operation": "inbound_call", "priceContext": {"tier": "batch"}},
        {"totalCost": "1.5", "priceContext": {"direction": "outbound"}},
    ]
    values = [structured(cost(**one)) for one in fields]
    plain = FastPathRater(CONDITIONAL).rate(values, WINDOW)
    assert [one is not None for one in plain] == [False, False, True, False, False]
    rated = [rate_if_priced(decode(value, (), WINDOW), CONDITIONAL) for value in values]
    assert [isinstance(one, DetailedCost) for one in rated] == [True, True, True, False, True]
    for one, other in zip(plain, rated, strict=True):
        if one is not None:
            assert isinstance(other, DetailedCost)
            assert one.copy_cells() == other.copy_cells()
