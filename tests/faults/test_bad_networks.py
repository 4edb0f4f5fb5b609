"""Networks with delays, stalls, cuts and lost answers: every event and alert counts once."""

import asyncio
import random
import re
from pathlib import Path

import pytest

from devkit.embedded.ports import choose_port
from devkit.embedded.tansu import EmbeddedTansu
from ledger.postgres.logins import login_name
from tests.support.fault_load import FaultLoad
from tests.support.fault_table import FaultRecorder
from tests.support.links import Fate, Link, linked, opened_link
from tests.support.logins import as_login
from tests.support.recording import fetch
from tests.support.streaming import Pipeline
from tests.support.worker_process import WorkerProcess

DELAYS_MS = (0, 5, 20, 60)
STALL_SECONDS = 4
STALLS = 3
CUTS = 3
COMMITS_LOST = 12
EVERY_NTH_COMMIT = 3
_COMMIT = re.compile(rb"(?<!ON )COMMIT")

pytestmark = pytest.mark.timeout(240)


async def disturb(links: list[Link]) -> None:
    """Stall each link a few times, then cut each a few times."""
    for _ in range(STALLS):
        for link in links:
            link.is_flowing.clear()
            await asyncio.sleep(STALL_SECONDS)
            link.is_flowing.set()
    for _ in range(CUTS):
        for link in links:
            link.cut()
            await asyncio.sleep(1)
            link.refuses = False
            await asyncio.sleep(1)


async def test_delayed_networks_lose_and_double_nothing(
    database_url: str, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """The links of worker and emitters to the broker, and of the worker to PostgreSQL, are bad."""
    rng = random.Random(7)
    broker_port = choose_port()

    def delay_seconds() -> float:
        return rng.choice(DELAYS_MS) / 1000

    to_broker = Link("127.0.0.1", broker_port, delay_seconds=delay_seconds)
    async with (
        linked(as_login(database_url, "worker")) as (to_database, worker_url),
        opened_link(to_broker) as port,
        EmbeddedTansu(tmp_path, broker_port, f"127.0.0.1:{port}"),
    ):
        to_database.delay_seconds = delay_seconds
        pipeline = Pipeline(f"127.0.0.1:{port}", False, database_url)
        await pipeline.reset_topics()
        load = FaultLoad(pipeline)
        await load.set_limits()
        worker = WorkerProcess(pipeline, tmp_path, database_url=worker_url)
        worker.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(load.send(seconds=30))
                tasks.create_task(disturb([to_broker, to_database]))
            await load.assert_all_counted(
                f"networks delayed by {DELAYS_MS[-1]} ms, stalled {STALLS}, cut {CUTS} times",
                record_fault,
            )
            await worker.stop()
        finally:
            worker.abandon()


@pytest.mark.parametrize("fate", ["request lost", "answer lost"])
async def test_commit_without_an_answer_counts_once(
    fate: Fate, pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """The worker cannot know whether its COMMIT succeeded."""
    commits, lost = 0, 0

    def fate_of(data: bytes) -> Fate:
        nonlocal commits, lost
        if not _COMMIT.search(data) or lost >= COMMITS_LOST:
            return "delivered"
        commits += 1
        if commits % EVERY_NTH_COMMIT:
            return "delivered"
        lost += 1
        return fate

    async with linked(as_login(pipeline.database_url, "worker")) as (link, worker_url):
        link.fate_of = fate_of
        await _count_while(pipeline, tmp_path, worker_url, record_fault, f"COMMIT: {fate}")
    assert lost == COMMITS_LOST


async def test_backend_terminated_during_commit_counts_once(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """PostgreSQL terminates the worker's sessions while their COMMITs arrive."""
    commits, ended = 0, 0
    endings = set[asyncio.Task[None]]()
    rng = random.Random(5)

    async def end_backends() -> None:
        nonlocal ended
        await asyncio.sleep(rng.random() / 1000)
        # After the last one the worker may still be connecting.
        while not await fetch(
            pipeline.database_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = $1",
            login_name("worker"),
        ):
            await asyncio.sleep(0.01)
        ended += 1

    def fate_of(data: bytes) -> Fate:
        nonlocal commits
        if _COMMIT.search(data):
            commits += 1
            if not commits % EVERY_NTH_COMMIT and len(endings) < COMMITS_LOST:
                endings.add(asyncio.create_task(end_backends()))
        return "delivered"

    async with linked(as_login(pipeline.database_url, "worker")) as (link, worker_url):
        link.fate_of = fate_of
        await _count_while(pipeline, tmp_path, worker_url, record_fault, "backends ended in COMMIT")
        await asyncio.gather(*endings)
    assert ended == COMMITS_LOST


async def _count_while(
    pipeline: Pipeline, directory: Path, worker_url: str, record_fault: FaultRecorder, what: str
) -> None:
    load = FaultLoad(pipeline)
    await load.set_limits()
    worker = WorkerProcess(pipeline, directory, batch_max=50, database_url=worker_url)
    worker.start()
    try:
        await load.send(seconds=10)
        await load.assert_all_counted(
            f"{what} {COMMITS_LOST} times, {pipeline.broker}", record_fault
        )
        await worker.stop()
    finally:
        worker.abandon()
