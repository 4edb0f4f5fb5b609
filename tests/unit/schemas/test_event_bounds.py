"""Every documented bound of an event, on both sides, with its refusal code."""

import json
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas import generate
from schemas.cloudevents import decode
from schemas.events import DATA_TYPES
from schemas.refusals import RefusalCode, Refused
from schemas.usages import UNITS
from tests.support.events import (
    NOW,
    WINDOW,
    Plain,
    binary,
    charged,
    cost,
    decoded,
    ended,
    grant_voided,
    granted,
    refunded,
    started,
    structured,
    voided,
)

TWELVE_ZEROS = 10**12
BILLION = 10**9
YEAR_SECONDS = 31_536_000
KIB = 1024


def code_of(value: bytes | None, headers: Any = ()) -> RefusalCode:
    with pytest.raises(Refused) as refused:
        decode(value, headers, WINDOW)
    assert refused.value.message
    return refused.value.code


def metadata_of(size: int) -> dict[str, str]:
    return {"m": "x" * (size - len('{"m":""}'))}


def padded(size: int) -> bytes:
    plain = cost()
    missing = size - len(structured({**plain, "padding": ""}))
    return structured({**plain, "padding": "p" * missing})


def test_event_types_are_those_of_calls_and_of_credit() -> None:
    assert DATA_TYPES.keys() == {
        "call.started",
        "call.updated",
        "cost.recorded",
        "cost.voided",
        "call.charged",
        "call.refunded",
        "call.ended",
        "credit.granted",
        "credit.voided",
    }


ALLOWED: dict[str, Plain] = {
    **{f"unit {unit}": cost(unit=unit) for unit in UNITS},
    **{f"end {how}": ended(status=how) for how in ("completed", "failed", "terminated")},
    **{f"direction {way}": started(direction=way) for way in ("outbound", "inbound")},
    "usage at most": cost(usage=TWELVE_ZEROS),
    "usage zero": cost(usage=0),
    "usage with 30 decimals": cost(usage="0." + "3" * 30),
    "total cost at most": cost(totalCost=BILLION),
    "unit cost at most": cost(unitCost=BILLION),
    "amount at most": charged(amount=BILLION, fee=BILLION),
    "refund at most": refunded(amount=f"{BILLION}.000"),
    "duration at most": ended(duration_seconds=YEAR_SECONDS),
    "text of 255": cost(call="c" * 255, user="u" * 255, operation="ö" * 255, id="😀" * 255),
    "unknown service": cost(service="a-new-one"),
    "metadata of 8 KiB": cost(metadata=metadata_of(8 * KIB)),
    "no metadata": {**cost(), "data": {**cost()["data"], "metadata": None}},
    "no reason": {**voided(cost()), "data": {**voided(cost())["data"], "reason": ""}},
    "ten tags of 40 and 100 characters": cost(
        tags={f"{number}".rjust(40, "k"): "😀" * 100 for number in range(10)}
    ),
    "tags of a void": voided(cost(), tags={"campaign": " = spring"}),
    "no tags": {**ended(), "data": {**ended()["data"], "tags": None}},
    "empty tags": charged(tags={}),
    "grant of nothing": granted(amount=0),
    "grant that lasts a century": granted(expiresAt=NOW + timedelta(days=36_525)),
    "grant of another zone": granted(expiresAt="2026-03-15T18:00:00+02:00"),
    "grant with a subject": granted(subject="alice", priority=1000, note="n" * 255),
    "void of a grant": grant_voided(granted(), reason=""),
    "ten minutes ahead": cost(time=NOW + timedelta(minutes=10)),
    "400 days back": cost(time=NOW - timedelta(days=400)),
}


@pytest.mark.parametrize("plain", ALLOWED.values(), ids=ALLOWED.keys())
def test_values_at_the_bounds_are_accepted(plain: Plain) -> None:
    assert decoded(plain).id == plain["id"]
    value, headers = binary(plain)
    assert decode(value, headers, WINDOW) == decoded(plain)


def test_event_of_64_kib_is_the_largest() -> None:
    assert decode(padded(64 * KIB), (), WINDOW).type == "cost.recorded"
    assert code_of(padded(64 * KIB + 1)) == "too_large"
    assert code_of(b"x" * (64 * KIB + 1)) == "too_large"


