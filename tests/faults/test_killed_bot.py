"""A bot is killed, and the API is down, while the bot reports: every event counts once."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support import parts
from tests.support.emitting_bot import EVENTS_PER_CALL, Recorder, expected_events
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.house import ROOT
from tests.support.product_processes import Product
from tests.support.recording import assert_verified, codes, until
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals

CALLS = 200
KILLS = 3
SECONDS_MAX = 240


class Bot:
    """A process that reports calls; its spool and its log are in a directory."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self._directory = directory
        self._options = {**options, "spool": str(directory / "spool"), "linger_seconds": 0.02}
        self.start_of_calls = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        paths = os.pathsep.join([str(ROOT), str(ROOT / "clients" / "python"), *sys.path])
        arguments = [json.dumps(self._options), str(CALLS), self.start_of_calls.isoformat()]
        with (self._directory / "bot.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.support.emitting_bot",
                    *arguments,
                    str(self.progress),
                ],
                env={"PYTHONPATH": paths},
                cwd=self._directory,
                stdout=log,
                stderr=log,
            )

    @property
    def progress(self) -> Path:
        return self._directory / "progress"

    def reported(self) -> int:
        return self.progress.stat().st_size if self.progress.exists() else 0

    async def until_reported(self, number: int) -> None:
        async def enough() -> bool:
            return self.reported() >= number

        await until(enough, 60)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(60)

    async def finish(self) -> None:
        assert self._process is not None
        status = await asyncio.to_thread(self._process.wait, 120)
        assert status == 0, (self._directory / "bot.log").read_text()[-3000:]


async def assert_counted(
    pipeline: Pipeline, bot: Bot, case: str, record_fault: FaultRecorder
) -> None:
    """Compare every total with an independent computation, and record the figures."""
    expected = expect(expected_events(CALLS, bot.start_of_calls)).totals

    async def all_counted() -> bool:
        return (await read_totals(pipeline.database_url)).events >= expected.events

    with suppress(TimeoutError):  # what is missing is in the figures
        await until(all_counted, 30)
    totals = await read_totals(pipeline.database_url)
    record_fault(
        f"{case}, {pipeline.broker}",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
    )
    assert totals == expected
    assert await codes(pipeline.database_url) == []
    await assert_verified(pipeline.database_url)


async def _report_with_faults(
    pipeline: Pipeline, directory: Path, down_seconds: int
) -> tuple[Bot, Product]:
    """Kill the bot, kill the API, kill the bot without an API, and let both come back."""
    product = Product(pipeline, directory)
    bot = Bot(directory, url=product.url, token=product.token("bot", "service"))
    events = CALLS * EVENTS_PER_CALL
    try:
        product.start("worker")
        product.start("api")
        await product.until_ready()
        for number in range(1, KILLS + 1):
            bot.start()
            await bot.until_reported(events * number // (KILLS + 1))
            if number == 2:
                product.kill("api")
                await asyncio.sleep(down_seconds)
            bot.kill()
        product.start("api")
        await product.until_ready()
        bot.start()
        await bot.finish()
        await pipeline.until_more_than(0)
    except BaseException:
        product.close()
        raise
    return bot, product


@pytest.mark.timeout(SECONDS_MAX)
async def test_killed_bot_and_a_server_that_is_down_lose_nothing(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    bot, product = await _report_with_faults(pipeline, tmp_path, down_seconds=2)
    try:
        case = f"bot killed {KILLS} times, API down"
        await assert_counted(pipeline, bot, case, record_fault)
    finally:
        product.close()


@pytest.mark.long
@pytest.mark.timeout(SECONDS_MAX)
async def test_server_that_is_down_for_a_minute_loses_nothing(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    bot, product = await _report_with_faults(pipeline, tmp_path, down_seconds=60)
    try:
        case = f"bot killed {KILLS} times, API down for a minute"
        await assert_counted(pipeline, bot, case, record_fault)
    finally:
        product.close()


@pytest.mark.timeout(SECONDS_MAX)
async def test_killed_bot_with_a_broker_loses_nothing(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    """The bot sends to Kafka itself; its records have the keys that the documents ask for."""
    if find_spec("confluent_kafka") is None:
        parts.skip_without("confluent-kafka", "it is not installed")
    bot = Bot(tmp_path, kafka={"bootstrap.servers": pipeline.bootstrap})
    async with pipeline.worker():
        for number in range(1, KILLS + 1):
            bot.start()
            await bot.until_reported(CALLS * EVENTS_PER_CALL * number // (KILLS + 1))
            bot.kill()
        bot.start()
        await bot.finish()
        case = f"bot with Kafka killed {KILLS} times"
        await assert_counted(pipeline, bot, case, record_fault)
    records = await pipeline.read_all("cost.call-events.v1")
    keys = {json.loads(record.value)["data"]["userId"]: record.key for record in records}
    assert keys == {f"user-{number}": b"user-%d" % number for number in range(3)}
    assert {json.loads(record.value)["source"] for record in records} == {Recorder.source}
