"""PostgreSQL and Apache Kafka are killed while a worker counts: nothing is lost or doubled."""

import asyncio
from pathlib import Path

import pytest

from devkit.embedded.apache_kafka import ApacheKafka
from devkit.embedded.postgres import EmbeddedPostgres
from ledger.postgres.migrate import migrate
from tests.conftest import KAFKA_JARS
from tests.support.events import Plain
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.recording import assert_verified, codes, until
from tests.support.streaming import Pipeline
from tests.support.streams_of_calls import stream_of_calls
from tests.support.totals import read_totals
from tests.support.worker_process import WorkerProcess

KILLS = 3
SECONDS_MAX = 240


async def assert_counted(
    pipeline: Pipeline, events: list[Plain], what: str, record_fault: FaultRecorder
) -> None:
    """Compare every total with an independent computation, and record the figures."""
    expected = expect(events).totals
    totals = await read_totals(pipeline.database_url)
    record_fault(
        f"{what} killed {KILLS} times",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
    )
    assert totals == expected
    assert await codes(pipeline.database_url) == []
    await assert_verified(pipeline.database_url)


async def _reads(pipeline: Pipeline) -> bool:
    return any(await pipeline.holders())


@pytest.mark.timeout(SECONDS_MAX)
async def test_killed_postgresql_loses_and_doubles_nothing(
    request: pytest.FixtureRequest, bootstrap: str, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    events = stream_of_calls(120, 40, seed=31)
    async with EmbeddedPostgres(tmp_path / "data") as postgres:
        await migrate(postgres.url)
        pipeline = Pipeline(bootstrap, "apache" in request.node.callspec.id, postgres.url)
        await pipeline.reset_topics()
        worker = WorkerProcess(pipeline, tmp_path)
        worker.start()
        try:
            for number in range(KILLS):
                share = events[number::KILLS]
                before = await pipeline.counted()
                await pipeline.send(share)
                await pipeline.until_more_than(before)
                await postgres.kill()
                await postgres.start()
            await pipeline.until_counted(len(events))
            await worker.stop()
        finally:
            worker.abandon()
        await assert_counted(pipeline, events, f"PostgreSQL beside {pipeline.broker}", record_fault)


@pytest.mark.apache
@pytest.mark.timeout(SECONDS_MAX)
async def test_killed_apache_kafka_loses_and_doubles_nothing(
    apache_kafka: ApacheKafka, database_url: str, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """The test kills its own broker; the shared one shows only that the machine has Kafka."""
    events = stream_of_calls(120, 40, seed=32)
    async with ApacheKafka(tmp_path / "kafka", jars=KAFKA_JARS, short_lived=True) as kafka:
        pipeline = Pipeline(kafka.bootstrap, True, database_url)
        await pipeline.reset_topics()
        worker = WorkerProcess(pipeline, tmp_path)
        worker.start()
        try:
            for number in range(KILLS):
                before = await pipeline.counted()
                await pipeline.send(events[number::KILLS])
                await pipeline.until_more_than(before)
                await kafka.kill()
                await asyncio.sleep(0.5)
                await kafka.start()
            await pipeline.until_counted(len(events))
            await worker.stop()
            worker.start()
            await until(lambda: _reads(pipeline), 30)
            await kafka.kill()
            await worker.stop()
        finally:
            worker.abandon()
        await assert_counted(pipeline, events, "Apache Kafka", record_fault)
