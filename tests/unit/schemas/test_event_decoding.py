"""Events are decoded exactly, in both content modes."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from schemas.cloudevents import decode
from schemas.events import CallStarted, CostRecorded, CostVoided, Event, EventReference
from schemas.stored import pack, unpack
from tests.support.events import (
    NOW,
    WINDOW,
    Plain,
    binary,
    charged,
    cost,
    decoded,
    ended,
    event,
    refunded,
    started,
    structured,
    voided,
)

EXAMPLES = {
    "call.started": started(direction="inbound", expectedDuration_seconds="90.5"),
    "cost.recorded": cost(
        user=None,
        personaId="brad_001",
        model="nova-2",
        usage=Decimal("12.50"),
        unitCost="0.0059",
        totalCost=Decimal("0.0007375"),
        estimated=True,
        metadata={"turn": 3, "said": "größe \\u0000 \\", "nested": {"a": [1, 2.5]}},
    ),
    "cost.voided": voided(cost(), user=None),
    "call.charged": charged(fee=Decimal("0.475"), processor="stripe"),
    "call.refunded": refunded(amount=Decimal("4.99")),
    "call.ended": ended(status="terminated", duration_seconds=Decimal("61.5")),
}
each = pytest.mark.parametrize("plain", EXAMPLES.values(), ids=EXAMPLES.keys())


def in_binary_mode(plain: Plain) -> Event:
    value, headers = binary(plain)
    return decode(value, headers, WINDOW)


@each
def test_content_modes_decode_the_same_event(plain: Plain) -> None:
    assert in_binary_mode(plain) == decode(structured(plain), (), WINDOW)


@each
def test_envelope_attributes_are_decoded(plain: Plain) -> None:
    event = decoded(plain)
    assert (event.source, event.id, event.type) == (plain["source"], plain["id"], plain["type"])
    assert event.time == NOW
    assert event.time.tzinfo is UTC
    assert event.data.call_id == plain["data"]["callId"]
    assert event.data.user_id == plain["data"].get("userId")


@each
def test_stored_event_is_read_back_the_same(plain: Plain) -> None:
    event = decoded(plain)
    assert unpack(pack(event)) == event


def test_field_names_are_those_of_the_emitters() -> None:
    data = decoded(EXAMPLES["call.started"]).data
    assert isinstance(data, CallStarted)
    assert (data.user_id, data.persona_id, data.direction) == ("alice", "brad_001", "inbound")
    assert data.expected_duration_seconds == Decimal("90.5")
    data = decoded(EXAMPLES["cost.recorded"]).data
    assert isinstance(data, CostRecorded)
    assert (data.service, data.operation, data.unit) == ("twilio", "voice", "minutes")
    assert (data.unit_cost, data.total_cost) == (Decimal("0.0059"), Decimal("0.0007375"))
    assert data.estimated
    assert b'"nested":{"a":[1,2.5]}' in bytes(data.metadata)
    data = decoded(voided(cost(id="x", source="/y"))).data
    assert isinstance(data, CostVoided)
    assert data.voids == EventReference("/y", "x")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (7, 7),
        ("7", 7),
        (Decimal("0.1"), Decimal("0.1")),
        ("0.1", Decimal("0.1")),
        (Decimal("1E+2"), 100),
        ("0.100000000000000005551115123126", Decimal("0.100000000000000005551115123126")),
        (10**12, 10**12),
        (0, 0),
        ("-0", 0),
    ],
)
def test_numbers_may_be_strings_and_are_never_floats(written: object, meant: int | Decimal) -> None:
    data = decoded(cost(usage=written)).data
    assert isinstance(data, CostRecorded)
    assert data.usage == meant
    assert not isinstance(data.usage, float)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-15T12:00:00Z", NOW),
        ("2026-03-15T14:00:00+02:00", NOW),
        ("2026-03-15t12:00:00.000z", NOW),
        ("2026-03-14T23:30:00-12:30", NOW),
        ("2026-03-15T12:00:00.000001Z", NOW.replace(microsecond=1)),
    ],
)
def test_times_are_converted_to_utc(text: str, utc: datetime) -> None:
    event = decoded(cost(time=text))
    assert event.time == utc
    assert event.time.tzinfo is UTC


def test_unknown_fields_and_attributes_are_ignored() -> None:
    """Emitters may add fields at any time; `subject` is the call id where present."""
    plain = cost(subject="call-1", mood="good")
    more = {**plain, "datacontenttype": "application/json", "traceparent": "00-ab-01"}
    assert decoded(more).fingerprint == decoded(plain).fingerprint


def test_header_names_are_case_insensitive() -> None:
    value, headers = binary(cost())
    shouted = [("traceparent", b"\xff"), *((name.upper(), text) for name, text in headers)]
    assert decode(value, shouted, WINDOW) == decode(value, headers, WINDOW)


def test_other_headers_leave_structured_mode() -> None:
    plain = cost()
    assert (
        decode(structured(plain), [("ce-id", b"other"), ("x", b"\xff")], WINDOW).id == plain["id"]
    )


def test_fingerprint_identifies_the_content() -> None:
    plain = cost(id="one", time="2026-03-15T12:00:00Z")
    same = [plain, {**plain, "time": "2026-03-15T13:00:00+01:00"}, {**plain, "subject": "call-1"}]
    assert len({decoded(one).fingerprint for one in same}) == 1
    others = [
        {**plain, "time": "2026-04-15T12:00:00Z"} | {"time": "2026-03-15T12:00:00.001Z"},
        {**plain, "data": {**plain["data"], "usage": 2}},
        {**plain, "data": {**plain["data"], "userId": "bob"}},
        {**plain, "data": {**plain["data"], "metadata": {"a": 1}}},
        event("call.refunded", {"callId": "call-1", "amount": 1}, id="one"),
        event("call.charged", {"callId": "call-1", "amount": 1}, id="one"),
    ]
    assert len({decoded(one).fingerprint for one in [plain, *others]}) == len(others) + 1
    assert len({decoded(one).identity for one in [plain, *others]}) == 1
