"""The OTLP receiver: both encodings, what counts, what is refused, and what exporters may retry."""

import gzip
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from schemas.events import CallEnded, CallStarted, CostRecorded, Event
from tests.support.api import ApiClient, served, token
from tests.support.intake import MemoryEventStream, identities
from tests.support.otlp import (
    CHAT,
    PATH,
    PROTOBUF,
    SERVICE,
    TRACE,
    as_protobuf,
    export,
    joined,
    partial_success,
    send_json,
    send_protobuf,
    span,
)


class Declared:
    """The traces that attachments report."""

    def __init__(self, *traces: str) -> None:
        self.traces = {*traces}

    async def find_attached(self, trace_ids: set[str]) -> set[str]:
        return trace_ids & self.traces


@pytest.fixture
def stream() -> MemoryEventStream:
    return MemoryEventStream()


@pytest.fixture
async def api(stream: MemoryEventStream) -> AsyncIterator[ApiClient]:
    async with served(events=stream) as api:
        yield api


def costs(stream: MemoryEventStream) -> list[CostRecorded]:
    return [event.data for event in stream.decoded() if isinstance(event.data, CostRecorded)]


def quantities(cost: CostRecorded) -> Mapping[str, Any]:
    return {usage.unit: usage.quantity for usage in cost.usages or ()}


async def test_request_is_a_cost_of_its_call(api: ApiClient, stream: MemoryEventStream) -> None:
    assert partial_success(await send_json(api, export(span()))) == (0, "")
    [event] = stream.decoded()
    assert isinstance(event.data, CostRecorded)
    assert (event.source, event.id) == ("/v1/traces/voice-bot", f"{TRACE}/{1:016x}")
    data = event.data
    assert (data.call_id, data.user_id) == ("call-1", "alice")
    assert (data.service, data.operation, data.model) == ("openai", "inference", "gpt-4-turbo")
    assert quantities(data) == {"input_tokens": 120, "output_tokens": 30}
    assert json.loads(bytes(data.metadata))["spanId"] == f"{1:016x}"


async def test_both_encodings_give_the_same_events(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    request = joined(
        export(span(1), span(2, {**CHAT, "gen_ai.usage.cache_read.input_tokens": 100}, parent=9)),
        export(
            span(3, {"user.id": "bob"}, name="conversation", trace="a" * 32, status=2),
            scope="pipecat.turn",
        ),
    )
    request["resourceSpans"][1]["scopeSpans"][0]["spans"][0]["attributes"].append(
        {"key": "conversation.type", "value": {"stringValue": "voice"}}
    )
    assert partial_success(await send_json(api, request)) == (0, "")
    first, stream.events = stream.decoded(), []
    assert partial_success(await send_protobuf(api, request)) == (0, "")
    assert [plain(event) for event in stream.decoded()] == [plain(event) for event in first]
    assert len(first) == 4


def plain(event: Event) -> tuple[object, ...]:
    return event.identity, event.fingerprint, event.time, event.data


async def test_other_groupings_give_the_same_events(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    """A collector may send spans again in other requests, in another order, and compressed."""
    spans = [span(number, times=(number, number)) for number in range(1, 9)]
    await send_json(api, export(*spans))
    assert len(identities(stream)) == 8
    for part in (spans[5:], spans[:3], spans[2:6]):
        await send_json(api, export(*reversed(part)))
    body = gzip.compress(as_protobuf(export(*spans)))
    headers = {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}
    packed = await api.ask("POST", PATH, bearer=SERVICE, body=body, headers=headers)
    assert partial_success(packed) == (0, "")
    contents = {(event.identity, event.fingerprint) for event in stream.decoded()}
    assert len(stream.events) > len(contents) == 8


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "invoke_agent"},
        {"gen_ai.operation.name": "invoke_workflow"},
        {"gen_ai.operation.name": "execute_tool"},
        {"gen_ai.operation.name": None, "gen_ai.provider.name": None},
        {"gen_ai.usage.input_tokens": None, "gen_ai.usage.output_tokens": None},
        {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0},
    ],
)
async def test_spans_that_are_no_requests_are_ignored(
    attributes: Mapping[str, Any], api: ApiClient, stream: MemoryEventStream
) -> None:
    """Spans of agents repeat the counts of their requests."""
    values = {name: value for name, value in {**CHAT, **attributes}.items() if value is not None}
    assert partial_success(await send_json(api, export(span(attributes=values)))) == (0, "")
    assert stream.events == []


