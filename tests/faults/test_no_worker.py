"""Without a worker the API still reads and reports it, and events wait in Kafka."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.support.events import cost
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.product_processes import Product
from tests.support.recording import until
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals

MISSED_SECONDS_MAX = 40


def readiness(product: Product) -> str:
    """Return the answer of `/ready`."""
    try:
        with urlopen(f"{product.url}/ready", timeout=5) as response:
            return str(response.read().decode())
    except HTTPError as error:
        return f"{error.code} {error.read().decode()}"


@pytest.mark.timeout(240)
async def test_without_a_worker_the_api_reads_and_events_wait(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    events = [cost("call-1", "alice", time=datetime.now(UTC)) for _ in range(20)]
    product = Product(pipeline, tmp_path)

    async def misses_the_worker() -> bool:
        found = await asyncio.to_thread(readiness, product)
        return found.startswith("503") and "stream" in found

    try:
        product.start("worker")
        product.start("api")
        await product.until_ready()
        await pipeline.send(events[:10])
        await pipeline.until_counted(10)
        product.kill("worker")
        await until(misses_the_worker, MISSED_SECONDS_MAX)
        await pipeline.send(events[10:])
        found = await product.ask("GET", "/api/costs/call/call-1", None, "alice")
        assert sum(map(len, found["apiCosts"].values())) == 10
        product.start("worker")
        await pipeline.until_counted(20)
        await product.until_ready()
    finally:
        product.close()
    expected, totals = expect(events).totals, await read_totals(pipeline.database_url)
    record_fault(
        f"no worker for a while, {pipeline.broker}",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
    )
    assert totals == expected
