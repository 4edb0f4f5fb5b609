"""The ledger has what a session of LiveKit Agents reported: each request once, gaps as estimates."""

import asyncio
import json
import random
from collections import Counter
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import parts
from tests.support.emitter_server import EmitterServer
from tests.support.events import Plain
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.integrations import run_with_frameworks
from tests.support.product_processes import Product
from tests.support.recording import assert_verified, codes, until
from tests.support.streaming import Pipeline
from tests.support.totals import Totals, read_totals

CONVERSATION = "tests.support.livekit_conversation"
SECONDS_MAX = 240
INPUT = ("input_tokens", "cached_input_tokens", "cache_write_tokens")
OUTPUT = ("output_tokens", "reasoning_tokens")
SERVICES = {"api.cerebras.ai": "cerebras", "ElevenLabs": "elevenlabs", "Deepgram": "deepgram"}
INTERRUPTED_REQUESTS = 3
INTERRUPTED_SPEECHES = 2


def quantities(events: list[Plain]) -> Counter[tuple[str, str, str]]:
    """Sum up quantities by service, model and unit."""
    found: Counter[tuple[str, str, str]] = Counter()
    for event in events:
        data = event["data"]
        given = data.get("usages") or [{"unit": data["unit"], "quantity": data["usage"]}]
        for one in given:
            key = data["service"], data["model"], one["unit"]
            found[key] += Decimal(str(one["quantity"]))  # type: ignore[assignment]
    return found


def reported(usage: list[dict[str, Any]]) -> dict[tuple[str, str, str], Decimal]:
    """Return the running sums of a session in the same form; its token counts are inclusive."""
    found: dict[tuple[str, str, str], Any] = {}
    for one in usage:
        key = SERVICES[one["provider"]], one["model"]
        found |= {
            (*key, "input"): one.get("input_tokens"),
            (*key, "cached_input_tokens"): one.get("input_cached_tokens"),
            (*key, "cache_write_tokens"): one.get("input_cache_creation_tokens"),
            (*key, "output"): one.get("output_tokens"),
            (*key, "reasoning_tokens"): one.get("output_reasoning_tokens"),
            (*key, "characters"): one.get("characters_count"),
        }
        if one["type"] == "stt_usage":
            found[*key, "seconds"] = one["audio_duration"]
    return {key: Decimal(str(amount)) for key, amount in found.items() if amount}


def inclusive(counted: Counter[tuple[str, str, str]]) -> dict[tuple[str, str, str], Decimal]:
    """Return counted quantities with the inclusive sums of tokens."""
    found: dict[tuple[str, str, str], Decimal] = {}
    for (service, model, unit), quantity in counted.items():
        group = "input" if unit in INPUT else "output" if unit in OUTPUT else None
        for name in {group, unit} - {None, "input_tokens", "output_tokens"}:
            key = service, model, str(name)
            found[key] = found.get(key, Decimal(0)) + Decimal(quantity)
    return found


def is_estimate(event: Plain) -> bool:
    return bool(event["data"].get("estimated"))


def assert_complete(result: dict[str, Any], events: list[Plain]) -> None:
    """Compare what the session and its vendors counted with the events."""
    costs = [event for event in events if event["type"] == "cost.recorded"]
    estimates = [event for event in costs if is_estimate(event)]
    requests = [event for event in costs if event["data"]["operation"] == "inference"]
    counted = inclusive(quantities([event for event in costs if not is_estimate(event)]))
    expected = reported(result["usage"])
    none = Decimal(0)
    difference = sum(
        (abs(expected.get(key, none) - counted.get(key, none)) for key in {*expected, *counted}),
        none,
    )
    parts.figures.append(
        f"LiveKit: {result['turns']} turns, {result['requests']} requests to models, "
        f"{result['metrics']['metrics']} metrics, {len(costs)} costs "
        f"({len(estimates)} estimated), difference to the session's usage {difference}"
    )
    assert counted == expected
    assert len(requests) == result["requests"]
    kinds = Counter(event["data"]["operation"] for event in estimates)
    assert kinds["inference"] == INTERRUPTED_REQUESTS
    assert kinds["tts"] == INTERRUPTED_SPEECHES
    assert {event["data"]["metadata"]["estimatedFrom"] for event in estimates} == {"text", "audio"}
    assert result["metrics"]["differences"] == result["metrics"]["missed"] == 0
    assert result["metrics"]["elsewhere"] == result["metrics"]["unassigned"] == 0
    assert result["refused"] == {}


