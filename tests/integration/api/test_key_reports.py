"""What a key reported last, and why a report was refused, as administrators see it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from schemas.api_keys import KeyScope
from tests.support.api import ApiClient, served_from, token
from tests.support.events import Plain, cost
from tests.support.intake import EVENTS, MemoryEventStream
from tests.support.live import ago
from tests.support.otlp import CHAT, export, send_json, span
from tests.support.recording import BatchWriter, TopicLog, fetch

KEYS = "/api/admin/keys"
ROOT = token("root", role="admin")


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, events=MemoryEventStream()) as api:
        yield api


async def make(api: ApiClient, *scopes: KeyScope) -> dict[str, Any]:
    body = {"service": "voice-bot", "scopes": scopes}
    made: dict[str, Any] = (await api.ask("POST", KEYS, bearer=ROOT, body=body)).data
    return made


async def report_of(api: ApiClient, made: dict[str, Any]) -> dict[str, Any]:
    """Return what became of the last report of a key."""
    path = f"{KEYS}/{made['item']['id']}"
    report: dict[str, Any] = (await api.ask("GET", path, bearer=ROOT)).data
    return report


async def noted(api: ApiClient, made: dict[str, Any], field: str) -> dict[str, Any]:
    """Return the report once a field of its item is noted; notes are written in the background."""
    for _ in range(100):
        report = await report_of(api, made)
        if report["item"][field] is not None:
            return report
        await asyncio.sleep(0.05)
    raise AssertionError(f"{field} was never noted")


def an_event(call: str = "call-1", user: str | None = "alice", **more: Any) -> Plain:
    return cost(call, user, source="/bot", time=ago(seconds=5), **more)


async def send(api: ApiClient, key: str, event: Plain) -> int:
    body = {**event, "time": event["time"].isoformat()}
    return (await api.ask("POST", EVENTS, bearer=key, body=body)).status


async def test_an_accepted_event_is_noted_and_shown_once_it_is_counted(
    api: ApiClient, database_url: str
) -> None:
    made, other = await make(api, "ingest"), await make(api, "ingest")
    first = await report_of(api, made)
    assert first == {"item": made["item"], "callId": None, "call": None, "refusedEvent": None}
    event = an_event()
    assert await send(api, made["key"], event) == 202
    report = await noted(api, made, "acceptedAt")
    assert (report["callId"], report["call"], report["item"]["refusal"]) == ("call-1", None, None)

    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([event]))
    call = (await report_of(api, made))["call"]
    assert (call["userId"], call["events"], call["heldEvents"]) == ("alice", 1, 0)
    assert call["totalCost"] > 0
    assert (await report_of(api, other))["item"]["acceptedAt"] is None
    listed = (await api.ask("GET", KEYS, bearer=ROOT)).data["keys"]
    assert [item["acceptedAt"] is not None for item in listed] == [False, True]


async def test_an_event_without_a_user_is_shown_as_held(api: ApiClient, database_url: str) -> None:
    made, event = await make(api, "ingest"), an_event(user=None)
    assert await send(api, made["key"], event) == 202
    await noted(api, made, "acceptedAt")
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([event]))
    call = (await report_of(api, made))["call"]
    assert (call["userId"], call["events"], call["heldEvents"]) == (None, 0, 1)


async def test_an_event_that_the_worker_refuses_is_shown_with_the_reason(
    api: ApiClient, database_url: str
) -> None:
    made = await make(api, "ingest")
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([an_event(user="bob", id="first")]))
        event = an_event(user="alice", id="second")
        assert await send(api, made["key"], event) == 202
        await noted(api, made, "acceptedAt")
        await writer.record(log.batch([event]))
    report = await report_of(api, made)
    assert report["refusedEvent"]["code"] == "owner_mismatch"
    assert "belongs to another user" in report["refusedEvent"]["message"]
    assert report["call"]["userId"] == "bob"


@pytest.mark.parametrize(
    ("scopes", "body", "reason"),
    [
        (("ingest",), {"type": None}, "$.type"),
        (("read",), {}, "The key lacks the permission to send events."),
        (("ingest",), {"source": "/api/costs/track/x"}, "is reserved"),
    ],
)
async def test_a_refused_report_is_noted_with_its_reason(
    api: ApiClient, scopes: tuple[KeyScope, ...], body: Plain, reason: str
) -> None:
    made = await make(api, *scopes)
    event = an_event()
    sent = {**event, "time": event["time"].isoformat(), **body}
    answer = await api.ask("POST", EVENTS, bearer=made["key"], body=sent)
    assert answer.status in {400, 403}
    item = (await noted(api, made, "refusedAt"))["item"]
    assert reason in item["refusal"]
    assert item["acceptedAt"] is None
    if scopes == ("ingest",):
        assert item["refusal"] == answer.json["error"]


async def test_a_revoked_key_is_noted_and_stays_revoked(api: ApiClient, database_url: str) -> None:
    made = await make(api, "ingest")
    await api.ask("DELETE", f"{KEYS}/{made['item']['id']}", bearer=ROOT)
    assert await send(api, made["key"], an_event()) == 401
    item = (await noted(api, made, "refusedAt"))["item"]
    assert item["refusal"] == "The key is revoked."
    assert item["revokedBy"] == "admin root"
    with pytest.raises(Exception, match="stays revoked"):
        await fetch(database_url, "UPDATE api_keys SET revoked_at = NULL, revoked_by = NULL")


async def test_notes_are_bounded_in_time_and_number(api: ApiClient, database_url: str) -> None:
    """A busy key writes at most one note a second; tokens and unknown keys write none."""
    made = await make(api, "ingest")
    for number in range(20):
        assert await send(api, made["key"], an_event(f"call-{number}")) == 202
    noted_at = (await noted(api, made, "acceptedAt"))["item"]["acceptedAt"]
    assert await send(api, "cak_" + "x" * 43, an_event()) == 401
    assert await send(api, token("voice-bot", role="service"), an_event()) == 202
    [row] = await fetch(database_url, "SELECT count(accepted_at), count(refused_at) FROM api_keys")
    assert tuple(row) == (1, 0)
    assert datetime.fromisoformat(noted_at).tzinfo is not None


async def test_traces_are_noted_with_their_call_or_why_no_span_counts(api: ApiClient) -> None:
    made = await make(api, "ingest")
    wrong = {**CHAT, "gen_ai.usage.input_tokens": -1}
    answer = await send_json(api, export(span(1, wrong)), made["key"])
    assert answer.json["partialSuccess"]["rejectedSpans"] == "1"
    item = (await noted(api, made, "refusedAt"))["item"]
    assert item["refusal"] == answer.json["partialSuccess"]["errorMessage"]
    assert item["acceptedAt"] is None
    assert (await send_json(api, export(span(2)), made["key"])).status == 200
    assert (await noted(api, made, "acceptedAt"))["callId"] == "call-1"


async def test_only_administrators_see_reports(api: ApiClient) -> None:
    made = await make(api, "ingest", "read", "reserve")
    path = f"{KEYS}/{made['item']['id']}"
    for bearer in (token("alice"), token("bot", role="service"), made["key"]):
        assert (await api.ask("GET", path, bearer=bearer)).status == 403
    assert (await api.ask("GET", f"{KEYS}/999", bearer=ROOT)).status == 404
    assert (await api.ask("GET", f"{KEYS}/x", bearer=ROOT)).status == 400
