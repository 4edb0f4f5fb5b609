"""LiteLLM's callback: each request counts once, in whatever batches and order it is delivered."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.events import CostRecorded
from tests.support.api import ApiClient
from tests.support.fault_table import FaultRecorder
from tests.support.intake import MemoryEventStream
from tests.support.litellm_payloads import deliveries, payload, payloads
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.webhooks import ROOT, WEBHOOKS, deliver, make_endpoint, packed


def costs(stream: MemoryEventStream) -> list[CostRecorded]:
    return [event.data for event in stream.decoded() if isinstance(event.data, CostRecorded)]


async def test_request_is_counted_at_litellms_cost(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    endpoint = await make_endpoint(api, "litellm")
    answer = await deliver(api, endpoint, packed([payload()]))
    assert answer.data == {"events": 1, "ignored": None, "refused": None}
    (event,) = stream.decoded()
    cost = costs(stream)[0]
    assert (event.source, event.id) == (
        "/api/webhooks/litellm",
        "chatcmpl-C8xV2nQkzP4tYb1/request",
    )
    assert (cost.call_id, cost.user_id, cost.service) == ("litellm-call-1", "demo", "openai")
    assert cost.total_cost == Decimal("0.0018425000000000002")
    assert {one.unit: one.quantity for one in cost.usages or []} == {
        "input_tokens": 500,
        "cached_input_tokens": 154,
        "output_tokens": 40,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"response_cost": Decimal(0), "cache_hit": True}, Decimal(0)),
        ({"response_cost": Decimal("0.0"), "cache_hit": None}, None),
        ({"response_cost": Decimal(0), "cache_hit": False}, None),
    ],
)
async def test_request_without_a_price_of_litellm_is_left_to_the_catalogue(
    api: ApiClient, stream: MemoryEventStream, changes: dict[str, Any], expected: Decimal | None
) -> None:
    endpoint = await make_endpoint(api, "litellm")
    assert (await deliver(api, endpoint, packed(payload(**changes)))).status == 200
    assert [cost.total_cost for cost in costs(stream)] == [expected]


async def test_caches_of_all_vendors_are_part_of_the_prompt(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    endpoint = await make_endpoint(api, "litellm")
    one = payload(prompt_tokens=1_000, completion_tokens=90, custom_llm_provider="anthropic")
    usage = {
        "cache_read_input_tokens": 600,
        "cache_creation_input_tokens": 300,
        "completion_tokens_details": {"reasoning_tokens": 50},
    }
    one["metadata"] = {**one["metadata"], "usage_object": usage}
    await deliver(api, endpoint, packed(one))
    assert {row.unit: row.quantity for row in costs(stream)[0].usages or []} == {
        "input_tokens": 100,
        "cached_input_tokens": 600,
        "cache_write_tokens": 300,
        "output_tokens": 40,
        "reasoning_tokens": 50,
    }


async def test_call_and_user_are_where_the_endpoint_says(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    paths = {"callPath": "metadata.spend_logs_metadata.room", "userPath": "metadata.team_alias"}
    endpoint = await make_endpoint(api, "litellm", **paths)
    one = payload(end_user=None)
    metadata = {
        "requester_metadata": {},
        "spend_logs_metadata": {"room": "r1"},
        "team_alias": "eve",
    }
    await deliver(api, endpoint, packed({**one, "metadata": {**one["metadata"], **metadata}}))
    assert [(cost.call_id, cost.user_id) for cost in costs(stream)] == [("r1", "eve")]


async def test_wrong_payload_does_not_refuse_the_others(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    """LiteLLM discards a batch that is refused."""
    endpoint = await make_endpoint(api, "litellm")
    wrong = payload(id="x", prompt_tokens="many")
    failed = payload(id="y", status="failure", response_cost=0)
    answer = await deliver(api, endpoint, packed([payload(), wrong, failed]))
    assert (answer.status, answer.data["events"]) == (200, 1)
    reason = "1 of 3. Payload 2: /prompt_tokens is 'many' and not a number."
    assert answer.data["refused"] == reason
    (item,) = (await api.ask("GET", WEBHOOKS, bearer=ROOT)).data["endpoints"]
    assert item["refusal"] == reason
    alone = await deliver(api, endpoint, packed([wrong]))
    assert (alone.status, alone.code) == (400, "invalid_event")
    ignored = await deliver(api, endpoint, packed([failed]))
    assert (ignored.status, ignored.data["events"]) == (200, 0)
    assert ignored.data["ignored"] == "No payload is a successful request."


async def test_only_the_secret_opens_the_endpoint(api: ApiClient) -> None:
    endpoint = await make_endpoint(api, "litellm")
    body = packed(payload())
    assert (await deliver(api, endpoint, body, secret="another secret")).status == 401
    assert (await api.ask("POST", endpoint["path"], body=body)).status == 401


async def test_full_batch_is_accepted(api: ApiClient, stream: MemoryEventStream) -> None:
    endpoint = await make_endpoint(api, "litellm")
    unused = {"hidden_params", "model_parameters", "cost_breakdown", "status_fields", "messages"}
    small = [
        {name: value for name, value in one.items() if name not in unused}
        for one in payloads(512, calls=9)
    ]
    answer = await deliver(api, endpoint, packed(small))
    assert answer.data["events"] == len(stream.events) == 512


async def test_repeated_and_reordered_requests_count_once(
    api: ApiClient, stream: MemoryEventStream, database_url: str, record_fault: FaultRecorder
) -> None:
    endpoint = await make_endpoint(api, "litellm")
    requests = payloads(400, calls=20)
    bodies = deliveries(requests, seed=5, repeats_percent=60)
    for body in bodies:
        answer = await deliver(api, endpoint, body)
        assert answer.status == 200, answer.body
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([event.value for event in stream.events]))
        assert writer.letters == []
    query = "SELECT count(*), sum(cost_nano) FROM call_cost_events WHERE type = 'cost.recorded'"
    ((counted, nano),) = await fetch(database_url, query)
    expected = sum(one["response_cost"] for one in requests) * 10**9
    record_fault(
        f"{len(stream.events)} payloads of LiteLLM in {len(bodies)} deliveries",
        sent=len(requests),
        counted=counted,
        difference=abs(int(nano) - int(expected)),
    )
    await assert_verified(database_url)
