"""Records that Kafka loses before they are counted are a gap; all others are counted.

Each case prints its figures. The embedded broker cannot delete records.
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
from tests.support.streaming import PARTITIONS, Pipeline
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


async def until_events(pipeline: Pipeline, count: int) -> None:
    async def counted() -> bool:
        return (await read_totals(pipeline.database_url)).events >= count

    await until(counted, 60)


async def gaps(pipeline: Pipeline) -> list[tuple[int, int, int | None, str]]:
    query = (
        'SELECT "partition", from_offset, to_offset, reason FROM stream_gaps '
        "WHERE closed_at IS NULL ORDER BY 1, 2"
    )
    return [tuple(row) for row in await fetch(pipeline.database_url, query)]


async def run(pipeline: Pipeline, directory: Path, *words: str) -> CompletedProcess[str]:
    values = {
        "DATABASE_URL": pipeline.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": pipeline.bootstrap,
        "KAFKA_IDEMPOTENT": str(pipeline.idempotent).lower(),
    }
    return await asyncio.to_thread(run_command, *words, values=values, cwd=directory)


async def report(pipeline: Pipeline, case: str, sent: int, lost: int) -> None:
    """Print the figures of a case; all records outside the gap must be counted."""
    counted = (await read_totals(pipeline.database_url)).events
    parts.figures.append(
        f"{case} on {pipeline.broker}: sent {sent}, counted {counted}, in gaps {lost}, "
        f"difference {sent - counted - lost}"
    )
    assert sent - counted - lost == 0


@ON_APACHE
async def test_records_removed_without_a_worker_are_a_gap_until_resent(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    async with pipeline.worker() as worker:
        await pipeline.send(in_partition(costs(100)))
        await pipeline.until_counted(100, worker)
    await pipeline.send(in_partition(costs(500)))
    (tmp_path / "copy").write_text("\n".join(await copy_partition(pipeline, 600)))
    await delete_records(pipeline, 400)
    async with pipeline.worker(), pipeline.worker():
        await until_events(pipeline, 300)
        assert await gaps(pipeline) == [(PARTITION, 100, 400, "records_removed")]
        await report(pipeline, "records removed while no worker runs", 600, 300)
        verified = await run(pipeline, tmp_path, "verify")
        assert verified.returncode == 1
        assert "offsets 100 to 399, 300 records" in verified.stdout
        assert "cost-analytics gaps close" in verified.stdout
        [(gap_id,)] = await fetch(pipeline.database_url, "SELECT gap_id FROM stream_gaps")
        sent = await run(pipeline, tmp_path, "gaps", "resend", str(gap_id), "copy")
        assert sent.stdout.startswith("Sent 300 records"), sent.stderr
        await until_events(pipeline, 600)
    assert await gaps(pipeline) == []
    assert (await run(pipeline, tmp_path, "verify")).returncode == 0


@ON_APACHE
async def test_records_removed_under_a_worker_are_a_gap(pipeline: Pipeline) -> None:
    async with pipeline.worker(lanes=1, batch_max=100) as worker:
        await pipeline.send(in_partition(costs(100)))
        await pipeline.until_counted(100, worker)
        async with recording_blocked(pipeline):
            for _ in range(3):
                await pipeline.send(in_partition(costs(10_000)))
            await delete_records(pipeline, 29_000)
        await pipeline.until_counted(30_100, worker)
    [(partition, first, end, reason)] = await gaps(pipeline)
    assert (partition, end, reason) == (PARTITION, 29_000, "records_removed")
    await report(pipeline, "records removed while a worker runs", 30_100, 29_000 - first)


async def test_topic_recreated_without_a_worker_is_read_from_its_start(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    async with pipeline.worker() as worker:
        await pipeline.send(in_partition(costs(100)))
        await pipeline.until_counted(100, worker)
    await pipeline.send(in_partition(costs(50)))
    await recreate_topic(pipeline)
    await pipeline.send(in_partition(costs(300)))
    async with pipeline.worker():
        await until_events(pipeline, 400)
    await report(pipeline, "topic created again while no worker runs", 450, 50)
    found = await gaps(pipeline)
    assert (PARTITION, 100, None, "topic_recreated") in found
    assert len(found) == PARTITIONS
    ids = [
        str(row[0]) for row in await fetch(pipeline.database_url, "SELECT gap_id FROM stream_gaps")
    ]
    assert (await run(pipeline, tmp_path, "gaps", "close", ids[0], "--reason", " ")).returncode != 0
    closed = await run(
        pipeline, tmp_path, "gaps", "close", *ids, "--reason", "seen", "--set-by", "eve"
    )
    assert closed.returncode == 0, closed.stderr
    assert "by eve: seen" in (await run(pipeline, tmp_path, "gaps", "list", "--all")).stdout
    assert (await run(pipeline, tmp_path, "verify")).returncode == 0


async def test_topic_recreated_under_a_worker_is_read_from_its_start(pipeline: Pipeline) -> None:
    async with pipeline.worker() as worker:
        await pipeline.send(in_partition(costs(100)))
        await pipeline.until_counted(100, worker)
        await recreate_topic(pipeline)
        await pipeline.send(in_partition(costs(300)))
        await until_events(pipeline, 400)
    await report(pipeline, "topic created again under a worker", 400, 0)
    found = await gaps(pipeline)
    assert [gap[0] for gap in found] == list(range(PARTITIONS))
    assert {gap[2:] for gap in found} == {(None, "topic_recreated")}


async def test_restarts_report_no_gap(pipeline: Pipeline) -> None:
    """The embedded broker reports wrong log ends."""
    for number in range(1, 4):
        async with pipeline.worker() as worker:
            await pipeline.send(in_partition(costs(11)))
            await pipeline.until_counted(11 * number, worker)
    query = "SELECT sum(generation)::int FROM stream_offsets"
    assert (await fetch(pipeline.database_url, query))[0][0] == 0
    assert await gaps(pipeline) == []
