"""Any bytes become an event or a refusal.

An accepted event can be stored, counted and written to PostgreSQL: one that failed later would stop
its partition for good.
"""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calls.entries import Entry
from schemas.cloudevents import MAX_EVENT_BYTES, Headers, decode
from schemas.events import Event
from schemas.refusals import REFUSAL_CODES, Refused
from schemas.stored import pack, unpack
from tests.support.events import WINDOW, Plain, binary, cost, structured
from tests.support.memory_ledger import MemoryLedger
from tests.unit.schemas.test_event_decoding import EXAMPLES

BIGINT = range(-(2**63), 2**63)
many = settings(max_examples=150, deadline=None)

texts = st.text(max_size=20) | st.sampled_from(["\0", "NaN", "\\u0000", "\ud800", "ﬀ", "💶" * 70])
numbers = (
    st.integers()
    | st.decimals()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([Decimal("1E+400"), Decimal("1E-400"), Decimal("0E+999999999"), 10**70])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
examples = st.sampled_from(list(EXAMPLES.values()))
headers_with = st.lists(
    st.tuples(
        st.sampled_from(["ce_id", "ce_type", "CE_time", "ce_", "ce_specversion", "x"]) | texts,
        st.none() | st.binary(max_size=20),
    ),
    max_size=4,
)


def assert_event_or_refusal(value: bytes | None, headers: Headers) -> Event | None:
    """Decode; an accepted event can be recorded, a refused one has a known code."""
    try:
        event = decode(value, headers, WINDOW)
    except Refused as refusal:
        assert refusal.code in REFUSAL_CODES
        assert refusal.message
        return None
    assert unpack(pack(event)) == event
    assert event.fingerprint in BIGINT
    ledger = MemoryLedger()
    ledger.record([event])
    assert len(ledger.identities) + len(ledger.refused) == 1
    for entry in ledger.entries:
        assert_can_be_written(entry)
    return event


def assert_can_be_written(entry: Entry) -> None:
    for column in entry:
        if isinstance(column, str):
            assert "\0" not in column
            column.encode()
        elif isinstance(column, int):
            assert column in BIGINT or column is entry.usage
        elif isinstance(column, Decimal):
            # Well within the limits of PostgreSQL's numeric and of asyncpg.
            assert column.is_finite()
            assert -100 < column.adjusted() < 100


@many
@given(st.none() | st.binary(max_size=300), headers_with)
def test_any_bytes_are_an_event_or_refused(
    value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    assert_event_or_refusal(value, headers)


@many
@given(values)
def test_any_json_is_an_event_or_refused(value: object) -> None:
    assert_event_or_refusal(as_json(value), ())


@many
@given(examples, st.data())
def test_event_with_changed_bytes_is_an_event_or_refused(plain: Plain, data: st.DataObject) -> None:
    value = structured(plain)
    start = data.draw(st.integers(0, len(value)))
    end = data.draw(st.integers(start, min(start + 8, len(value))))
    assert_event_or_refusal(value[:start] + data.draw(st.binary(max_size=8)) + value[end:], ())


@many
@given(examples, st.data())
def test_event_with_changed_values_is_an_event_or_refused(
    plain: Plain, data: st.DataObject
) -> None:
    changed: Plain = {**plain, "data": {**plain["data"]}}
    for _ in range(data.draw(st.integers(1, 2))):
        part = data.draw(st.sampled_from([changed, changed["data"]]))
        if isinstance(part, dict):
            part[data.draw(st.sampled_from(sorted(part) or ["id"]) | texts)] = data.draw(values)
    assert_event_or_refusal(as_json(changed), ())
    if isinstance(changed.get("data"), dict):
        assert_event_or_refusal(as_json(changed["data"]), binary(plain)[1])


@many
@given(examples, headers_with)
def test_binary_mode_with_other_headers_is_an_event_or_refused(
    plain: Plain, others: list[tuple[str, bytes]]
) -> None:
    value, headers = binary(plain)
    assert_event_or_refusal(value, headers + others)
    assert_event_or_refusal(value, others + headers[2:])


def as_json(value: object) -> bytes:
    """Encode any value, including numbers and half surrogates, as a lenient JSON library does."""
    try:
        return msgspec.json.Encoder(decimal_format="number").encode(value)
    except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError):
        return str(value).replace("'", '"').encode("utf-8", "surrogatepass")


IN_A_NUMBERS_PLACE = {
    b"NaN": "invalid_event",
    b"Infinity": "invalid_event",
    b"-Infinity": "invalid_event",
    b"nan": "invalid_json",
    b"NaN0": "invalid_json",
    b'"NaN"': "invalid_event",
    b'"sNaN"': "invalid_event",
    b'"Infinity"': "invalid_event",
    b"1e400": "invalid_event",
    b"-1e400": "invalid_event",
    b"1e-400": "invalid_event",
    b'"1e-400"': "invalid_event",
    b"0e999999999": "invalid_event",
    b"1e99999999999999999999": "invalid_event",
    b"1" * 5000: "invalid_event",
    b'"%s"' % (b"1" * 5000): "invalid_event",
    b"01": "invalid_json",
    b"1.": "invalid_json",
    b"[]": "invalid_event",
    b"{}": "invalid_event",
}
AS_METADATA = {
    b'{"a":"\\ud800"}': "invalid_json",
    b'{"a":"\\q"}': "invalid_json",
    b'{"a":"\x01"}': "invalid_json",
    b'{"a":"\x00"}': "invalid_json",
    b'{"a":"\xed\xa0\x80"}': "invalid_json",
    b'{"a":NaN}': "invalid_event",
    b'{"a":"NaN",}': "invalid_json",
    b'{"a":1,}': "invalid_json",
    b'{"a":"\\u0000"}': "invalid_event",
    b'{"model":"m","a":' + b"[" * 300 + b"]" * 300 + b"}": "invalid_event",
    b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}": "invalid_json",
}
WHOLE = {
    None: "invalid_json",
    b"": "invalid_json",
    b" ": "invalid_json",
    b"{": "invalid_json",
    b"\xef\xbb\xbf" + structured(cost()): "invalid_json",
    structured(cost()) + b"{}": "invalid_json",
    structured(cost())[:-1]: "invalid_json",
    structured(cost()).decode().encode("utf-16"): "invalid_json",
    b"[" * MAX_EVENT_BYTES: "invalid_event",
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000: "invalid_json",
    b"null": "invalid_event",
    b"[]": "invalid_event",
    b'"text"': "invalid_event",
    b"{}": "invalid_event",
}


def with_usage(text: bytes) -> bytes:
    return structured(cost(usage="@")).replace(b'"@"', text)


def with_metadata(text: bytes) -> bytes:
    return structured(cost(metadata="@")).replace(b'"@"', text)


CASES = (
    [(with_usage(text), code) for text, code in IN_A_NUMBERS_PLACE.items()]
    + [(with_metadata(text), code) for text, code in AS_METADATA.items()]
    + list(WHOLE.items())
)


@pytest.mark.parametrize(("value", "code"), CASES, ids=range(len(CASES)))
def test_known_garbage_is_refused_with_its_code(value: bytes | None, code: str) -> None:
    with pytest.raises(Refused) as refused:
        decode(value, (), WINDOW)
    assert refused.value.code == code