def without(plain: Plain, *names: str) -> Plain:
    data = {name: value for name, value in plain["data"].items() if name not in names}
    return {name: value for name, value in plain.items() if name not in names} | {"data": data}


REFUSED: dict[str, Plain] = {
    "usage above": cost(usage=TWELVE_ZEROS + 1),
    "usage just above": cost(usage=f"{TWELVE_ZEROS}.000000001"),
    "usage negative": cost(usage=-1),
    "usage hardly negative": cost(usage="-0.000000001"),
    "usage with 31 decimals": cost(usage="0." + "3" * 31),
    "usage true": cost(usage=True),
    "usage null": {**cost(), "data": {**cost()["data"], "usage": None}},
    "usage a word": cost(usage="many"),
    "usage missing": without(cost(), "usage"),
    "unit cost negative": cost(unitCost=-1),
    "unit cost above": cost(unitCost=BILLION + 1),
    "total cost negative": cost(totalCost=-1),
    "total cost above": cost(totalCost=f"{BILLION}.000000001"),
    "amount negative": charged(amount=-1),
    "amount above": charged(amount=BILLION + 1),
    "fee negative": charged(fee="-0.01"),
    "fee above": charged(fee=BILLION + 1),
    "refund negative": refunded(amount=-1),
    "refund above": refunded(amount=BILLION + 1),
    "duration negative": ended(duration_seconds=-1),
    "duration above": ended(duration_seconds=YEAR_SECONDS + 1),
    "expected duration above": started(expectedDuration_seconds=YEAR_SECONDS + 1),
    "unit with capitals": cost(unit="Furlongs"),
    "unit of 41": cost(unit="u" * 41),
    "unit missing": without(cost(), "unit"),
    "end unknown": ended(status="bored"),
    "direction unknown": started(direction="sideways"),
    "type unknown": cost(type="cost.imagined"),
    "type missing": without(cost(), "type"),
    "specversion unknown": cost(specversion="0.3"),
    "specversion missing": without(cost(), "specversion"),
    "id missing": without(cost(), "id"),
    "id empty": cost(id=""),
    "id of 256": cost(id="i" * 256),
    "source missing": without(cost(), "source"),
    "source of 256": cost(source="s" * 256),
    "source of the ledger": cost(source="ledger"),
    "source of corrections": cost(source="/cost-analytics/rerate"),
    "time missing": without(cost(), "time"),
    "time without a zone": cost(time="2026-03-15T12:00:00"),
    "time no time": cost(time="yesterday"),
    "time a number": cost(time=1_773_576_000),
    "time out of range": cost(time="0001-01-01T00:00:00+14:00"),
    "time more than ten minutes ahead": cost(time=NOW + timedelta(minutes=10, microseconds=1)),
    "data missing": {name: value for name, value in cost().items() if name != "data"},
    "data a list": {**cost(), "data": [1]},
    "call missing": without(cost(), "callId"),
    "call a number": cost(callId=42),
    "call empty": cost(callId=""),
    "call of 256": cost(callId="c" * 256),
    "subject of another call": cost(subject="call-2"),
    "user of 256": cost(user="u" * 256),
    "user missing where needed": without(started(), "userId"),
    "persona missing where needed": without(started(), "personaId"),
    "operation of 256": cost(operation="o" * 256),
    "model of 256": cost(model="m" * 256),
    "service empty": cost(service=""),
    "reason of 256": cost(type="cost.voided", voids={"source": "/s", "id": "1"}, reason="r" * 256),
    "voids missing": without(voided(cost()), "voids"),
    "voids half": cost(type="cost.voided", voids={"id": "1"}, reason="r"),
    "metadata of more than 8 KiB": cost(metadata=metadata_of(8 * KIB + 1)),
    "metadata a list": cost(metadata=[1]),
    "metadata a text": cost(metadata="m"),
    "metadata 33 deep": cost(metadata={"a": eval("[" * 32 + "]" * 32)}),
    "eleven tags": cost(tags={f"key{number}": "value" for number in range(11)}),
    "tags a list": refunded(tags=["campaign"]),
    "tag a number": started(tags={"campaign": 1}),
    "tag null": started(tags={"campaign": None}),
    "tag empty": cost(tags={"campaign": ""}),
    "tag of 101": ended(tags={"campaign": "v" * 101}),
    "tag with a line break": cost(tags={"campaign": "a\nb"}),
    "tag with a control character": cost(tags={"campaign": "a\x9fb"}),
    "tag with a line separator": cost(tags={"campaign": "a\u2028b"}),
    "tag without a key": cost(tags={"": "spring"}),
    "tag key in capitals": cost(tags={"Campaign": "spring"}),
    "tag key with a dash": cost(tags={"agent-version": "1"}),
    "tag key with a digit first": cost(tags={"1st": "1"}),
    "key with a line break": cost(tags={"campaign\n": "1"}),
    "tag key of 41": cost(tags={"k" * 41: "1"}),
    "NUL in an identifier": cost(id="a\0b"),
    "NUL in the metadata": cost(metadata={"a": ["\0"]}),
}


