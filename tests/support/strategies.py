"""Random streams of events for property tests: several calls, across midnights, with equal times.

Events come from a menu and times from a short list: an event is a few choices, examples are fast,
and events of the same time are frequent.
"""

from datetime import timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.support.events import NOW, Plain, event

MIDNIGHT = NOW.replace(hour=0)
TIMES = (
    MIDNIGHT - timedelta(days=1, seconds=1),
    MIDNIGHT - timedelta(microseconds=1),
    MIDNIGHT,
    MIDNIGHT + timedelta(hours=9, microseconds=500),
    NOW,
)
OWNERS = {"call-0": "user-0", "call-1": "user-1", "call-2": "user-0"}
SOURCES = ("/voice", "/billing")


def _request(service: str, model: str, usages: dict[str, object], **more: Any) -> tuple[str, Plain]:
    quantities = [{"unit": unit, "quantity": quantity} for unit, quantity in usages.items()]
    fields = {"service": service, "operation": "inference", "model": model, "usages": quantities}
    return "cost.recorded", {**fields, **more}


def _cost(service: str, operation: str, usage: object, unit: str, **more: Any) -> tuple[str, Plain]:
    used = {"service": service, "operation": operation, "usage": usage, "unit": unit}
    return "cost.recorded", {**used, **more}


COSTS = (
    _cost("twilio", "voice", 3, "minutes"),
    _cost("twilio", "inbound_call", "61.7", "seconds", personaId="sarah_001"),
    _cost("deepgram", "transcription", "7.3", "seconds", model="nova-2", personaId="brad_001"),
    _cost("deepgram", "stt_streaming", "0.1", "minutes", estimated=True),
    _cost("cerebras", "extraction", 1234, "tokens", model="llama3.1-8b"),
    _cost("cerebras", "inference", 77, "input_tokens", model="Llama-3.1-70B", estimated=True),
    _cost("cerebras", "inference", 5, "output_tokens", model="llama3.1-405b"),
    _cost("elevenlabs", "tts_streaming", 140, "characters", model="eleven_turbo_v2_5"),
    _cost("elevenlabs", "tts", 33, "characters", metadata={"model": "another"}),
    _cost("elevenlabs", "tts", 33, "characters", totalCost="0.0000000015", personaId="sarah_001"),
    _cost(
        "openai", "inference", 5, "tokens", model="gpt-4-turbo"
    ),  # has prices for input and output tokens only
    _request("openai", "gpt-4-turbo", {"output_tokens": 33, "input_tokens": "7.5"}),
    _request(
        "cerebras", "llama3.1-405b", {"reasoning_tokens": 3, "output_tokens": 2}, estimated=True
    ),
    _request("cerebras", "llama3.1-8b", {"input_tokens": 5, "cached_input_tokens": "0.5"}),
    _request("openai", "gpt-4-turbo", {"input_tokens": 3, "images": 1}),  # images have no price
    _request("openai", "gpt-4-turbo", {"images": 1, "searches": 2}, totalCost="0.0000000025"),
    _cost("twilio", "voice", 2, "minutes", priceContext={"destination": "+442071838750"}),
    _cost("twilio", "voice", 2, "minutes", priceContext={"tier": "batch"}),  # has no price
    _request("openai", "gpt-4-turbo", {"output_tokens": 3}, priceContext={"tier": "standard"}),
    _cost("a-new-one", "sing", 7, "requests", unitCost="0.0000000035"),
    _cost("stripe", "payout", 0, "requests", totalCost=0),
)
OTHERS: tuple[tuple[str, Plain], ...] = (
    ("call.started", {"personaId": "brad_001", "direction": "outbound"}),
    ("call.started", {"personaId": "sarah_001", "expectedDuration_seconds": "90.0005"}),
    ("call.charged", {"amount": "4.99"}),
    ("call.charged", {"amount": "2.50", "fee": "0.3725", "processor": "stripe"}),
    ("call.charged", {"amount": 0}),
    ("call.refunded", {"amount": "1.005"}),
    ("call.ended", {"status": "completed", "duration_seconds": 300}),
    ("call.ended", {"status": "completed", "duration_seconds": "12.3455"}),
    ("call.ended", {"status": "failed", "duration_seconds": 2}),
)


