"""What a mapping makes of documents: exact numbers, and errors that name the pointer."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.mapping.assembly import checked_event
from api.mapping.errors import DocumentError
from api.mapping.language import DocumentMapping, mapping_from_text
from api.mapping.lines import events_of_line

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
MAPPING = mapping_from_text(
    """
source = "/bots"
[all]
time = { at = "/at/ms", format = "unix_ms" }
callId = "/call/id"
userId = ["/user"]
tags.team = "/team"

[[event]]
type = "cost.recorded"
when = { "/kind" = ["llm", "chat"], "/dry" = { not = true } }
service = "openai"
operation = "inference"
model = "/model"
usages.input_tokens = { at = "/in", minus = [["/cached", "/cache/read"]] }
usages.cached_input_tokens = { at = ["/cached", "/cache/read"] }
usages.output_tokens = "/out"
totalCost = { at = "/cost/micros", decimals = 6 }
metadata.request = "/request"
estimated = "/guess"

[[event]]
type = "cost.recorded"
name = "item"
when = { "/kind" = "invoice" }
each = "/items"
id = { join = ["/call/id", "./n"] }
service = "./vendor"
operation = "tts"
usage = "./chars"
unit = "characters"
""".replace('userId = ["/user"]', 'userId = { at = ["/user", "/owner"] }')
)
CHAT: dict[str, Any] = {
    "kind": "llm",
    "at": {"ms": int(NOW.timestamp() * 1000)},
    "call": {"id": "c-1"},
    "user": 7,
    "model": "gpt-4.1",
    "in": 100,
    "cached": 40,
    "out": 9,
}


def data_of(document: dict[str, Any], mapping: DocumentMapping = MAPPING) -> dict[str, Any]:
    """Return the data of the only event, after the checks of the worker."""
    (mapped,) = mapping.events(document)
    event = checked_event(mapped, source="/bots", event_id="1", now=NOW)
    data: dict[str, Any] = msgspec.json.decode(event.outgoing.value)["data"]
    return data


def test_document_becomes_an_event() -> None:
    assert data_of({**CHAT, "team": "sales", "request": {"id": [1]}, "guess": True}) == {
        "callId": "c-1",
        "userId": "7",
        "service": "openai",
        "operation": "inference",
        "model": "gpt-4.1",
        "usages": [
            {"unit": "input_tokens", "quantity": 60},
            {"unit": "cached_input_tokens", "quantity": 40},
            {"unit": "output_tokens", "quantity": 9},
        ],
        "tags": {"team": "sales"},
        "metadata": {"request": {"id": [1]}},
        "estimated": True,
    }


@pytest.mark.parametrize(
    "change", [{"kind": "debug"}, {"kind": None}, {"dry": True}, {"kind": ["llm"]}]
)
def test_document_that_does_not_match_has_no_event(change: dict[str, Any]) -> None:
    assert MAPPING.events({**CHAT, **change}) == []


@pytest.mark.parametrize(
    ("names", "model"),
    [
        ({"family": "gpt", "size": "4.1"}, "gpt-4.1"),  # translated
        ({"family": "gpt", "size": "5"}, "unknown"),  # no translation
        ({"family": "gpt"}, "unknown"),  # a part is missing
    ],
)
def test_joined_texts_are_translated_and_may_have_a_default(
    names: dict[str, str], model: str
) -> None:
    value = (
        '{ join = ["/family", "/size"], values = { "gpt/4.1" = "gpt-4.1" }, default = "unknown" }'
    )
    mapping = mapping_from_text(
        f"""
