"""Processes that look for anomalies are killed repeatedly: each cause is found and published once."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.anomalies import count_announced, row, stored_anomalies, sweep_from, write_calls
from tests.support.fault_table import AlertFigures, FaultRecorder
from tests.support.notifications_process import NoticesProcess
from tests.support.recording import until

USERS = 400
KILLS = 4
NO_BROKER = "127.0.0.1:1"
"""Without a broker the sweep finds every anomaly."""


@pytest.fixture
def processes(tmp_path: Path, database_url: str) -> Iterator[list[NoticesProcess]]:
    values = {"DATABASE_URL": database_url, "KAFKA_BOOTSTRAP_SERVERS": NO_BROKER}
    both = [NoticesProcess(tmp_path, values, name) for name in ("one", "other")]
    yield both
    for process in both:
        process.abandon()


async def until_found(database_url: str, count: int, seconds: int = 60) -> None:
    async with asyncio.timeout(seconds):
        while len(await stored_anomalies(database_url)) < count:
            await asyncio.sleep(0.005)


async def until_started(process: NoticesProcess, before: int) -> None:
    """Wait until a process has installed its signal handlers."""

    async def more() -> bool:
        return process.action_count("notices_started") > before

    await until(more)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_kills_during_a_sweep_lose_and_repeat_no_anomaly(
    database_url: str, processes: list[NoticesProcess], record_fault: FaultRecorder
) -> None:
    now = datetime.now(UTC)
    users = [f"user-{number:03}" for number in range(USERS)]
    at = now - timedelta(minutes=20)
    await write_calls(database_url, *(row(f"of {u}", at, u, twilio=0) for u in users))
    await sweep_from(database_url, now - timedelta(hours=1))
    for process in processes:
        process.start()
    kills = 0
    for number in range(KILLS):
        await until_found(database_url, min(USERS, number * USERS // KILLS + 1))
        victim = processes[number % len(processes)]
        victim.kill()
        kills += 1
        before = victim.action_count("notices_started")
        victim.start()
        await until_started(victim, before)
    await until_found(database_url, USERS)
    for process in processes:
        await process.stop()
    causes = await stored_anomalies(database_url)
    expected = [f"of {user}" for user in users]
    record_fault(
        f"anomaly detectors killed {kills} times",
        alerts=AlertFigures.of(expected, [subject for _, subject, _, _ in causes]),
    )
    assert await count_announced(database_url) == USERS
