"""Bodies of traces have limits of memory, and no body is answered by a server error."""

import json
import random
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.http.options import TraceNames
from api.traces.events import SpanEvents
from api.traces.json_spans import read_json
from api.traces.protobuf_spans import read_protobuf
from api.traces.report import report_of
from api.traces.spans import MalformedTracesError, ReceivedSpans
from tests.support.api import served
from tests.support.house import ROOT
from tests.support.intake import NOW, MemoryEventStream
from tests.support.otlp import CHAT, as_protobuf, export, send_json, send_protobuf, span
from tests.support.parts import figures
from tests.support.trace_bombs import BOMBS

KB_MAX = 200 * 1024
REQUEST = export(
    span(1, {**CHAT, "lk.tts_metrics": '{"characters_count": 3}', "metrics.ttfb": 0.25}), span(2)
)


@pytest.mark.parametrize("name", [name for name in BOMBS if name != "generated_classes"])
def test_reading_a_body_takes_limited_memory(name: str) -> None:
    measured, plain = memory_of(name), memory_of("generated_classes")
    figures.append(
        f"OTLP body {name}: {measured['bytes']:,} bytes took {measured['kb']:,} KB; OpenTelemetry's "
        f"classes take {plain['kb']:,} KB for {plain['bytes']:,} bytes of empty spans"
    )
    assert measured["kb"] < KB_MAX
    assert plain["kb"] > KB_MAX, "reading spans one by one is not needed any more"


@cache
def memory_of(name: str) -> dict[str, Any]:
    """Read a body in a process of its own."""
    command = [sys.executable, "-m", "tests.support.trace_bombs", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@given(st.binary(max_size=300))
def test_any_bytes_are_spans_or_refused(body: bytes) -> None:
    for read in (read_protobuf, read_json):
        try:
            assert_accounted(read(body))
        except MalformedTracesError:
            continue


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=6,
)


@settings(max_examples=200)
@given(
    st.sampled_from(["traceId", "spanId", "name", "startTimeUnixNano", "attributes", "status"]),
    VALUES,
    st.sampled_from(["resource", "scope", "span"]),
)
def test_any_json_of_a_span_is_read_or_refused(name: str, value: Any, place: str) -> None:
    request = json.loads(json.dumps(REQUEST))
    resource_spans = request["resourceSpans"][0]
    scope_spans = resource_spans["scopeSpans"][0]
    where = {
        "resource": resource_spans["resource"],
        "scope": scope_spans["scope"],
        "span": scope_spans["spans"][0],
    }
    where[place][name] = value
    try:
        received = read_json(json.dumps(request).encode())
    except MalformedTracesError:
        return
    assert_accounted(received)


def assert_accounted(received: ReceivedSpans) -> None:
    """Every span that was read becomes an event, is ignored, or is refused."""
    report = report_of(received, SpanEvents("bot", TraceNames(), NOW))
    assert sum(report.outcomes.values()) == received.ignored + len(received.spans) + len(
        received.errors
    )


ATTRIBUTES = st.dictionaries(
    st.sampled_from(sorted({*CHAT, "lk.tts_metrics", "metrics.audio_seconds", "conversation.id"})),
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["chat", "tts", "stt", "{}", '{"characters_count": -1}']),
)


@settings(max_examples=300)
@given(
    ATTRIBUTES,
    st.sampled_from(["pipecat", "pipecat.turn", "livekit-agents", "", "openai"]),
    st.sampled_from(["conversation", "agent_session", "chat"]),
    st.tuples(st.integers(-1_700_000_000, 2**32), st.integers(-1_700_000_000, 2**32)),
)
def test_any_attributes_are_counted_or_refused(
    attributes: Mapping[str, Any], scope: str, name: str, times: tuple[int, int]
) -> None:
    request = export(span(1, attributes, name=name, times=times), scope=scope)
    try:
        body = as_protobuf(request)
    except ValueError:
        return  # times before 1970, which protobuf cannot express
    assert_accounted(read_protobuf(body))


async def test_mutated_bodies_get_no_server_error() -> None:
    chance = random.Random(7)
    encoded, text = as_protobuf(REQUEST), json.dumps(REQUEST).encode()
    statuses = set()
    async with served(events=MemoryEventStream()) as api:
        for _ in range(300):
            for body, send in ((encoded, send_protobuf), (text, send_json)):
                mutated = bytearray(body)
                for _ in range(chance.randint(1, 6)):
                    mutated[chance.randrange(len(mutated))] = chance.randrange(256)
                cut = bytes(mutated[: chance.randint(1, len(mutated))])
                for sent in (bytes(mutated), cut):
                    statuses.add((await send(api, sent)).status)
    # A fast machine reaches the limit of requests.
    assert {200, 400} <= statuses <= {200, 400, 429}
