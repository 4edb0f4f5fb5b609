"""The HTTP intake of tracked costs and finalized calls: events, identities, access."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.intake.events import (
    IntakeContext,
    batch_events,
    binary_event,
    cost_event,
    end_events,
    structured_event,
)
from schemas.cloudevents import Window, decode
from schemas.events import CallCharged, CallEnded, CostRecorded
from schemas.refusals import Refused
from tests.support.api import ApiClient, served, token
from tests.support.intake import EVENTS, FINALIZE, NOW, TRACK, MemoryEventStream, identities, send

BODY: Mapping[str, Any] = {
    "callId": "call-1",
    "userId": "alice",
    "personaId": "brad_001",
    "service": "twilio",
    "operation": "voice_call",
    "usageAmount": 1.5,
    "usageUnit": "minutes",
    "metadata": {"sid": "CA1"},
}


@pytest.fixture
def stream() -> MemoryEventStream:
    return MemoryEventStream()


@pytest.fixture
async def api(stream: MemoryEventStream) -> AsyncIterator[ApiClient]:
    async with served(events=stream) as api:
        yield api


async def test_tracked_cost_becomes_an_event(api: ApiClient, stream: MemoryEventStream) -> None:
    at = NOW - timedelta(minutes=5)
    response = await send(api, TRACK, {**BODY, "timestamp": at.isoformat(), "unknown": [1]})
    assert response.status == 202
    [event] = stream.decoded()
    assert isinstance(event.data, CostRecorded)
    assert (event.type, event.time, event.source) == (
        "cost.recorded",
        at,
        "/api/costs/track/pipeline",
    )
    assert (event.data.operation, event.data.usage, event.data.unit) == (
        "voice_call",
        Decimal("1.5"),
        "minutes",
    )
    assert bytes(event.data.metadata) == b'{"sid": "CA1"}'
    assert stream.events[0].key == b"alice"
    assert response.json["data"] == {"accepted": [{"source": event.source, "id": event.id}]}


@pytest.mark.parametrize(
    ("unit", "standard"),
    [("Minutes", "minutes"), ("sec", "seconds"), ("inputTokens", "input_tokens"),
     ("prompt_tokens", "input_tokens"), ("chars", "characters"), ("request", "requests")],
)  # fmt: skip
async def test_unit_names_are_normalized(
    api: ApiClient, stream: MemoryEventStream, unit: str, standard: str
) -> None:
    assert (await send(api, TRACK, {**BODY, "usageUnit": unit})).status == 202
    assert getattr(stream.decoded()[0].data, "unit") == standard  # noqa: B009


async def test_repeat_with_an_idempotency_key_is_the_same_event(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    for body in (BODY, {**BODY, "timestamp": NOW.isoformat()}):
        stream.events.clear()
        for _ in range(3):
            assert (await send(api, TRACK, body, Idempotency_Key="k-1")).status == 202
        one, *others = stream.decoded()
        assert {(event.identity, event.fingerprint) for event in others} == {
            (one.identity, one.fingerprint)
        }
        assert one.id == "k-1"


def test_other_content_under_a_key_is_a_conflict() -> None:
    body = json.dumps(BODY).encode()
    first, later = (
        decode(cost_event(body, IntakeContext("p", "k", at)).outgoing.value, (), Window.around(NOW))
        for at in (NOW - timedelta(minutes=1), NOW)
    )
    assert first.time != later.time
    assert (first.identity, first.fingerprint) == (later.identity, later.fingerprint)
    other = json.dumps({**BODY, "usageAmount": 2}).encode()
    conflict = decode(
        cost_event(other, IntakeContext("p", "k", NOW)).outgoing.value, (), Window.around(NOW)
    )
    assert conflict.identity == first.identity
    assert conflict.fingerprint != first.fingerprint


async def test_tags_are_sent_and_absent_ones_change_no_identity(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    at = {"timestamp": NOW.isoformat()}
    tags = {"team": "red", "campaign": "spring"}
    variants: tuple[dict[str, object], ...] = ({}, {"tags": None}, {"tags": {}}, {"tags": tags})
    for more in variants:
        assert (await send(api, TRACK, {**BODY, **at, **more})).status == 202
    *without, tagged = stream.decoded()
    assert len({event.identity for event in without}) == 1
    assert tagged.identity != without[0].identity
    assert (without[0].data.tags, tagged.data.tags) == (None, tags)
    refused = await send(api, TRACK, {**BODY, "tags": {"Team": "red"}})
    assert (refused.status, refused.code) == (400, "invalid_event")
    assert "`Team`" in refused.json["error"]


async def test_quotes_are_not_part_of_an_idempotency_key(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    for key in ("abc", '"abc"'):
        await send(api, TRACK, BODY, Idempotency_Key=key)
    assert len(identities(stream)) == 1


@pytest.mark.parametrize("key", ["", " ", '""', "x" * 201, "a\tb", "ä"])
async def test_invalid_idempotency_key_is_refused(
    api: ApiClient, stream: MemoryEventStream, key: str
) -> None:
    response = await send(api, TRACK, BODY, Idempotency_Key=key)
    assert (response.status, response.code) == (400, "invalid_parameter")
    assert "Idempotency-Key" in response.json["error"]
    assert not stream.events


async def test_body_with_a_timestamp_is_its_own_identity(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    at = NOW - timedelta(minutes=5)
    same = [
        {**BODY, "timestamp": at.isoformat()},
        {**dict(reversed(list(BODY.items()))), "timestamp": at.isoformat().replace("+00:00", "Z")},
        {**BODY, "timestamp": int(at.timestamp()) * 1000},
        {**BODY, "usageUnit": "min", "timestamp": at.astimezone().isoformat()},
    ]
    for body in same:
        assert (await send(api, TRACK, body)).status == 202
    assert len(identities(stream)) == 1
    for change in ({"usageAmount": 2}, {"timestamp": NOW.isoformat()}, {"callId": "call-2"}):
        await send(api, TRACK, {**same[0], **change})
    assert len(identities(stream)) == 4


async def test_body_without_key_and_timestamp_is_always_new(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    for _ in range(3):
        await send(api, TRACK, BODY)
    assert len(identities(stream)) == 3


async def test_idempotency_keys_of_senders_are_separate(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    for user in ("pipeline", "other", "other/../pipeline", "ä" * 255):
        bearer = token(user, role="service")
        headers = {"Idempotency-Key": "k"}
        response = await api.ask("POST", TRACK, bearer=bearer, body=BODY, headers=headers)
        assert response.status == 202
    await send(api, FINALIZE, {"duration_seconds": 1}, Idempotency_Key="k")
    assert len(identities(stream)) == 5


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"callId": ""}, "invalid_event", "callId"),
        ({"callId": None}, "invalid_event", "callId"),
        ({"service": 7}, "invalid_event", "service"),
        ({"usageAmount": -1}, "invalid_event", "`usageAmount`"),
        ({"usageAmount": "many"}, "invalid_event", "usageAmount"),
        ({"usageAmount": "NaN"}, "invalid_event", "usageAmount"),
        ({"usageAmount": "1e999999"}, "invalid_event", "`usageAmount`"),
        ({"usageAmount": 10**13}, "invalid_event", "`usageAmount`"),
        ({"usageUnit": "mile²"}, "invalid_event", "`usageUnit`"),
        ({"unitCost": "Infinity"}, "invalid_event", "unitCost"),
        ({"totalCost": -0.01}, "invalid_event", "`totalCost`"),
        ({"metadata": [1]}, "invalid_event", "`metadata`"),
        ({"metadata": {"x": "y" * 9000}}, "invalid_event", "`metadata`"),
        ({"operation": "a\0b"}, "invalid_event", "NUL"),
        ({"timestamp": "yesterday"}, "invalid_event", "timestamp"),
        ({"timestamp": "2025-11-19T12:00:00"}, "invalid_event", "timestamp"),
        ({"timestamp": "2020-01-01T00:00:00Z"}, "too_old", "`timestamp`"),
        ({"timestamp": 10**17}, "invalid_event", "`timestamp`"),
        ({"timestamp": -(10**30)}, "invalid_event", "timestamp"),
    ],
)
async def test_events_that_the_stream_would_refuse_are_refused(
    api: ApiClient, stream: MemoryEventStream, change: Any, code: str, named: str
) -> None:
    response = await send(api, TRACK, {**BODY, **change})
    assert (response.status, response.code) == (400, code)
    assert named in response.json["error"]
    assert not stream.events


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
async def test_invalid_json_is_refused(
    api: ApiClient, stream: MemoryEventStream, body: bytes
) -> None:
    for path in (TRACK, FINALIZE, EVENTS):
        response = await send(api, path, body)
        assert (response.status, response.code) == (400, "invalid_json"), path
    assert not stream.events


async def test_finalized_call_becomes_events(api: ApiClient, stream: MemoryEventStream) -> None:
    body = {"userId": "alice", "duration_seconds": 61.5, "amount": "4.99", "fee": 0.45}
    assert (await send(api, FINALIZE, body)).status == 202
    charge, end = stream.decoded()
    assert isinstance(charge.data, CallCharged)
    assert isinstance(end.data, CallEnded)
    assert (charge.data.amount, charge.data.fee) == (Decimal("4.99"), Decimal("0.45"))
    assert (end.data.status, end.data.duration_seconds) == ("completed", Decimal("61.5"))
    assert {charge.data.call_id, end.data.call_id} == {"call-1"}
    stream.events.clear()
    await send(api, FINALIZE, {"status": "failed", "duration_seconds": 0})
    [failed] = stream.decoded()
    assert getattr(failed.data, "status") == "failed"  # noqa: B009


async def test_repeated_finalization_counts_once(api: ApiClient, stream: MemoryEventStream) -> None:
    body = {"duration_seconds": 60, "amount": 4.99}
    for _ in range(3):
        await send(api, FINALIZE, body)
    assert len({(event.identity, event.fingerprint) for event in stream.decoded()}) == 2
    await send(api, FINALIZE, body, Idempotency_Key="correction")
    assert len(identities(stream)) == 4


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "duration_seconds"),
        ({"duration_seconds": "NaN"}, "duration_seconds"),
        ({"duration_seconds": 1, "status": "active"}, "status"),
        ({"duration_seconds": 1, "fee": 1}, "`fee`"),
        ({"duration_seconds": 1, "amount": -1}, "`amount`"),
        ({"duration_seconds": 1, "callId": "call-2"}, "`callId`"),
    ],
)
async def test_invalid_finalization_is_refused(
    api: ApiClient, stream: MemoryEventStream, body: Any, named: str
) -> None:
    response = await send(api, FINALIZE, body)
    assert (response.status, response.code) == (400, "invalid_event")
    assert named in response.json["error"]
    assert not stream.events


async def test_only_services_and_admins_may_report(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    for path in (TRACK, FINALIZE, EVENTS):
        for bearer in (token("alice"), token("alice", role="editor")):
            response = await api.ask("POST", path, bearer=bearer, body=BODY)
            assert response.code == "forbidden"
    assert not stream.events
    admin = token("root", role="admin")
    assert (await api.ask("POST", TRACK, bearer=admin, body=BODY)).status == 202


@given(st.binary(max_size=80), st.dictionaries(st.text(max_size=8), st.text(max_size=8)))
def test_any_body_is_accepted_or_refused(body: bytes, attributes: dict[str, str]) -> None:
    context = IntakeContext("pipeline", None, NOW)
    for take in (
        lambda: cost_event(body, context),
        lambda: end_events("call-1", body, context),
        lambda: structured_event(body, NOW),
        lambda: batch_events(body, 10, NOW),
        lambda: binary_event(attributes, body, NOW),
    ):
        with pytest.raises(Refused):
            take()
