"""A wrong clock refuses no valid event; a replay counts what a wrong database clock refused."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from ledger.postgres.clock import DatabaseClock
from tests.support.clocks import api_command_ahead, system_clock_ahead
from tests.support.command import run_command
from tests.support.events import Plain, cost, structured
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.product_processes import Product
from tests.support.recording import assert_verified, codes, fetch
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals

AHEAD = timedelta(minutes=9)
SKEW_ERROR_MS_MAX = 5_000
AGE = timedelta(days=400) - timedelta(minutes=5)

pytestmark = pytest.mark.timeout(120)


def valid_events() -> list[Plain]:
    """Return events of now, and of the latest and earliest accepted times."""
    now = datetime.now(UTC)
    times = [now - timedelta(seconds=1), now + AHEAD, now - AGE]
    return [cost(f"call-{n}", time=time) for time in times for n in range(100)]


async def check(
    pipeline: Pipeline, record_fault: FaultRecorder, case: str, events: Iterable[Plain]
) -> None:
    expected, totals = expect(events).totals, await read_totals(pipeline.database_url)
    record_fault(
        f"{case}, {pipeline.broker}",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
    )
    assert totals == expected
    await assert_verified(pipeline.database_url)


@pytest.mark.parametrize("minutes", [-120, -10, 10, 120])
async def test_worker_with_a_wrong_clock_refuses_no_valid_event(
    pipeline: Pipeline, record_fault: FaultRecorder, minutes: int
) -> None:
    events = valid_events()
    with system_clock_ahead(timedelta(minutes=minutes)):
        async with pipeline.worker():
            await pipeline.send(events)
            await pipeline.until_counted(len(events))
            [row] = await fetch(pipeline.database_url, "SELECT clock_skew_ms FROM stream_workers")
    assert abs(row[0] - minutes * 60_000) < SKEW_ERROR_MS_MAX
    assert await codes(pipeline.database_url) == []
    await check(pipeline, record_fault, f"worker's clock {minutes:+d} minutes", events)


@pytest.mark.parametrize("minutes", [-120, 120])
async def test_api_with_a_wrong_clock_refuses_no_valid_event(
    pipeline: Pipeline, record_fault: FaultRecorder, tmp_path: Path, minutes: int
) -> None:
    events, product = valid_events(), Product(pipeline, tmp_path)
    try:
        product.start("worker")
        product.start("api", command=api_command_ahead(timedelta(minutes=minutes)))
        await product.until_ready()
        body = b"[" + b",".join(map(structured, events)) + b"]"
        await product.ask("POST", "/api/costs/events", body, "service", "service")
        await pipeline.until_counted(len(events))
    finally:
        product.close()
    assert "clock_skewed" in (tmp_path / "api.log").read_text()
    await check(pipeline, record_fault, f"API's clock {minutes:+d} minutes", events)


@pytest.mark.parametrize(("minutes", "code"), [(-120, "invalid_event"), (120, "too_old")])
async def test_replay_counts_events_refused_by_a_wrong_database_clock(
    pipeline: Pipeline,
    record_fault: FaultRecorder,
    tmp_path: Path,
    minutes: int,
    code: str,
) -> None:
    events = valid_events()
    wrong = timedelta(minutes=minutes)
    with patch.object(DatabaseClock, "now", lambda _: datetime.now(UTC) + wrong):
        async with pipeline.worker():
            await pipeline.send(events)
            await pipeline.until_counted(len(events))
    refused = await codes(pipeline.database_url)
    assert set(refused) == {code}
    values = {
        "DATABASE_URL": pipeline.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": pipeline.bootstrap,
        "KAFKA_IDEMPOTENT": str(pipeline.idempotent).lower(),
    }
    words = ["dlq", "replay", "--code", code]
    done = await asyncio.to_thread(run_command, *words, values=values, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"Sent {len(refused)} events again.\n")
    async with pipeline.worker():
        await pipeline.until_counted(len(events) + len(refused))
    case = f"replay after the database's clock was {minutes:+d} minutes"
    await check(pipeline, record_fault, case, events)
