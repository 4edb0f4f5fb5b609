"""Three workers share one user and are killed every two seconds: each alert exists exactly once.

The events lie in all partitions, so that several workers move the same budget at the same time.
"""

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from schemas.topics import BUDGET_ALERTS
from tests.support.alerting import USD, Key, alert_rows, change, spend_of
from tests.support.events import Plain, charged
from tests.support.expected import expect
from tests.support.fault_table import AlertFigures, FaultRecorder, difference_nano
from tests.support.recording import assert_verified, fetch, until
from tests.support.streaming import Sent, Stage
from tests.support.totals import read_totals
from tests.support.worker_process import WorkerProcess

EVENTS = 10_000
WORKERS = 3
KILL_SECONDS = 2
BATCH_MAX = 200
THRESHOLDS = (50, 80, 100)
SECONDS_MAX = 240


def stream(rng: random.Random) -> list[Plain]:
    """Return charges of one user over three days, a fifth of them twice, in random order."""
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=10)
    different = EVENTS * 8 // 10
    events = [
        charged(
            f"call-{number}",
            "alice",
            time=now - timedelta(days=rng.choice([0, 0, 1, 2])),
            amount=Decimal(rng.randrange(1, 4000)).scaleb(-5),
            fee=0,
        )
        for number in range(different)
    ]
    events += rng.sample(events, EVENTS - different)
    rng.shuffle(events)
    return events


def expected_alerts(events: list[Plain]) -> set[Key]:
    """Return an alert for each threshold that a period's spend reaches in the end."""
    limits = {"daily": 10 * USD, "monthly": 100 * USD}
    return {
        Key(user, kind, period, Fraction(percent), 1)
        for (user, kind, period), spend in spend_of(events).periods.items()
        for percent in THRESHOLDS
        if spend * 100 >= percent * limits[kind]
    }


@pytest.mark.timeout(SECONDS_MAX)
async def test_each_alert_exists_once_whatever_dies(
    stage: Stage, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    rng = random.Random(33)
    events = stream(rng)
    expected = expected_alerts(events)
    await change(
        stage.database_url,
        "alice",
        daily_limit=(True, 10 * USD),
        monthly_limit=(True, 100 * USD),
        thresholds=(Decimal(50),),
    )
    await stage.send(
        Sent(sent.value, partition=place % 4) for place, sent in enumerate(map(Sent.of, events))
    )
    workers = [
        WorkerProcess(stage, tmp_path / str(number), batch_max=BATCH_MAX)
        for number in range(WORKERS)
    ]
    kills = await _run_and_kill(stage, workers, rng)
    found = [key for key, _ in await alert_rows(stage.database_url)]
    totals = await read_totals(stage.database_url)
    wanted = expect(events).totals
    record_fault(
        f"{WORKERS} workers killed {kills} times, alerts, {stage.broker}",
        sent=wanted.events,
        counted=totals.events,
        difference=difference_nano(wanted, totals),
        alerts=AlertFigures.of(expected, found),
    )
    await _check_topic(stage)
    await assert_verified(stage.database_url)


async def _run_and_kill(stage: Stage, workers: list[WorkerProcess], rng: random.Random) -> int:
    """Kill a worker every two seconds until all is counted; returns how many times."""
    kills = 0
    try:
        for worker in workers:
            worker.directory.mkdir()
            worker.start()
        while await stage.counted() < EVENTS:
            await asyncio.sleep(KILL_SECONDS)
            victim = rng.choice(workers)
            victim.kill()
            victim.start()
            kills += 1
        await until(lambda: _is_sent(stage))
    finally:
        for worker in workers:
            worker.abandon()
    return kills


async def _is_sent(stage: Stage) -> bool:
    return not await fetch(stage.database_url, "SELECT FROM outbox")


async def _check_topic(stage: Stage) -> None:
    """The topic holds every alert that is not late, under its own id, and nothing else."""
    rows = await fetch(
        stage.database_url, "SELECT alert_id::text FROM budget_alerts WHERE NOT late"
    )
    told = {row[0] for row in rows}
    records = await stage.read_all(BUDGET_ALERTS.name)
    events = [json.loads(record.value) for record in records]
    assert {event["id"] for event in events} == told
    for event in events:
        data = event["data"]
        assert event["id"] == data["alertId"]
        assert (
            data["eventTime"] <= data["triggeredAt"] <= data["committedAt"] <= data["publishedAt"]
        )