def plain(body: bytes | dict[str, Any]) -> Plain:
    text = body if isinstance(body, bytes) else json.dumps(body)
    event: Plain = json.loads(text, parse_float=Decimal)
    return event | {"time": datetime.fromisoformat(event["time"])}


@pytest.mark.timeout(SECONDS_MAX)
async def test_conversation_is_in_the_ledger_as_it_was_reported(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """Ten turns with interruptions, cached tokens, a tool and two models."""
    product = Product(pipeline, tmp_path)
    try:
        product.start("worker")
        product.start("api")
        await product.until_ready()
        token = product.token("bot", "service")
        result = await run_with_frameworks(CONVERSATION, product.url, token, cwd=tmp_path)
        await pipeline.until_counted(result["sent"])
        events = [plain(one.value) for one in await pipeline.read_all("cost.call-events.v1")]
        call = await product.ask("GET", "/api/costs/call/livekit-call", None, "alice")
    finally:
        product.close()
    assert_complete(result, events)
    expected, totals = expect(events), await read_totals(pipeline.database_url)
    record_fault(
        f"LiveKit conversation, {pipeline.broker}",
        sent=expected.totals.events,
        counted=totals.events,
        difference=difference_nano(expected.totals, totals),
    )
    assert totals == expected.totals
    assert expected.unpriced == expected.held == []
    assert call["status"] == "completed"
    assert call["estimated"]
    assert await codes(pipeline.database_url) == []
    await assert_verified(pipeline.database_url)


@pytest.mark.timeout(SECONDS_MAX)
async def test_repeated_events_in_any_order_have_the_same_totals(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    with EmitterServer() as server:
        result = await run_with_frameworks(CONVERSATION, server.url, "a-token", cwd=tmp_path)
    events = [plain(body) for body in server.stored.values()]
    assert_complete(result, events)
    deliveries = events * 3
    random.Random(5).shuffle(deliveries)
    async with pipeline.worker() as worker:
        await pipeline.send(deliveries)
        await pipeline.until_counted(len(deliveries), worker)
    expected, totals = expect(events), await read_totals(pipeline.database_url)
    record_fault(
        f"LiveKit conversation delivered three times, {pipeline.broker}",
        sent=expected.totals.events,
        counted=totals.events,
        difference=difference_nano(expected.totals, totals),
    )
    assert totals == expected.totals
    assert await codes(pipeline.database_url) == []
    await asyncio.wait_for(assert_verified(pipeline.database_url), SECONDS_MAX)


def api_costs(totals: Totals) -> dict[str, int]:
    """Return the nano-dollars of the call by service, without infrastructure."""
    found: dict[str, int] = {}
    for (_, service), amount in totals.calls["livekit-call"].costs.items():
        if service in SERVICES.values():
            found[service] = found.get(service, 0) + amount
    return found


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("first", ["events", "spans"])
async def test_requests_that_spans_report_too_count_once(
    pipeline: Pipeline, tmp_path: Path, first: str
) -> None:
    """The session is attached, and its spans are sent by OpenTelemetry's own exporter."""
    product = Product(pipeline, tmp_path)
    try:
        product.start("worker")
        product.start("api")
        await product.until_ready()
        token = product.token("bot", "service")
        result = await run_with_frameworks(CONVERSATION, product.url, token, first, cwd=tmp_path)

        async def is_settled() -> bool:
            return api_costs(await read_totals(pipeline.database_url)) == expected

        records = [plain(one.value) for one in await pipeline.read_all("cost.call-events.v1")]
        attached = [event for event in records if event["source"] == "/livekit"]
        expected = api_costs(expect(attached).totals)
        with suppress(TimeoutError):  # the difference is in the figures
            await until(is_settled, 30)
    finally:
        product.close()
    spans = sum(event["type"] == "cost.recorded" for event in records) - len(
        [event for event in attached if event["type"] == "cost.recorded"]
    )
    found = api_costs(await read_totals(pipeline.database_url))
    parts.figures.append(
        f"LiveKit attached and traced, {first} first: {len(attached)} events, {spans} costs of "
        f"spans, difference {sum(found.values()) - sum(expected.values())} nano-dollars"
    )
    assert result["refused"] == {}
    assert found == expected
    assert spans or first == "events"
    assert await codes(pipeline.database_url) == []
