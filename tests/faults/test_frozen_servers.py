"""Every process ends within 10 seconds of SIGTERM, whatever else is frozen."""

import asyncio
import signal
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from devkit.embedded.ports import choose_port
from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.tansu import EmbeddedTansu
from ledger.postgres.database import connected
from tests.support import parts
from tests.support.dev_instance import dev
from tests.support.events import cost
from tests.support.fault_load import FaultLoad
from tests.support.fault_table import FaultRecorder
from tests.support.logins import create_test_logins
from tests.support.product_processes import Product
from tests.support.streaming import Pipeline
from tests.support.worker_process import WorkerProcess

STOP_SECONDS = 10
FREEZES = 2
FROZEN_SECONDS = 8
COMMANDS = ("worker", "api", "notices")

pytestmark = pytest.mark.timeout(240)


def signal_family(pid: int, number: signal.Signals) -> None:
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # a backend may end as soon as its server continues
            process.send_signal(number)


def stop_seconds(process: subprocess.Popen[bytes]) -> float:
    """Stop a process; returns the seconds, and fails unless it exits with 0."""
    began = time.monotonic()
    process.terminate()
    code = process.wait(120)
    assert code == 0
    return time.monotonic() - began


async def make_database(postgres: EmbeddedPostgres) -> str:
    """Create a database for the logins of all processes."""
    async with connected(postgres.admin_url, name="tests") as connection:
        await connection.execute("CREATE DATABASE test_frozen")
    url = postgres.url_of("test_frozen")
    await create_test_logins(url)
    return url


@pytest.mark.alone
@pytest.mark.parametrize("frozen", ["PostgreSQL", "the broker", "both"])
async def test_every_process_stops_within_ten_seconds(frozen: str, tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "data") as postgres, EmbeddedTansu(tmp_path) as broker:
        database_url = await make_database(postgres)
        pipeline = Pipeline(broker.bootstrap, False, database_url)
        await pipeline.reset_topics()
        product = Product(pipeline, tmp_path)
        for name in COMMANDS:
            product.start(name)
        pids = [
            *([postgres.process.pid] if frozen != "the broker" else []),
            *([broker.process.pid] if frozen != "PostgreSQL" else []),
        ]
        try:
            await product.until_ready()
            await pipeline.send([cost("call-1", "alice", time=datetime.now(UTC))])
            await pipeline.until_counted(1)
            for pid in pids:
                signal_family(pid, signal.SIGSTOP)
            await asyncio.sleep(2)  # until each waits for a frozen server
            took = await asyncio.gather(
                *(asyncio.to_thread(stop_seconds, product.process(name)) for name in COMMANDS)
            )
        finally:
            for pid in pids:
                signal_family(pid, signal.SIGCONT)
            product.close()
    figures = ", ".join(f"{name} {s:.1f} s" for name, s in zip(COMMANDS, took, strict=True))
    parts.figures.append(f"SIGTERM while {frozen} is frozen: {figures}")
    assert max(took) < STOP_SECONDS, figures


@pytest.mark.parametrize("frozen", ["PostgreSQL", "the broker"])
async def test_frozen_server_loses_and_doubles_nothing(
    frozen: str, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    async with EmbeddedPostgres(tmp_path / "data") as postgres, EmbeddedTansu(tmp_path) as broker:
        pipeline = Pipeline(broker.bootstrap, False, await make_database(postgres))
        await pipeline.reset_topics()
        load = FaultLoad(pipeline)
        await load.set_limits()
        worker = WorkerProcess(pipeline, tmp_path)
        worker.start()
        pid = postgres.process.pid if frozen == "PostgreSQL" else broker.process.pid
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(load.send(seconds=10))
                for _ in range(FREEZES):
                    before = await load.recorded()
                    await load.until_recorded((before + 1) / load.different)
                    signal_family(pid, signal.SIGSTOP)
                    await asyncio.sleep(FROZEN_SECONDS)
                    signal_family(pid, signal.SIGCONT)
            await load.assert_all_counted(
                f"{frozen} frozen {FREEZES} times {FROZEN_SECONDS} s", record_fault
            )
            await worker.stop()
        finally:
            signal_family(pid, signal.SIGCONT)
            worker.abandon()


@pytest.mark.alone
@pytest.mark.slow
def test_dev_stops_within_the_limit_with_frozen_servers(tmp_path: Path) -> None:
    with dev(tmp_path, PORT=str(choose_port())) as running:
        running.curl()
        children = psutil.Process(running.process.pid).children(recursive=True)
        servers = [
            child for child in children if Path(child.exe()).name.startswith(("postgres", "tansu"))
        ]
        assert len(servers) > 2
        for child in servers:
            child.send_signal(signal.SIGSTOP)
        time.sleep(2)
        try:
            took = stop_seconds(running.process)
        finally:
            for child in servers:  # frozen backends survive their server
                with suppress(psutil.NoSuchProcess):
                    child.send_signal(signal.SIGCONT)
    parts.figures.append(f"SIGTERM to dev with its servers frozen: {took:.1f} s")
    assert took < STOP_SECONDS
