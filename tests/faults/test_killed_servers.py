"""PostgreSQL is killed, and Apache Kafka too, while a worker counts: nothing is lost or doubled."""

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
from tests.support.streaming import Stage
from tests.support.streams_of_calls import stream_of_calls
from tests.support.totals import read_totals
from tests.support.worker_process import WorkerProcess

KILLS = 3
SECONDS_MAX = 240


async def _check(stage: Stage, events: list[Plain], what: str, record_fault: FaultRecorder) -> None:
    """Compare every total with an independent computation, and report the figures."""
    expected = expect(events).totals
    totals = await read_totals(stage.database_url)
    record_fault(
        f"{what} killed {KILLS} times",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
    )
    assert totals == expected
    assert await codes(stage.database_url) == []
    await assert_verified(stage.database_url)


async def _reads(stage: Stage) -> bool:
    return any(await stage.holders())


@pytest.mark.timeout(SECONDS_MAX)
async def test_postgresql_is_killed_in_mid_stream(
    request: pytest.FixtureRequest, bootstrap: str, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    events = stream_of_calls(120, 40, seed=31)
    async with EmbeddedPostgres(tmp_path / "data") as postgres:
        await migrate(postgres.url)
        stage = Stage(bootstrap, "apache" in request.node.callspec.id, postgres.url)
        await stage.reset_topics()
        worker = WorkerProcess(stage, tmp_path)
        worker.start()
        try:
            for number in range(KILLS):
                share = events[number::KILLS]
                before = await stage.counted()
                await stage.send(share)
                await stage.until_more_than(before)
                await postgres.kill()
                await postgres.start()
            await stage.until_counted(len(events))
            await worker.stop()
        finally:
            worker.abandon()
        await _check(stage, events, f"PostgreSQL beside {stage.broker}", record_fault)


@pytest.mark.apache
@pytest.mark.timeout(SECONDS_MAX)
async def test_apache_kafka_is_killed_in_mid_stream(
    apache_kafka: ApacheKafka, database_url: str, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """Another broker than the session's, which only says whether there can be one."""
    events = stream_of_calls(120, 40, seed=32)
    async with ApacheKafka(tmp_path / "kafka", jars=KAFKA_JARS, short_lived=True) as kafka:
        stage = Stage(kafka.bootstrap, True, database_url)
        await stage.reset_topics()
        worker = WorkerProcess(stage, tmp_path)
        worker.start()
        try:
            for number in range(KILLS):
                before = await stage.counted()
                await stage.send(events[number::KILLS])
                await stage.until_more_than(before)
                await kafka.kill()
                await asyncio.sleep(0.5)
                await kafka.start()
            await stage.until_counted(len(events))
            await worker.stop()
            worker.start()
            await until(lambda: _reads(stage), 30)
            await kafka.kill()
            await worker.stop()
        finally:
            worker.abandon()
        await _check(stage, events, "Apache Kafka", record_fault)