async def test_call_of_pipecat_is_its_trace(api: ApiClient, stream: MemoryEventStream) -> None:
    """Pipecat names the conversation on its own span only, which ends last."""
    speech = {
        "gen_ai.operation.name": "tts",
        "gen_ai.provider.name": "cartesia",
        "gen_ai.request.model": "sonic-3",
        "metrics.character_count": 42,
        "conversation.id": "other",
    }
    warned = await send_json(api, export(span(2, speech, parent=1), scope="pipecat"))
    refused, message = partial_success(warned)
    assert refused == 0
    assert "name no user" in message
    whole = {"conversation.id": "c-7", "conversation.type": "voice", "user.id": "alice"}
    root = span(1, whole, name="conversation", times=(0, 9))
    assert partial_success(await send_json(api, export(root, scope="pipecat.turn"))) == (0, "")
    spoken, started, ended = (event.data for event in stream.decoded())
    assert {spoken.call_id, started.call_id, ended.call_id} == {TRACE}
    assert isinstance(spoken, CostRecorded)
    assert (spoken.user_id, spoken.service, spoken.operation) == (None, "cartesia", "tts")
    assert quantities(spoken) == {"characters": 42}
    assert isinstance(started, CallStarted)
    assert (started.user_id, started.tags) == ("alice", {"conversation_id": "c-7"})
    assert isinstance(ended, CallEnded)
    assert (ended.status, ended.duration_seconds) == ("completed", 9)


async def test_resource_names_call_user_and_persona(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    values = {
        name: CHAT[name] for name in CHAT if name not in {"gen_ai.conversation.id", "user.id"}
    }
    await send_json(
        api, export(span(attributes=values), session_id="s-1", enduser_id="bob", service_name="bot")
    )
    [cost] = costs(stream)
    assert (cost.call_id, cost.user_id, cost.persona_id) == ("s-1", "bob", None)


async def test_unreadable_spans_are_refused_alone(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    later = span(4)
    later["endTimeUnixNano"] = str(int(later["endTimeUnixNano"]) + 3_600_000_000_000)
    spans = [
        span(1),
        span(2, {**CHAT, "gen_ai.usage.cache_read.input_tokens": 121}),
        span(3, {**CHAT, "gen_ai.usage.input_tokens": -1}),
        later,
        span(5, {**CHAT, "user.id": "x" * 300}),
        span(6, {**CHAT, "gen_ai.provider.name": ""}),
        span(7) | {"startTimeUnixNano": "0"},
        span(0),
        span(8, trace="0" * 32),
    ]
    refused, message = partial_success(await send_protobuf(api, export(*spans)))
    assert refused == 8
    assert message.startswith("8 spans were refused: ")
    assert len(costs(stream)) == 1
    assert partial_success(await send_json(api, export(*spans)))[0] == 8


async def test_traces_of_attachments_count_no_spans_of_the_framework(
    stream: MemoryEventStream,
) -> None:
    """A request that a tool made itself still counts."""
    values = {**CHAT, "gen_ai.usage.input_tokens": 7}
    request = joined(
        export(span(1), scope="livekit-agents"),
        export(span(2), scope="opentelemetry.instrumentation.openai_v2"),
        export(span(3, values, times=(5, 6))),
    )
    async with served(events=stream, declared_traces=Declared(TRACE)) as api:
        assert partial_success(await send_json(api, request)) == (0, "")
    [cost] = costs(stream)
    assert quantities(cost)["input_tokens"] == 7


async def test_exporters_retry_what_may_be_retried(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    stream.gone = True
    for response in (
        await send_json(api, export(span())),
        await send_protobuf(api, export(span())),
    ):
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
    stream.gone = False
    for body in (b"", b"{", b"[]", b'{"resourceSpans": 1}'):
        assert (await send_json(api, body)).status == 400
    assert (await send_protobuf(api, b"\x0a\xff\xff\xff\xff\x0f")).status == 400
    for kind in ("text/plain", "application/octet-stream"):
        headers = {"Content-Type": kind}
        answer = await api.ask("POST", PATH, bearer=SERVICE, body=b"x", headers=headers)
        assert answer.status == 415


async def test_only_services_and_administrators_may_send_spans(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    for bearer, status in ((token("alice"), 403), ("nonsense", 401), (None, 401)):
        headers = {"Content-Type": "application/json"}
        response = await api.ask("POST", PATH, bearer=bearer, body=export(span()), headers=headers)
        assert response.status == status
    assert stream.events == []
    assert (await send_json(api, export(span()), token("root", role="admin"))).status == 200
