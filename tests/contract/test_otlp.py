"""OpenTelemetry's real exporter against the running product: each request counts once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.fault_table import FaultRecorder
from tests.support.integrations import run_with_frameworks
from tests.support.product_processes import Product
from tests.support.recording import assert_verified, codes, fetch
from tests.support.streaming import Pipeline

CALLS, REQUESTS = 4, 25
SECONDS_MAX = 60


async def counted_nano(database_url: str, service: str = "openai") -> int:
    query = "SELECT coalesce(sum(cost_nano), 0) FROM user_day_costs WHERE service = $1"
    return int((await fetch(database_url, query, service))[0][0])


async def settled_nano(product: Product, expected: int) -> int:
    """Return what is counted, once it is what was sent and nothing is left to be compared."""
    url, counted = product.pipeline.database_url, 0
    for _ in range(SECONDS_MAX * 2):
        counted = await counted_nano(url)
        if counted == expected and not await fetch(url, "SELECT FROM span_checks"):
            return counted
        await asyncio.sleep(0.5)
    return counted


@pytest.mark.timeout(240)
@pytest.mark.parametrize("encoding", ["protobuf", "json"])
async def test_spans_count_once_although_answers_are_lost(
    encoding: str, pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """Answers are lost, spans sent again in other groups, and each request is traced three times."""
    product = Product(pipeline, tmp_path)
    try:
        product.start("worker")
        product.start("api")
        await product.until_ready()
        sent: dict[str, Any] = await run_with_frameworks(
            "tests.support.traced_bot",
            f"{product.url}/v1/traces",
            product.token("traced-bot", "service"),
            encoding,
            str(CALLS),
            str(REQUESTS),
            "11",
            cwd=tmp_path,
        )
        assert (sent["flushed"], sent["refused"]) == (True, [])
        assert sent["lost"] > 0
        counted = await settled_nano(product, sent["nano"])
        ended = await fetch(
            pipeline.database_url, "SELECT FROM calls WHERE status = 'completed' AND user_id <> ''"
        )
        voided = await fetch(pipeline.database_url, "SELECT FROM span_costs WHERE is_voided")
        alive = await fetch(pipeline.database_url, "SELECT FROM span_costs WHERE NOT is_voided")
    finally:
        product.close()
    record_fault(
        f"OTLP/{encoding}: {sent['lost']} answers lost, {sent['posts']} posts, "
        f"{len(voided)} doubles voided",
        sent=sent["requests"],
        counted=len(alive),
        difference=counted - sent["nano"],
    )
    assert (len(alive), len(ended)) == (sent["requests"], CALLS)
    assert await codes(pipeline.database_url) == []
    await assert_verified(pipeline.database_url)
