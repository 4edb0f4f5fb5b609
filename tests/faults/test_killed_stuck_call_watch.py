"""Processes that are killed while they find stuck calls: each call is found and closed once."""

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.topics import ANOMALIES
from tests.support.events import Plain, cost, started
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch, until
from tests.support.streaming import Pipeline
from tests.support.stuck_calls import check_calls, detector
from tests.support.totals import read_totals
from tests.support.worker_process import WorkerProcess

SILENT, ENDLESS, TALKING = 25, 25, 10
STEPS = {
    "before the anomalies": "ledger.stuck_calls.detection.write_findings",
    "between a closing and its totals": "ledger.recording.ledger.move",
    "between anomalies and requests": "ledger.stuck_calls.detection.request_cutoff",
    "after a commit": "ledger.stuck_calls.rows.read_activities",
}
SECONDS_MAX = 240


def turn(call: str, user: str, at: datetime) -> Plain:
    fields = {"service": "cerebras", "operation": "inference", "model": "llama3.1-8b"}
    return cost(call, user, time=at, **fields, usage=100, unit="tokens")


def sample_calls(now: datetime, silent_seconds: int) -> list[Plain]:
    """Return silent calls, calls without further events, and calls that go on, all begun now."""
    events: list[Plain] = []
    for number in range(SILENT + ENDLESS + TALKING):
        name, user = f"call-{number:02}", f"user-{number % 7}"
        events += [started(name, user, time=now), turn(name, user, now)]
        if number < SILENT + TALKING:
            moments = (now + timedelta(seconds=at) for at in range(1, 3 * silent_seconds))
            events += [cost(name, user, time=at) for at in moments]
        if SILENT <= number < SILENT + TALKING:
            moments = (now + timedelta(seconds=at) for at in range(1, 560, 2))
            events += [turn(name, user, at) for at in moments]
    return events


def closed_calls(events: list[Plain]) -> dict[str, int]:
    """Return the number of events of each call that is abandoned in the end."""
    names = [event["data"]["callId"] for event in events]
    talking = {f"call-{number:02}" for number in range(SILENT, SILENT + TALKING)}
    return {name: names.count(name) for name in set(names) - talking}


async def kinds(database_url: str) -> dict[str, int]:
    query = "SELECT kind, count(*) FROM cost_anomalies GROUP BY kind"
    return {row[0]: row[1] for row in await fetch(database_url, query)}


@pytest.mark.parametrize("name", STEPS)
async def test_killed_detection_finds_and_closes_each_call_once(
    database_url: str, name: str, record_fault: FaultRecorder
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    events = sample_calls(now, 120)
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
    codes = []
    for later in (timedelta(seconds=200), timedelta(hours=4, seconds=400)):
        words = ["-m", "tests.support.killed_stuck_calls", database_url, STEPS[name]]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, (now + later).isoformat()
        )
        codes.append(await process.wait())
        await assert_verified(database_url)
        watches = [detector(ends_calls=True) for _ in range(3)]
        await asyncio.gather(*(check_calls(database_url, now + later, one) for one in watches))
    assert signal.SIGKILL in [-code for code in codes]
    found = await kinds(database_url)
    assert found == {"silent_call": SILENT, "abandoned_call": SILENT + ENDLESS}
    sent = await fetch(database_url, "SELECT count(*), count(DISTINCT id) FROM outbox")
    cutoffs = await fetch(database_url, "SELECT count(*) FROM call_cutoffs")
    assert (cutoffs[0][0], *sent[0]) == (50, 125, 125)
    await assert_verified(database_url)
    totals = await read_totals(database_url)
    expected = expect(events, closed=closed_calls(events)).totals
    record_fault(
        f"detection of stuck calls killed {name}",
        sent=2 * SILENT + ENDLESS,
        counted=sum(found.values()),
        difference=difference_nano(expected, totals),
    )
    assert totals == expected


@pytest.mark.timeout(SECONDS_MAX)
async def test_killed_workers_find_and_close_each_call_once(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """Workers are killed when the first calls are found, and when the first are closed."""
    settings = {
        "SILENT_CALL_SECONDS": "8",
        "CALL_LIFETIME_MAX_SECONDS": "25",
        "STUCK_CALL_CUTOFF": "true",
    }
    workers = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        workers.append(WorkerProcess(pipeline, tmp_path / str(number), settings=settings))
    try:
        for worker in workers:
            worker.start()
        events = sample_calls(datetime.now(UTC).replace(microsecond=0), 8)
        await pipeline.send(events)
        for number, kind in enumerate(("silent_call", "abandoned_call")):
            await until(lambda kind=kind: _has(pipeline.database_url, kind), 90)  # type: ignore[misc]
            workers[number].kill()
            workers[number].start()
        await until(lambda: _is_complete(pipeline.database_url), 120)
        await pipeline.until_counted(len(events))
        await until(lambda: _is_published(pipeline.database_url), 60)
    finally:
        for worker in workers:
            worker.abandon()
    found = await kinds(pipeline.database_url)
    assert found == {"silent_call": SILENT, "abandoned_call": SILENT + ENDLESS}
    published = [json.loads(record.value) for record in await pipeline.read_all(ANOMALIES.name)]
    stored = await fetch(pipeline.database_url, "SELECT anomaly_id::text FROM cost_anomalies")
    assert {one["id"] for one in published} == {row[0] for row in stored}
    await assert_verified(pipeline.database_url)
    totals = await read_totals(pipeline.database_url)
    expected = expect(events, closed=closed_calls(events)).totals
    record_fault(
        f"workers killed while they find stuck calls, {pipeline.broker}",
        sent=2 * SILENT + ENDLESS,
        counted=sum(found.values()),
        difference=difference_nano(expected, totals),
    )
    assert totals == expected


async def _has(database_url: str, kind: str) -> bool:
    return bool((await kinds(database_url)).get(kind))


async def _is_published(database_url: str) -> bool:
    return not await fetch(database_url, "SELECT FROM outbox LIMIT 1")


async def _is_complete(database_url: str) -> bool:
    return (await kinds(database_url)).get("abandoned_call") == SILENT + ENDLESS
