"""A log is rotated in every way, and its follower is killed: every event counts once."""

import asyncio
import random
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.command import COMMAND, environment
from tests.support.expected import expect
from tests.support.fault_table import FaultRecorder, difference_nano
from tests.support.product_processes import Product
from tests.support.recording import assert_verified, codes, until
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals
from tests.support.written_logs import MAPPING, LogWriter, is_read, line_of, logged_events

CALLS = 160
ROTATIONS = 16
SECONDS_MAX = 240


class Followed:
    """`cost-analytics follow` on a log, which a test can kill."""

    def __init__(self, product: Product, directory: Path) -> None:
        self.log = directory / "bot.log"
        self.state = directory / ".bot.log.follow.json"
        self.kills = 0
        self._directory = directory
        self._values = {
            "INTAKE_URL": product.url,
            "INTAKE_TOKEN": product.token("bot", "service"),
            "LOG_FORMAT": "text",
        }
        (directory / "bot.toml").write_text(MAPPING)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        words = ["follow", str(self.log), "--map", "bot.toml", "--from-start", *options]
        self._started = time.time()
        with (self._directory / "follow.log").open("ab") as output:
            self._process = subprocess.Popen(
                [*COMMAND, *words],
                cwd=self._directory,
                env=environment(self._values),
                stdout=output,
                stderr=output,
            )

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        assert self._process.poll() is None, self.output()
        return self._process

    def kill(self) -> None:
        self.running.kill()
        self.running.wait(60)
        self.kills += 1

    async def stop(self) -> None:
        """End it in order, once it has begun."""
        process = self.running

        async def has_begun() -> bool:
            return self.state.stat().st_mtime > self._started

        await until(has_begun, 30)
        process.terminate()
        assert await asyncio.to_thread(process.wait, 60) == 0, self.output()

    def has_read_all(self) -> bool:
        return is_read(self.state, self.log)

    def output(self) -> str:
        return (self._directory / "follow.log").read_text()[-4000:]

    def refused(self) -> bool:
        return (self._directory / f"{self.state.name}.refused.jsonl").exists()


async def _write(followed: Followed, lines: list[str]) -> None:
    """Write all lines, with rotations of all kinds between them."""
    writer = LogWriter(followed.log, followed.has_read_all)
    part = len(lines) // ROTATIONS
    for number, line in enumerate(lines):
        await asyncio.to_thread(writer.write, line, in_halves=number % 100 == 50)
        if number % part == part - 1:
            await asyncio.to_thread(writer.rotate, number // part)
        await asyncio.sleep(0.005)
    writer.close()


async def _kill_until_done(followed: Followed, writing: "asyncio.Task[None]") -> None:
    chance = random.Random(7)
    while not writing.done():
        await asyncio.wait({writing}, timeout=chance.uniform(0.8, 2.5))
        followed.kill()
        if chance.random() < 0.5:
            await asyncio.sleep(0.5)
        followed.start()


@pytest.mark.timeout(SECONDS_MAX)
async def test_rotated_log_and_killed_follower_lose_nothing(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    events = logged_events(CALLS, start)
    expected = expect(events).totals
    product = Product(pipeline, tmp_path)
    try:
        product.start("worker")
        product.start("api")
        await product.until_ready()
        followed = Followed(product, tmp_path)
        followed.log.touch()
        followed.start()
        writing = asyncio.create_task(_write(followed, [line_of(one) for one in events]))
        await _kill_until_done(followed, writing)
        await writing

        async def all_counted() -> bool:
            return (await read_totals(pipeline.database_url)).events >= expected.events

        with suppress(TimeoutError):  # what is missing is in the figures
            await until(all_counted, 40)
        await followed.stop()
        totals = await read_totals(pipeline.database_url)
        record_fault(
            f"log rotated {ROTATIONS} times in 4 ways, follower killed {followed.kills} times, "
            f"{pipeline.broker}",
            sent=expected.events,
            counted=totals.events,
            difference=difference_nano(expected, totals),
        )
        assert totals == expected, followed.output()
        assert not followed.refused()
        assert await codes(pipeline.database_url) == []
        await assert_verified(pipeline.database_url)
    finally:
        product.close()
