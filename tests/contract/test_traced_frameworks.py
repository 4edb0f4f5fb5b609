"""Pipecat's and LiveKit's own spans against the running product, alone and beside the attachment."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_pipecat import enter_prices, units_of
from tests.support.fault_table import FaultRecorder
from tests.support.integrations import run_with_frameworks
from tests.support.product_processes import Product
from tests.support.recording import assert_verified, codes, fetch
from tests.support.streaming import Pipeline

SECONDS_MAX = 60
LATE_TOKENS = 429
"""Of the usage that comes after its request, and so after its span."""
COSTS = """
SELECT e.source, e.service, e.usage, e.unit, e.usages, e.cost_nano, v.identity IS NOT NULL AS voided
FROM call_cost_events AS e LEFT JOIN call_cost_events AS v ON v.voids = e.identity
WHERE e.type = 'cost.recorded'
"""


async def hold(product: Product, module: str, order: str) -> dict[str, Any]:
    product.start("worker")
    product.start("api")
    await product.until_ready()
    token = product.token("voice-bot", "service")
    found: dict[str, Any] = await run_with_frameworks(
        module, product.url, token, order, cwd=product.directory
    )
    assert found["refused"] == []
    return found


async def quiet(database_url: str) -> None:
    """Wait until nothing is counted or compared any more."""
    seen = None
    for _ in range(SECONDS_MAX):
        query = "SELECT (SELECT count(*) FROM call_cost_events), (SELECT count(*) FROM span_checks)"
        counts = tuple((await fetch(database_url, query))[0])
        if counts == seen and counts[1] == 0:
            return
        seen = counts
        await asyncio.sleep(3)


def units(row: Any) -> tuple[str, tuple[tuple[str, Decimal], ...]]:
    usages = json.loads(row["usages"], parse_float=Decimal) if row["usages"] else None
    pairs = (
        [(one["unit"], Decimal(str(one["quantity"]))) for one in usages]
        if usages
        else [(row["unit"], row["usage"])]
    )
    return row["service"], tuple(sorted(pairs))


def sums(costs: Iterable[tuple[str, Iterable[tuple[str, Decimal]]]]) -> Counter[tuple[str, str]]:
    """Return quantities by service and unit."""
    found: Counter[tuple[str, str]] = Counter()
    for service, quantities in costs:
        for unit, quantity in quantities:
            found[service, unit] += quantity  # type: ignore[assignment]
    return found


@pytest.mark.timeout(200)
async def test_spans_of_pipecat_have_what_its_services_reported(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """Except for usage that comes after its span."""
    product = Product(pipeline, tmp_path)
    await enter_prices(pipeline)
    try:
        found = await hold(product, "tests.support.traced_pipecat", "spans_only")
        await quiet(pipeline.database_url)
        rows = await fetch(pipeline.database_url, COSTS)
        [call] = await fetch(pipeline.database_url, "SELECT user_id, status, tags::text FROM calls")
    finally:
        product.close()
    in_spans = [
        one
        for one in found["reported"]
        if not isinstance(one["usage"], dict) or one["usage"]["total_tokens"] != LATE_TOKENS
    ]
    counted, reported = sums(map(units, rows)), sums(map(units_of, in_spans))
    record_fault(
        f"Pipecat's spans: {len(rows)} costs of {len(in_spans)} reports",
        sent=len(in_spans),
        counted=len(in_spans),
        difference=int(sum(((counted - reported) + (reported - counted)).values())),
    )
    assert counted == reported
    assert not any(row["voided"] for row in rows)
    assert (call["user_id"], call["status"]) == ("alice", "completed")
    assert json.loads(call["tags"]) == {"conversation_id": "conversation-7"}
    assert await codes(pipeline.database_url) == []
    await assert_verified(pipeline.database_url)


@pytest.mark.timeout(200)
async def test_spans_of_livekit_have_what_its_session_counted(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """Except for transcription, which has no spans."""
    product = Product(pipeline, tmp_path)
    try:
        found = await hold(product, "tests.support.traced_livekit", "spans_only")
        await quiet(pipeline.database_url)
        rows = await fetch(pipeline.database_url, COSTS)
        [call] = await fetch(pipeline.database_url, "SELECT call_id, user_id, status FROM calls")
    finally:
        product.close()
    counted = sums(map(units, rows))
    expected = Counter[tuple[str, str]]()
    for one in found["usage"]:
        if one["type"] == "llm_usage":
            cached, written = one["input_cached_tokens"], one["input_cache_creation_tokens"]
            reasoning = one["output_reasoning_tokens"]
            expected["cerebras", "cached_input_tokens"] += cached
            expected["cerebras", "cache_write_tokens"] += written
            expected["cerebras", "input_tokens"] += one["input_tokens"] - cached - written
            expected["cerebras", "reasoning_tokens"] += reasoning
            expected["cerebras", "output_tokens"] += one["output_tokens"] - reasoning
        elif one["type"] == "tts_usage":
            expected["elevenlabs", "characters"] += one["characters_count"]
    record_fault(
        f"LiveKit's spans: {len(rows)} costs",
        sent=len(rows),
        counted=len(rows),
        difference=int(sum(((counted - expected) + (expected - counted)).values())),
    )
    assert counted == +expected
    assert (call["call_id"], call["user_id"], call["status"]) == (
        "livekit-call",
        "alice",
        "completed",
    )
    await assert_verified(pipeline.database_url)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("order", ["spans_first", "observer_first"])
@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
async def test_attachment_and_spans_count_once(
    framework: str, order: str, pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    product = Product(pipeline, tmp_path)
    await enter_prices(pipeline)
    try:
        await hold(product, f"tests.support.traced_{framework}", order)
        await quiet(pipeline.database_url)
        rows = await fetch(pipeline.database_url, COSTS)
        calls = await fetch(pipeline.database_url, "SELECT call_id FROM calls")
        [total] = await fetch(
            pipeline.database_url,
            "SELECT sum(cost_nano) AS nano FROM user_day_costs WHERE service = ANY ($1)",
            [*{row["service"] for row in rows}],
        )
    finally:
        product.close()
    of_spans = [row for row in rows if row["source"].startswith("/v1/traces/")]
    of_attachment = [row for row in rows if row not in of_spans and not row["voided"]]
    expected = sum(row["cost_nano"] for row in of_attachment)
    record_fault(
        f"{framework}, {order}: {len(of_spans)} spans recorded and voided",
        sent=len(of_attachment),
        counted=len([row for row in rows if not row["voided"]]),
        difference=int(total["nano"]) - expected,
    )
    assert all(row["voided"] for row in of_spans)
    assert of_spans or order == "observer_first"
    assert expected > 0
    assert len(calls) == 1
    assert await codes(pipeline.database_url) == []
    await assert_verified(pipeline.database_url)