@pytest.mark.parametrize("plain", REFUSED.values(), ids=REFUSED.keys())
def test_values_beyond_the_bounds_are_refused(plain: Plain) -> None:
    assert code_of(structured(plain)) == "invalid_event"


@pytest.mark.parametrize("name", [name for name in (*ALLOWED, *REFUSED) if "tag" in name])
def test_schema_of_tags_agrees_with_the_decoder(name: str) -> None:
    plain = ALLOWED.get(name) or REFUSED[name]
    schema = json.loads((generate.FOLDER / f"{plain['type']}.schema.json").read_text("utf-8"))
    event = json.loads(structured(plain))
    assert Draft202012Validator(schema).is_valid(event) is (name in ALLOWED)


def test_refused_tag_is_named() -> None:
    for wrong, named in (
        ({f"key{number}": "v" for number in range(11)}, "11 keys"),
        ({"Team": "red"}, "`Team`"),
        ({"team": "r" * 101}, "`team` has 101 characters"),
        ({"team": "red\t"}, "`team` contains a control character"),
    ):
        with pytest.raises(Refused, match=named):
            decoded(cost(tags=wrong))


def test_time_out_of_range_is_named() -> None:
    early = "0001-01-01T00:00:00+14:00"
    for plain, named in ((cost(time=early), "`time`"), (granted(expiresAt=early), "`expiresAt`")):
        with pytest.raises(Refused, match=f"{named} is out of range"):
            decoded(plain)


def test_event_without_tags_keeps_its_fingerprint() -> None:
    """A repeat of an event that was recorded before there were tags is still a repeat."""
    plain = cost(id="event-1", metadata={"turn": 1})
    assert decoded(plain).fingerprint == 7462324255026262937
    assert decoded(cost(id="event-1", metadata={"turn": 1}, tags={})).fingerprint == (
        decoded(plain).fingerprint
    )


def test_order_of_tags_is_no_conflict() -> None:
    one, other = ({"team": "red", "campaign": "x"}, {"campaign": "x", "team": "red"})
    assert decoded(cost(id="1", tags=one)) == decoded(cost(id="1", tags=other))
    assert decoded(cost(id="1", tags=one)) != decoded(cost(id="1"))


@pytest.mark.parametrize("age", [timedelta(days=400, microseconds=1), timedelta(days=4_000)])
def test_event_older_than_400_days_is_too_old(age: timedelta) -> None:
    assert code_of(structured(cost(time=NOW - age))) == "too_old"


@pytest.mark.parametrize("plain", REFUSED.values(), ids=REFUSED.keys())
def test_bounds_apply_in_binary_mode(plain: Plain) -> None:
    value, headers = binary({"data": None, **plain})
    assert code_of(value, headers) == "invalid_event"


def test_metadata_may_be_wide_and_32_levels_deep() -> None:
    deep = {"a": eval("[" * 31 + "]" * 31)}
    assert decoded(cost(metadata=deep)).type == "cost.recorded"
    wide = {"[": ["{[" * 20, '"\\', {}] * 50}
    assert decoded(cost(metadata=wide)).type == "cost.recorded"
