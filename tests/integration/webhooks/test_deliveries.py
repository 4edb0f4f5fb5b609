"""Deliveries of vendors: verified, read, and durable in the stream before the answer."""

import time
from collections.abc import AsyncIterator

import pytest

from tests.support.api import ApiClient, served_from
from tests.support.intake import MemoryEventStream
from tests.support.webhooks import WEBHOOKS, deliver, make_endpoint, packed, recorded

REPORTS = {"vapi": "vapi-end-of-call-report", "retell": "retell-call-analyzed"}


@pytest.fixture
def stream() -> MemoryEventStream:
    return MemoryEventStream()


@pytest.fixture
async def api(database_url: str, stream: MemoryEventStream) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, events=stream) as api:
        yield api


@pytest.mark.parametrize("provider", REPORTS)
async def test_only_recent_deliveries_with_a_valid_signature_are_accepted(
    api: ApiClient, stream: MemoryEventStream, provider: str
) -> None:
    endpoint = await make_endpoint(api, provider)
    body = packed(recorded(REPORTS[provider]))
    accepted = await deliver(api, endpoint, body)
    assert accepted.status == 200, accepted.body
    count = len(stream.events)
    assert count == accepted.data["events"] > 0
    refused = [
        await deliver(api, endpoint, body, secret="another secret"),
        await deliver(api, endpoint, body, at=time.time() - 301),
        await deliver(api, endpoint, body, at=time.time() + 3_600),
        await api.ask("POST", endpoint["path"], body=body),
    ]
    assert [(answer.status, answer.code) for answer in refused] == [(401, "unauthorized")] * 4
    assert len(stream.events) == count
    assert (await deliver(api, endpoint, body)).status == 200
    assert {event.value for event in stream.events[count:]} == {
        event.value for event in stream.events[:count]
    }
    assert WEBHOOKS
