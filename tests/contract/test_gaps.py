"""What Kafka loses before it is counted is a gap, and what it still has is counted.

Each case prints what was sent and counted. The embedded broker cannot delete records.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support import parts
from tests.support.command import run_command
from tests.support.events import Plain, cost
from tests.support.recording import fetch, until
from tests.support.streaming import PARTITIONS, Stage
from tests.support.topic_logs import (
    PARTITION,
    copy_partition,
    delete_records,
    in_partition,
    recording_blocked,
    recreate_topic,
)
from tests.support.totals import read_totals

ON_APACHE = pytest.mark.parametrize(
    "bootstrap", [pytest.param("apache", id="apache", marks=pytest.mark.apache)], indirect=True
)
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def costs(count: int) -> list[Plain]:
    return [cost(time=NOW) for _ in range(count)]


async def until_events(stage: Stage, count: int) -> None:
    async def counted() -> bool:
        return (await read_totals(stage.database_url)).events >= count

    await until(counted, 60)


async def gaps(stage: Stage) -> list[tuple[int, int, int | None, str]]:
    query = (
        'SELECT "partition", from_offset, to_offset, reason FROM stream_gaps '
        "WHERE closed_at IS NULL ORDER BY 1, 2"
    )
    return [tuple(row) for row in await fetch(stage.database_url, query)]


async def run(stage: Stage, directory: Path, *words: str) -> CompletedProcess[str]:
    values = {
        "DATABASE_URL": stage.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": stage.bootstrap,
        "KAFKA_IDEMPOTENT": str(stage.idempotent).lower(),
    }
    return await asyncio.to_thread(run_command, *words, values=values, cwd=directory)


async def report(stage: Stage, case: str, sent: int, lost: int) -> None:
    """Print the figures of a case; everything that is not in the gap has to be counted."""
    counted = (await read_totals(stage.database_url)).events
    parts.figures.append(
        f"{case} on {stage.broker}: sent {sent}, counted {counted}, in gaps {lost}, "
        f"difference {sent - counted - lost}"
    )
    assert sent - counted - lost == 0


@ON_APACHE
async def test_records_removed_while_no_worker_runs_are_a_gap_until_they_are_sent_again(
    stage: Stage, tmp_path: Path
) -> None:
    async with stage.worker() as worker:
        await stage.send(in_partition(costs(100)))
        await stage.until_counted(100, worker)
    await stage.send(in_partition(costs(500)))
    (tmp_path / "copy").write_text("\n".join(await copy_partition(stage, 600)))
    await delete_records(stage, 400)
    async with stage.worker(), stage.worker():
        await until_events(stage, 300)
        assert await gaps(stage) == [(PARTITION, 100, 400, "records_removed")]
        await report(stage, "records removed while no worker runs", 600, 300)
        verified = await run(stage, tmp_path, "verify")
        assert verified.returncode == 1
        assert "offsets 100 to 399, 300 records" in verified.stdout
        assert "cost-analytics gaps close" in verified.stdout
        [(gap_id,)] = await fetch(stage.database_url, "SELECT gap_id FROM stream_gaps")
        sent = await run(stage, tmp_path, "gaps", "resend", str(gap_id), "copy")
        assert sent.stdout.startswith("Sent 300 records"), sent.stderr
        await until_events(stage, 600)
    assert await gaps(stage) == []
    assert (await run(stage, tmp_path, "verify")).returncode == 0


@ON_APACHE
async def test_records_removed_while_a_worker_runs_are_a_gap(stage: Stage) -> None:
    async with stage.worker(lanes=1, batch_max=100) as worker:
        await stage.send(in_partition(costs(100)))
        await stage.until_counted(100, worker)
        async with recording_blocked(stage):
            for _ in range(3):
                await stage.send(in_partition(costs(10_000)))
            await delete_records(stage, 29_000)
        await stage.until_counted(30_100, worker)
    [(partition, first, end, reason)] = await gaps(stage)
    assert (partition, end, reason) == (PARTITION, 29_000, "records_removed")
    await report(stage, "records removed while a worker runs", 30_100, 29_000 - first)


async def test_a_topic_created_again_while_no_worker_runs_is_counted_from_its_start(
    stage: Stage, tmp_path: Path
) -> None:
    async with stage.worker() as worker:
        await stage.send(in_partition(costs(100)))
        await stage.until_counted(100, worker)
    await stage.send(in_partition(costs(50)))
    await recreate_topic(stage)
    await stage.send(in_partition(costs(300)))
    async with stage.worker():
        await until_events(stage, 400)
    await report(stage, "topic created again while no worker runs", 450, 50)
    found = await gaps(stage)
    assert (PARTITION, 100, None, "topic_recreated") in found
    assert len(found) == PARTITIONS
    ids = [str(row[0]) for row in await fetch(stage.database_url, "SELECT gap_id FROM stream_gaps")]
    assert (await run(stage, tmp_path, "gaps", "close", ids[0], "--reason", " ")).returncode != 0
    closed = await run(
        stage, tmp_path, "gaps", "close", *ids, "--reason", "seen", "--set-by", "eve"
    )
    assert closed.returncode == 0, closed.stderr
    assert "by eve: seen" in (await run(stage, tmp_path, "gaps", "list", "--all")).stdout
    assert (await run(stage, tmp_path, "verify")).returncode == 0


async def test_a_topic_created_again_under_a_worker_is_counted_from_its_start(stage: Stage) -> None:
    async with stage.worker() as worker:
        await stage.send(in_partition(costs(100)))
        await stage.until_counted(100, worker)
        await recreate_topic(stage)
        await stage.send(in_partition(costs(300)))
        await until_events(stage, 400)
    await report(stage, "topic created again under a worker", 400, 0)
    found = await gaps(stage)
    assert [gap[0] for gap in found] == list(range(PARTITIONS))
    assert {gap[2:] for gap in found} == {(None, "topic_recreated")}


async def test_restarts_report_no_gap(stage: Stage) -> None:
    """The embedded broker reports wrong ends of its log."""
    for number in range(1, 4):
        async with stage.worker() as worker:
            await stage.send(in_partition(costs(11)))
            await stage.until_counted(11 * number, worker)
    query = "SELECT sum(generation)::int FROM stream_offsets"
    assert (await fetch(stage.database_url, query))[0][0] == 0
    assert await gaps(stage) == []
