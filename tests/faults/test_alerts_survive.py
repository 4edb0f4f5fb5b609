"""Three workers share a user and are killed every two seconds: each alert exists once.

The events are in all partitions, so that several workers move the same budget at the same time.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from schemas.topics import BUDGET_ALERTS
from tests.support.fault_load import FaultLoad
from tests.support.fault_table import FaultRecorder
from tests.support.killed_workers import run_and_kill
from tests.support.recording import fetch
from tests.support.streaming import Pipeline
from tests.support.worker_process import WorkerProcess

EVENTS = 10_000
WORKERS = 3
KILL_SECONDS = 2
BATCH_MAX = 200
SECONDS_MAX = 240
CLOCK_ERROR_MAX = timedelta(seconds=0.5)
"""A worker knows PostgreSQL's time to half of the second that an answer may take."""


@pytest.mark.timeout(SECONDS_MAX)
async def test_each_alert_exists_once_despite_killed_workers(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    load = FaultLoad(pipeline, EVENTS)
    await load.set_limits()
    await load.send()
    workers = [
        WorkerProcess(pipeline, tmp_path / str(number), batch_max=BATCH_MAX)
        for number in range(WORKERS)
    ]
    kills = await run_and_kill(load, workers, KILL_SECONDS, seed=33)
    await load.assert_all_counted(
        f"{WORKERS} workers killed {kills} times, alerts, {pipeline.broker}", record_fault
    )
    await _check_topic(pipeline)


async def _check_topic(pipeline: Pipeline) -> None:
    """Assert that the topic has every alert that is not late, under its own id, and no other."""
    rows = await fetch(
        pipeline.database_url, "SELECT alert_id::text FROM budget_alerts WHERE NOT late"
    )
    alert_ids = {row[0] for row in rows}
    records = await pipeline.read_all(BUDGET_ALERTS.name)
    events = [json.loads(record.value) for record in records]
    assert {event["id"] for event in events} == alert_ids
    for event in events:
        data = event["data"]
        assert event["id"] == data["alertId"]
        event_time, triggered, committed, published = (
            datetime.fromisoformat(data[name])
            for name in ("eventTime", "triggeredAt", "committedAt", "publishedAt")
        )
        assert committed <= published
        assert event_time <= triggered + CLOCK_ERROR_MAX
        assert triggered <= committed + CLOCK_ERROR_MAX