TAGS: tuple[dict[str, str] | None, ...] = (
    None,
    {"campaign": "spring"},
    {"team": "red", "campaign": "autumn"},
    {"campaign": "größer als 💶", "agent_version": "2026-03"},
    {f"key{number}": "one of the first ten" for number in range(10)},
    {f"key{number}": "one of the last eight" for number in range(4, 12)},
)


class _Choice(NamedTuple):
    what: tuple[str, Plain]
    call: str
    names_user: bool
    time: int
    tags: int


class _Void(NamedTuple):
    target: int
    elsewhere: str | None
    of_a_cost: bool
    names_user: bool
    time: int
    tags: int


_times = st.integers(0, len(TIMES) - 1)
_tags = st.just(0) | st.integers(0, len(TAGS) - 1)
_rarely = st.sampled_from((False, False, True))
_choices = st.builds(
    _Choice,
    st.sampled_from(COSTS) | st.sampled_from(OTHERS),
    st.sampled_from(sorted(OWNERS)),
    _rarely,
    _times,
    _tags,
)
_void_choices = st.builds(
    _Void,
    st.integers(0, 9),
    st.sampled_from((None, None, None, *OWNERS)),
    st.sampled_from((True, True, False)),
    _rarely,
    _times,
    _tags,
)


def _stream(chosen: tuple[list[_Choice], list[_Void]]) -> list[Plain]:
    events = [_event(number, choice) for number, choice in enumerate(chosen[0])]
    costs = [one for one in events if one["type"] == "cost.recorded"] or events
    return events + [
        _void(len(events) + number, void, costs if void.of_a_cost else events)
        for number, void in enumerate(chosen[1])
    ]


def _event(number: int, choice: _Choice) -> Plain:
    kind, data = choice.what
    whose = {"userId": OWNERS[choice.call]}
    named = whose if choice.names_user or kind == "call.started" else {}
    result = {"callId": choice.call, **data, **named, "tags": TAGS[choice.tags]}
    return event(kind, result, **_identity(number), time=TIMES[choice.time])


def _void(number: int, void: _Void, among: list[Plain]) -> Plain:
    """Return a void: mostly of a cost of its own call, sometimes of another event."""
    target = among[void.target % len(among)]
    call = void.elsewhere or target["data"]["callId"]
    voids = {"source": target["source"], "id": target["id"]}
    named = {"userId": OWNERS[call]} if void.names_user else {}
    result = {"callId": call, "voids": voids, "reason": "wrong", **named}
    result["tags"] = TAGS[void.tags]
    return event("cost.voided", result, **_identity(number), time=TIMES[void.time])


def _identity(number: int) -> dict[str, str]:
    """Return a unique identity: a UUID or not, in no order."""
    mixed = number * 7919 % 101
    name = f"{mixed:08x}-0000-7000-8000-00000000000f" if number % 2 else f"{mixed}/{number}"
    return {"id": name, "source": SOURCES[number % 3 == 0]}


streams = st.tuples(
    st.lists(_choices, min_size=1, max_size=10), st.lists(_void_choices, max_size=3)
).map(_stream)
"""The events of a few calls; each call has one owner, whom few events name."""


@st.composite
def arrivals(draw: st.DrawFn, events: list[Plain]) -> list[list[Plain]]:
    """Draw the arrival of events: any order, repeats and batches."""
    repeats = draw(st.lists(st.sampled_from(events), max_size=3))
    order = draw(st.permutations(events + repeats))
    cuts = sorted(draw(st.sets(st.integers(1, len(order)), max_size=5)))
    edges = [0, *cuts, len(order)]
    return [order[start:end] for start, end in pairwise(edges)]
