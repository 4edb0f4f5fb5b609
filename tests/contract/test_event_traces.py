"""One trace of a sampled event, from its emitter to the socket, the notification and the cutoff."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from aiohttp import ClientSession

from tests.support import parts
from tests.support.events import charged, cost, started, structured
from tests.support.notifications import write_channel
from tests.support.otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver
from tests.support.product_processes import Product, now
from tests.support.receivers import receiver
from tests.support.streaming import Pipeline, SentRecord
from tests.support.vendor_servers import settings_of, vendor_server

SECONDS_MAX = 60
EMITTER_SPAN = "00f067aa0ba902b7"
BY_HEADER = "4bf92f3577b34da6a3ce929d0e0e4736"
BY_ATTRIBUTE = "5bf92f3577b34da6a3ce929d0e0e4736"
BY_REQUEST = "6bf92f3577b34da6a3ce929d0e0e4736"
NOT_SAMPLED = "7bf92f3577b34da6a3ce929d0e0e4736"

PROCESSES = ("worker", "notices", "commands")
STEPS = {"poll", "decode", "transaction", "commit"}
PUBLISHED = {"publish call-total", "push to sockets"}
ALERTED = {"publish budget-alert", "deliver webhook"}
ENDED = {"publish call-command", "execute cutoff"}
SPANS = {
    BY_HEADER: {"process call.charged"} | STEPS | PUBLISHED | ALERTED,
    BY_ATTRIBUTE: {"process cost.recorded"} | STEPS | PUBLISHED | ALERTED | ENDED,
    BY_REQUEST: {"POST /api/costs/track", "process cost.recorded"} | STEPS | PUBLISHED,
}
"""The names of the spans of each trace."""
EXPENSIVE = "expensive_001"
"""The persona of the call whose cost ends it."""


def traceparent(trace_id: str, flags: str = "01") -> str:
    return f"00-{trace_id}-{EMITTER_SPAN}-{flags}"


def record(event: dict[str, object], context: str) -> SentRecord:
    """Return a record whose header has a trace context, as OpenTelemetry's producers write it."""
    return SentRecord(structured(event), b"alice", [("traceparent", context.encode())])


async def emit(product: Product) -> None:
    """Send an event in each of the ways in which an emitter passes on its context."""
    begun = [started(f"call-{n}", "alice", **now()) for n in (0, 2, 3)]
    await product.send(*begun, started("call-1", "alice", persona=EXPENSIVE, **now()))
    charge = charged("call-0", "alice", **now())
    in_value = {**cost("call-1", "alice", **now()), "traceparent": traceparent(BY_ATTRIBUTE)}
    other = cost("call-3", "alice", **now())
    await product.pipeline.send(
        [
            record(charge, traceparent(BY_HEADER)),
            SentRecord(structured(in_value), b"alice"),
            record(other, traceparent(NOT_SAMPLED, "00")),
        ]
    )
    body = {
        "callId": "call-2", "userId": "alice", "service": "twilio", "operation": "voice_call",
        "usageAmount": 5, "usageUnit": "minutes",
    }  # fmt: skip
    headers = {
        "Authorization": f"Bearer {product.token('emitter', 'service')}",
        "Content-Type": "application/json",
        "traceparent": traceparent(BY_REQUEST),
    }
    request = Request(f"{product.url}/api/costs/track", json.dumps(body).encode(), headers)
    with await asyncio.to_thread(urlopen, request, timeout=10) as response:
        assert response.status == 202


def names(spans: list[ReceivedSpan]) -> set[str]:
    return {span.name for span in spans}


def assert_one_tree(spans: list[ReceivedSpan]) -> None:
    """Assert that each span's parent is another span of the trace, or the emitter's."""
    ids = {span.span_id for span in spans}
    assert len(ids) == len(spans)
    assert {span.parent_id for span in spans} - ids == {EMITTER_SPAN}
    assert all(span.start_ns <= span.end_ns for span in spans)
    assert not [span for span in spans if span.has_failed]


def assert_complete(found: OtlpReceiver) -> None:
    traces = {trace: found.of_trace(trace) for trace in SPANS}
    assert {trace: names(spans) for trace, spans in traces.items()} == SPANS
    pushed = [span for span in traces[BY_HEADER] if span.name == "push to sockets"]
    assert Counter(span.attributes["messaging.destination.name"] for span in pushed) == {
        "cost.call-totals.v1": 1,
        "cost.budget-alerts.v1": 1,
    }
    assert {span.attributes["cost_analytics.sockets"] for span in pushed} == {1}
    for spans in traces.values():
        assert_one_tree(spans)
    [executed] = [span for span in traces[BY_ATTRIBUTE] if span.name == "execute cutoff"]
    outcome = {
        name: executed.attributes[f"cost_analytics.{name}"] for name in ("outcome", "target")
    }
    assert outcome == {"outcome": "executed", "target": "webhook"}
    assert not found.of_trace(NOT_SAMPLED)
    batches = [span for span in found.spans if span.name == "record batch"]
    links = [trace_id for span in batches for trace_id in span.links]
    assert sorted(links) == sorted([BY_HEADER, BY_ATTRIBUTE, BY_REQUEST])
    for batch in batches:
        assert names(found.of_trace(batch.trace_id)) == {"record batch", *STEPS} - {"poll"}
    services = {span.service for span in found.spans}
    assert services == {f"cost-analytics-{name}" for name in (*PROCESSES, "api")}


def is_complete(found: OtlpReceiver) -> bool:
    pushed = [span for span in found.of_trace(BY_HEADER) if span.name == "push to sockets"]
    return len(pushed) == 2 and all(
        names(found.of_trace(trace)) >= expected for trace, expected in SPANS.items()
    )


@pytest.mark.parametrize("bootstrap", ["tansu"], ids=["tansu"], indirect=True)
async def test_a_sampled_event_has_one_trace_with_all_its_steps(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    async with (
        otlp_receiver() as found,
        receiver() as endpoint,
        vendor_server("webhook") as ender,
        ClientSession() as client,
    ):
        product = Product(
            pipeline,
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=found.url,
            OTEL_BSP_SCHEDULE_DELAY="200",
            **settings_of({"webhook": ender}),
        )
        try:
            await write_channel(pipeline.database_url, endpoint.url)
            for name in (*PROCESSES, "api"):
                product.start(name)
            await product.until_ready()
            budget = json.dumps({"dailyLimit_usd": 5}).encode()
            await product.put("/api/costs/user/alice/budget", budget, "alice")
            scope = {"kind": "persona", "value": EXPENSIVE}
            limit = json.dumps({"scope": scope, "period": "call", "limit_usd": 0.04}).encode()
            await product.ask("POST", "/api/costs/user/alice/budgets", limit, "alice")
            bearer = {"Authorization": f"Bearer {product.token('alice')}"}
            async with client.ws_connect(f"{product.url}/api/costs/live", headers=bearer) as socket:
                await socket.receive()  # the snapshot
                await emit(product)
                complete = await found.until(lambda: is_complete(found), SECONDS_MAX)
                assert complete, [*found.tree(BY_HEADER), product.log("worker")]
            assert endpoint.accepted
        finally:
            product.close()
        assert_complete(found)
        assert ender.executions == {"call-1": 1}
        for trace in (BY_HEADER, BY_ATTRIBUTE):
            parts.figures += [
                f"trace of one event, {len(found.of_trace(trace))} spans:",
                *(f"  {line}" for line in found.tree(trace)),
            ]
