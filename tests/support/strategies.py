"""Random events for property tests: whole streams of several calls, over midnights and ties.

Times come from a short list and identities from two sources, so that what decides between events
of the same moment is decided often.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.support.events import NOW, Plain, event

MIDNIGHT = NOW.replace(hour=0)
TIMES = [
    MIDNIGHT - timedelta(days=1, seconds=1),
    MIDNIGHT - timedelta(microseconds=1),
    MIDNIGHT,
    MIDNIGHT + timedelta(hours=9, microseconds=500),
    NOW - timedelta(seconds=1),
    NOW,
]
SOURCES = ["/voice", "/billing"]
PERSONAS = ["brad_001", "sarah_001"]

USAGES: list[dict[str, Any]] = [
    {"service": "twilio", "operation": "voice", "unit": "minutes"},
    {"service": "twilio", "operation": "inbound_call", "unit": "seconds"},
    {"service": "deepgram", "operation": "transcription", "unit": "seconds", "model": "nova-2"},
    {"service": "deepgram", "operation": "stt_streaming", "unit": "minutes"},
    {"service": "cerebras", "operation": "extraction", "unit": "tokens", "model": "llama3.1-8b"},
    {"service": "cerebras", "operation": "inference", "unit": "input_tokens", "model": "Llama-3.1-70B"},
    {"service": "cerebras", "operation": "inference", "unit": "output_tokens", "model": "llama3.1-405b"},
    {"service": "elevenlabs", "operation": "tts_streaming", "unit": "characters", "model": "eleven_turbo_v2_5"},
    {"service": "elevenlabs", "operation": "tts", "unit": "characters", "metadata": {"model": "another"}},
    {"service": "openai", "operation": "inference", "unit": "tokens", "model": "gpt-4-turbo"},
    {"service": "a-new-one", "operation": "sing", "unit": "requests", "unitCost": "0.0000000035"},
]  # fmt: skip
"""One of them has no price: gpt-4-turbo is priced by input and output tokens only."""

amounts = st.one_of(
    st.integers(0, 20),
    st.decimals(0, 20, places=2),
    st.decimals(0, 20, places=12),
    st.decimals(0, 20, places=3).map(str),
)
usages = st.one_of(
    st.integers(0, 10**6),
    st.decimals(0, 10**4, places=3),
    st.decimals(0, 10**4, places=3).map(str),
    st.just(Decimal("1E+3")),
)
_seconds = st.one_of(st.integers(0, 3600), st.decimals(0, 3600, places=4))
_refunds = st.fixed_dictionaries({"amount": amounts})
_ends = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["completed", "completed", "failed", "terminated"]),
        "duration_seconds": _seconds,
    }
)
_charges = st.fixed_dictionaries(
    {"amount": amounts}, optional={"fee": amounts, "processor": st.just("stripe")}
)
_starts = st.fixed_dictionaries(
    {"personaId": st.sampled_from(PERSONAS)},
    optional={
        "direction": st.sampled_from(["outbound", "inbound"]),
        "expectedDuration_seconds": _seconds,
    },
)
_costs = st.builds(
    lambda usage, menu, more: {**menu, "usage": usage, **more},
    usages,
    st.sampled_from(USAGES),
    st.fixed_dictionaries(
        {},
        optional={
            "totalCost": amounts,
            "estimated": st.booleans(),
            "personaId": st.sampled_from(PERSONAS),
        },
    ),
)
_KINDS = {
    "cost.recorded": _costs,
    "call.charged": _charges,
    "call.refunded": _refunds,
    "call.ended": _ends,
    "call.started": _starts,
}
_kinds = st.sampled_from(["cost.recorded", "cost.recorded", "cost.recorded", *_KINDS])
_rarely = st.sampled_from([False, False, True])


@st.composite
def streams(draw: DrawFn, calls_max: int = 2, events_max: int = 10) -> list[Plain]:
    """Draw the events of a few calls; each call has one owner, whom few events name."""
    owners = {f"call-{n}": f"user-{draw(st.integers(0, 1))}" for n in range(calls_max)}
    count = draw(st.integers(1, events_max))
    events = [draw(_events(number, owners)) for number in range(count)]
    voids = draw(st.integers(0, 3))
    return events + [draw(_voids(count + number, owners, events)) for number in range(voids)]


@st.composite
def _events(draw: DrawFn, number: int, owners: dict[str, str]) -> Plain:
    kind = draw(_kinds)
    call_id = draw(st.sampled_from(sorted(owners)))
    data = {"callId": call_id, **draw(_KINDS[kind])}
    if kind == "call.started" or draw(_rarely):
        data["userId"] = owners[call_id]
    return event(kind, data, **draw(_attributes(number)))


@st.composite
def _voids(draw: DrawFn, number: int, owners: dict[str, str], events: list[Plain]) -> Plain:
    """Draw a void: mostly of a cost, in its own call; sometimes of another event, or elsewhere."""
    costs = [one for one in events if one["type"] == "cost.recorded"]
    target = draw(st.sampled_from([*costs, *costs, *events]))
    own = target["data"]["callId"]
    call_id = draw(st.sampled_from([own, own, *sorted(owners)]))
    identity = "never" if draw(_rarely) and draw(_rarely) else target["id"]
    data = {"voids": {"source": target["source"], "id": identity}, "reason": "wrong"}
    data["callId"] = call_id
    if draw(_rarely):
        data["userId"] = owners[call_id]
    return event("cost.voided", data, **draw(_attributes(number)))


@st.composite
def _attributes(draw: DrawFn, number: int) -> dict[str, Any]:
    """Draw an identity that nobody else has, a UUID or not, and a time that others may have."""
    salt = draw(st.integers(0, 2**16))
    identity = f"{salt:08x}-0000-7000-8000-{number:012x}" if salt % 2 else f"{salt}/{number}"
    time: datetime = draw(st.sampled_from(TIMES))
    return {"id": identity, "source": draw(st.sampled_from(SOURCES)), "time": time}


@st.composite
def arrivals(draw: DrawFn, events: list[Plain]) -> list[list[Plain]]:
    """Draw a way for events to arrive: any order, any repeats, cut into any batches."""
    repeats = draw(st.lists(st.sampled_from(events), max_size=4))
    order = draw(st.permutations(events + repeats))
    cuts = sorted(draw(st.sets(st.integers(1, len(order)), max_size=5)))
    edges = [0, *cuts, len(order)]
    return [order[start:end] for start, end in zip(edges, edges[1:], strict=False)]
