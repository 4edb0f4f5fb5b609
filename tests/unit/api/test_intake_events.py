"""The HTTP intake of CloudEvents: single, in batches, in binary mode, within limits."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from api.http.options import ApiOptions, RequestLimits
from schemas.cloudevents import Window, decode
from tests.support.api import ApiClient, served
from tests.support.events import Plain, cost
from tests.support.events import structured as written
from tests.support.intake import EVENTS, FINALIZE, NOW, SERVICE, TRACK, MemoryEventStream, send

BODY: Mapping[str, Any] = {
    "callId": "call-1",
    "service": "twilio",
    "operation": "voice_call",
    "usageAmount": 1.5,
    "usageUnit": "minutes",
}


@pytest.fixture
def stream() -> MemoryEventStream:
    return MemoryEventStream()


@pytest.fixture
async def api(stream: MemoryEventStream) -> AsyncIterator[ApiClient]:
    async with served(events=stream) as api:
        yield api


def plain(**more: Any) -> Plain:
    return cost(time=NOW, **more)


ONE = {"Content_Type": "application/cloudevents+json"}
MANY = {"Content_Type": "application/cloudevents-batch+json; charset=utf-8"}


async def test_event_is_forwarded_unchanged(api: ApiClient, stream: MemoryEventStream) -> None:
    sent = written(plain(source="/their/own", id="7"))
    for headers in (ONE, {"Content_Type": "application/json"}, {}):
        response = await send(api, EVENTS, sent, **headers)
        assert response.status == 202
        assert response.json["data"]["accepted"] == [{"source": "/their/own", "id": "7"}]
    assert [event.value for event in stream.events] == [sent] * 3


async def test_batch_is_accepted_whole_or_refused(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    events = [plain(id=f"{number}") for number in range(500)]
    body = b"[" + b",".join(map(written, events)) + b"]"
    for headers in (MANY, {}):
        response = await send(api, EVENTS, body, **headers)
        assert [each["id"] for each in response.json["data"]["accepted"]] == [
            str(number) for number in range(500)
        ]
    assert len(stream.events) == 1_000
    stream.events.clear()
    events[7]["data"]["usage"] = -1
    response = await send(api, EVENTS, b"[" + b",".join(map(written, events)) + b"]", **MANY)
    assert (response.status, response.code) == (400, "invalid_event")
    assert response.json["error"] == "Event 7 of the batch: `usage` is negative."
    assert not stream.events


async def test_batches_are_limited(api: ApiClient, stream: MemoryEventStream) -> None:
    event = written(plain())
    for body, code, status in (
        (b"[]", "invalid_event", 400),
        (b"[" + b",".join([event] * 501) + b"]", "invalid_event", 400),
        (written(plain(metadata={"x": "y" * 70_000})), "too_large", 400),
    ):
        response = await send(api, EVENTS, body)
        assert (response.status, response.code) == (status, code)
    async with served(
        events=stream, options=ApiOptions(limits=RequestLimits(batch_events=2))
    ) as small:
        response = await send(small, EVENTS, b"[" + b",".join([event] * 3) + b"]")
        assert "1 to 2 events" in response.json["error"]
    async with served(
        events=stream, options=ApiOptions(limits=RequestLimits(batch_bytes=99))
    ) as small:
        assert (await send(small, EVENTS, b" " * 100)).code == "payload_too_large"
    assert (await send(api, TRACK, {**BODY, "padding": "x" * 70_000})).code == "payload_too_large"
    assert not stream.events


async def chunked(api: ApiClient, path: str, piece: bytes, count: int) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    body = (f"{len(piece):x}\r\n".encode() + piece + b"\r\n") * count
    return await api.raw(
        f"{head}Authorization: Bearer {SERVICE}\r\n\r\n".encode() + body + b"0\r\n\r\n"
    )


async def test_batch_of_unknown_length_is_limited(api: ApiClient) -> None:
    assert b" 413 " in await chunked(api, TRACK, b" " * 4096, 17)
    assert b" 413 " in await chunked(api, EVENTS, b" " * 65_536, 17)
    assert b" 400 " in await chunked(api, EVENTS, b" " * 4096, 17)


async def test_binary_mode_is_accepted(api: ApiClient, stream: MemoryEventStream) -> None:
    sent = plain(id="é 7", subject="call-1")
    headers = {
        "Ce_Specversion": "1.0",
        "Ce_Id": "%C3%A9%207",
        "Ce_Source": sent["source"],
        "Ce_Type": sent["type"],
        "Ce_Time": NOW.isoformat(),
        "Ce_Subject": "call-1",
        "Ce_Extra": "kept",
        "Content_Type": "application/json",
    }
    assert (await send(api, EVENTS, sent["data"], **headers)).status == 202
    [event] = stream.decoded()
    assert event == decode(written(sent), (), Window.around(NOW))
    assert json.loads(stream.events[0].value)["extra"] == "kept"
    stream.events.clear()
    wrong = [{"Ce_Type": "call.sung"}, {"Ce_Time": "now"}, {"Ce_Id": ""}, {"Ce_Id": "%FF%00"}]
    for change in wrong:
        assert (await send(api, EVENTS, sent["data"], **{**headers, **change})).status == 400, (
            change
        )
    assert (await send(api, EVENTS, b"", **headers)).code == "invalid_json"
    assert not stream.events


async def test_header_that_is_not_utf_8_is_refused(api: ApiClient) -> None:
    body = json.dumps(plain()["data"]).encode()
    head = (
        f"POST {EVENTS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    )
    head += f"Authorization: Bearer {SERVICE}\r\nce-type: cost.recorded\r\nce-id: "
    assert b" 400 " in await api.raw(head.encode() + b"\xff\r\n\r\n" + body)


async def test_without_a_stream_the_answer_is_503(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    stream.gone = True
    for path, body in ((TRACK, BODY), (FINALIZE, {"duration_seconds": 1}), (EVENTS, plain_json())):
        response = await send(api, path, body)
        assert (response.status, response.code) == (503, "unavailable")
        assert int(response.headers["Retry-After"]) > 0
    async with served() as without:
        assert (await send(without, TRACK, BODY)).status == 503


def plain_json() -> bytes:
    return written(plain())
