"""A worker is frozen inside a transaction: others wait for at most 15 seconds."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from ledger.postgres.viewers import StoreUnavailableError
from tests.support import parts
from tests.support.alerting import USD, AlertKey, alert_rows, change
from tests.support.events import Plain, charged
from tests.support.expected import expect
from tests.support.fault_table import AlertFigures, FaultRecorder, difference_nano
from tests.support.recording import assert_verified, fetch, until
from tests.support.streaming import PARTITIONS, Pipeline, SentRecord
from tests.support.totals import read_totals
from tests.support.worker_process import WorkerProcess

BLOCKED_SECONDS_MAX = 15
EVENTS = 12_000
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=10)

IN_TRANSACTION = """
SELECT client_port FROM pg_stat_activity
WHERE application_name = 'cost-analytics worker' AND backend_xid IS NOT NULL
  AND wait_event = 'ClientRead' AND state = $1
"""
IN_TURN = """
SELECT client_port FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE application_name = 'cost-analytics worker' AND state = $1
  AND locktype = 'advisory' AND objid = 7201903 AND granted
"""

pytestmark = [pytest.mark.alone, pytest.mark.timeout(240)]


class FreezePoint(NamedTuple):
    """When a worker is frozen: while a query finds one of its sessions."""

    name: str
    query: str
    state: str
    users: int


FREEZE_POINTS = (
    FreezePoint("idle in transaction", IN_TRANSACTION, "idle in transaction", 7),
    FreezePoint("in the middle of COPY", IN_TRANSACTION, "active", 7),
    FreezePoint("holding the publisher's turn", IN_TURN, "idle in transaction", EVENTS // 4),
)


def user_of(number: int, point: FreezePoint) -> str:
    return f"user-{number % point.users}"


def events_of(count: int, point: FreezePoint) -> list[Plain]:
    return [
        charged(f"call-of-{user}", user, time=NOW, amount="0.001", fee=0)
        for user in (user_of(number, point) for number in range(count))
    ]


def spread(events: list[Plain]) -> list[SentRecord]:
    """Return events in all partitions, so that workers share calls and users."""
    return [
        SentRecord(SentRecord.of(event).value, partition=number % PARTITIONS)
        for number, event in enumerate(events)
    ]


async def limit_spending(pipeline: Pipeline, point: FreezePoint) -> None:
    """Give each user a daily limit that the first event exceeds."""
    await fetch(
        pipeline.database_url,
        "INSERT INTO user_budget_settings (user_id, daily_limit_nano, daily_limit_version)"
        " SELECT unnest($1::text[]), 1, 1",
        [user_of(number, point) for number in range(point.users)],
    )


def ports_of(pid: int) -> set[int]:
    return {one.laddr.port for one in psutil.Process(pid).net_connections()}


async def freeze(pipeline: Pipeline, pid: int, point: FreezePoint) -> None:
    """Freeze a process at a point, which may take several attempts."""
    ports = ports_of(pid)
    while True:
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(0.02)  # until PostgreSQL has executed what it received
        rows = await fetch(pipeline.database_url, point.query, point.state)
        if ports & {row["client_port"] for row in rows}:
            return
        os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(0.005)


async def _share(pipeline: Pipeline) -> bool:
    held = await pipeline.holders()
    return len(held) == 2 and all(held)


class BlockedSeconds(NamedTuple):
    """For how many seconds others made no progress: counting, publishing, in the API."""

    counting: float
    publishing: float
    api_write: float


async def _oldest_message(pipeline: Pipeline) -> int | None:
    [row] = await fetch(pipeline.database_url, "SELECT min(seq) FROM outbox")
    return int(row[0]) if row[0] is not None else None


async def longest_pauses(pipeline: Pipeline) -> tuple[float, float]:
    """Return for how long no offset moved, and for how long a message waited in the outbox."""
    counted, message = await pipeline.counted(), await _oldest_message(pipeline)
    counted_at = message_at = time.monotonic()
    counting = publishing = 0.0
    async with asyncio.timeout(180):
        while counted < EVENTS or message is not None:
            await asyncio.sleep(0.05)
            found, oldest = await pipeline.counted(), await _oldest_message(pipeline)
            now = time.monotonic()
            counting = max(counting, now - counted_at if counted < EVENTS else 0)
            publishing = max(publishing, now - message_at if message is not None else 0)
            if found != counted:
                counted, counted_at = found, now
            if oldest != message:
                message, message_at = oldest, now
    return counting, publishing


async def write_limits(pipeline: Pipeline, point: FreezePoint) -> float:
    """Change settings as API clients that repeat after a 503; returns the seconds."""
    began = time.monotonic()

    async def write(user: str) -> None:
        while True:
            with suppress(StoreUnavailableError):
                await change(pipeline.database_url, user, monthly_limit=(True, USD))
                return
            await asyncio.sleep(0.1)

    await asyncio.gather(*(write(user) for user in {user_of(n, point) for n in range(7)}))
    return time.monotonic() - began


def expected_alerts(point: FreezePoint) -> set[AlertKey]:
    return {
        AlertKey(user_of(number, point), "daily", f"{NOW:%Y-%m-%d}", Fraction(percent), 1)
        for number in range(point.users)
        for percent in (80, 100)
    }


@pytest.mark.parametrize("point", FREEZE_POINTS, ids=lambda point: point.name)
async def test_frozen_worker_blocks_others_for_at_most_fifteen_seconds(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder, point: FreezePoint
) -> None:
    events, more = events_of(EVENTS, point), events_of(100, point)
    await limit_spending(pipeline, point)
    workers = [WorkerProcess(pipeline, tmp_path / name, batch_max=400) for name in ("one", "two")]
    try:
        for worker in workers:
            worker.directory.mkdir()
            worker.start()
        await until(lambda: _share(pipeline))
        await pipeline.send(spread(events))
        async with asyncio.timeout(60):
            await freeze(pipeline, workers[0].pid, point)
        paused, written = await asyncio.gather(
            longest_pauses(pipeline), write_limits(pipeline, point)
        )
        pauses = BlockedSeconds(*paused, written)
        os.kill(workers[0].pid, signal.SIGCONT)
        await pipeline.send(spread(more))
        await pipeline.until_counted(len(events) + len(more))
        for worker in workers:
            await worker.stop()
    finally:
        for worker in workers:
            worker.abandon()
    expected, totals = expect(events + more).totals, await read_totals(pipeline.database_url)
    found = [key for key, _ in await alert_rows(pipeline.database_url) if key.type == "daily"]
    parts.figures.append(f"a worker frozen {point.name}, {pipeline.broker}: {pauses}")
    record_fault(
        f"worker frozen {point.name}, {pipeline.broker}",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
        alerts=AlertFigures.of(expected_alerts(point), found),
    )
    assert totals == expected
    await assert_verified(pipeline.database_url)
    assert max(pauses) < BLOCKED_SECONDS_MAX
