"""The published total of a call: the direct JSON encoding agrees with the schema type."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.calls.call import Call
from ledger.calls.totals import call_total, call_total_json
from schemas.jsonio import encode

AT = datetime(2026, 11, 19, 8, 30, 15, 250_000, tzinfo=UTC)

texts = st.text(min_size=1, max_size=20)
moments = st.none() | st.integers(0, 10**12).map(lambda ms: AT + timedelta(milliseconds=ms))
sums = st.integers(-(10**18), 10**18)
services = st.dictionaries(st.sampled_from(["twilio", "deepgram", "stripe", 'a"b', "é"]), sums)
days = st.sampled_from(["2026-11-18", "2026-11-19", "2026-11-20"])
calls = st.builds(
    Call,
    call_id=texts,
    user_id=texts,
    persona_id=st.none() | texts,
    status=st.sampled_from(["active", "completed", "failed", "terminated"]),
    direction=st.none() | st.sampled_from(["inbound", "outbound"]),
    expected_duration_ms=st.none() | st.integers(0, 10**9),
    duration_ms=st.integers(0, 10**9),
    first_at=moments,
    started_at=moments,
    ended_at=moments,
    costs=st.dictionaries(days, services),
    charges=st.dictionaries(days, st.lists(st.integers(0, 10**15), min_size=2, max_size=2)),
    estimated_count=st.integers(0, 2),
    version=st.integers(1, 10**9),
)


@given(calls)
def test_total_json_agrees_with_its_schema_type(call: Call) -> None:
    assert call_total_json(call, AT) == encode(call_total(call, AT))