source = "/bots"
[[event]]
type = "cost.recorded"
time = {{ at = "/at", format = "unix_ms" }}
callId = "/call"
userId = "/call"
service = "openai"
operation = "inference"
model = {value}
usage = 1
unit = "requests"
totalCost = 1
"""
    )
    document = {**names, "at": CHAT["at"]["ms"], "call": "c-1"}
    assert data_of(document, mapping)["model"] == model


def test_elements_have_events_with_ids_of_their_own() -> None:
    items = [{"n": 1, "vendor": "elevenlabs", "chars": 5}, {"n": 2, "vendor": "x", "chars": "6"}]
    events = MAPPING.events({**CHAT, "kind": "invoice", "items": items})
    assert [(one.key, one.id, one.data["usage"]) for one in events] == [
        ("item/0", "c-1/1", 5),
        ("item/1", "c-1/2", Decimal(6)),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"call": {}}, "/call/id is missing: `callId`"),
        ({"call": {"id": ""}}, "/call/id is missing: `callId`"),
        ({"call": {"id": ["x"]}}, "/call/id is ['x'] and not a text"),
        ({"call": {"id": "x" * 256}}, "It is from /call/id."),
        ({"user": "x" * 256}, "It is from /user or /owner."),
        ({"user": {}}, "/user is {} and not a text"),
        ({"model": "a\0b"}, "/model contains a NUL character"),
        ({"at": {}}, "/at/ms is missing: `time`"),
        ({"at": {"ms": "soon"}}, "/at/ms is 'soon' and not a number"),
        ({"at": {"ms": 10**30}}, "which is not a time as unix_ms"),
        ({"at": {"ms": 0}}, "It is from /at/ms."),
        ({"in": "many"}, "/in is 'many' and not a number"),
        ({"in": True}, "/in is True and not a number"),
        ({"in": None, "cached": None, "out": None}, "and /out are missing: `usages`"),
        ({"out": -1}, "It is from /out."),
        ({"out": 10**13}, "It is from /out."),
        ({"cached": 101}, "/in minus /cached: the parts are more than the whole"),
        ({"cost": {"micros": -1}}, "It is from /cost/micros."),
        ({"cost": {"micros": "1e3x"}}, "/cost/micros is '1e3x' and not a number"),
        ({"team": "a\nb"}, "It is from /team."),
        ({"guess": "yes"}, "/guess is 'yes' and not true or false"),
        ({"request": "x\0"}, "/request contains a NUL character"),
        ({"kind": "invoice", "items": {}}, "/items is not a list"),
        ({"kind": "invoice", "items": [{"n": 1}]}, "./vendor is missing: `service`"),
        ({"kind": "invoice", "items": [{"vendor": "x", "chars": 1}]}, "./n is missing: `id`"),
    ],
)
def test_refused_document_names_the_pointer(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        data_of({**CHAT, **change})
    assert message in str(caught.value)


@given(st.integers(0, 10**15), st.integers(0, 12))
def test_amounts_in_small_units_are_exact(units: int, decimals: int) -> None:
    mapping = mapping_from_text(f"""
        [[event]]
        type = "call.refunded"
        time = {{ at = "/ms", format = "unix_ms" }}
        callId = "/c"
        amount = {{ at = "/units", decimals = {decimals} }}
    """)
    (event,) = mapping.events({"ms": 0, "c": "x", "units": units})
    assert event.data["amount"] * 10**decimals == units


@given(st.decimals(0, 10**9, places=9), st.decimals(0, 10**9, places=9))
def test_parts_of_a_whole_add_up(part: Decimal, rest: Decimal) -> None:
    (event,) = MAPPING.events({**CHAT, "in": part + rest, "cached": part, "out": 1})
    quantities = {row["unit"]: row["quantity"] for row in event.data["usages"]}
    uncached = quantities.get("input_tokens", 0)
    assert uncached + quantities.get("cached_input_tokens", 0) == part + rest


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1)),
    st.sampled_from(["unix", "unix_ms", "unix_us", "unix_ns", "rfc3339"]),
)
def test_times_are_exact_to_the_microsecond(moment: datetime, form: str) -> None:
    at = moment.replace(tzinfo=UTC)
    microseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    shift = {"unix": -6, "unix_ms": -3, "unix_us": 0, "unix_ns": 3}
    written: object = at.isoformat()
    if form != "rfc3339":
        written = Decimal((0, tuple(map(int, str(microseconds))), shift[form]))
    mapping = mapping_from_text(f"""
        [[event]]
        type = "call.refunded"
        time = {{ at = "/t", format = "{form}" }}
        callId = "c"
        amount = 1
    """)
    (event,) = mapping.events({"t": written})
    assert event.time == at


@pytest.mark.parametrize(
    ("written", "offset", "expected"),
    [
        ("2026-11-30 09:00:00,5", "Z", "2026-11-30T09:00:00.500000+00:00"),
        ("2026-11-30T09:00:00", "+02:00", "2026-11-30T07:00:00+00:00"),
        ("2026-11-30T09:00:00-0130", "+02:00", "2026-11-30T10:30:00+00:00"),
        ("2026-11-30T09:00:00.123456789Z", "Z", "2026-11-30T09:00:00.123456+00:00"),
    ],
)
def test_times_of_logs_are_read(written: str, offset: str, expected: str) -> None:
    mapping = mapping_from_text(f"""
        [[event]]
        type = "call.refunded"
        time = {{ at = "/t", offset = "{offset}" }}
        callId = "c"
        amount = 1
    """)
    (event,) = mapping.events({"t": written})
    assert event.time.isoformat() == expected


def test_time_without_an_offset_is_refused() -> None:
    mapping = mapping_from_text(
        '[[event]]\ntype = "call.refunded"\ntime = "/t"\ncallId = "c"\namount = 1'
    )
    with pytest.raises(DocumentError, match="/t is '2026-11-30 09:00:00', a time without offset"):
        mapping.events({"t": "2026-11-30 09:00:00"})


def test_json_after_a_text_is_read() -> None:
    mapping = mapping_from_text("""
        after = "COST "
        [[event]]
        type = "call.refunded"
        time = "/t"
        callId = "/c"
        amount = { at = "/a", values = { full = 4.99, none = 0 } }
    """)
    line = b'09:00 INFO COST {"t": "2026-11-30T09:00:00Z", "c": "x", "a": "full"}'
    (event,) = events_of_line(mapping, line)
    assert event.data["amount"] == Decimal("4.99")
    assert events_of_line(mapping, b"09:00 INFO started") == []
    assert events_of_line(mapping, b" ") == []
    for wrong in (b"COST {", b"COST \xff", b"COST 5", b'COST {"a": NaN}'):
        with pytest.raises(DocumentError):
            events_of_line(mapping, wrong)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PATHS = ["kind", "at", "call", "user", "model", "in", "cached", "out", "cost", "team", "request"]


@given(st.sampled_from(PATHS), JSON, st.booleans())
def test_any_value_is_sent_or_refused_with_its_pointer(path: str, value: Any, nested: bool) -> None:
    inside = {"at": "ms", "call": "id", "cost": "micros"}.get(path)
    changed = {inside: value} if inside and nested else value
    try:
        data_of({**CHAT, path: changed})
    except ValueError:  # the document has no event, or several
        assert path == "kind"
    except DocumentError as error:
        assert f"/{path}" in str(error) or str(error).endswith("It is from /user or /owner.")
