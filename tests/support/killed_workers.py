"""Kills workers at random while they count a load."""

import asyncio
import random

from tests.support.fault_load import FaultLoad
from tests.support.recording import until
from tests.support.worker_process import WorkerProcess


async def run_and_kill(
    load: FaultLoad, workers: list[WorkerProcess], kill_seconds: float, seed: int
) -> int:
    """Kill a worker at each interval until everything is counted; returns the number of kills."""
    rng, kills = random.Random(seed), 0
    try:
        for worker in workers:
            worker.directory.mkdir()
            worker.start()
        while await load.pipeline.counted() < load.count:
            await asyncio.sleep(kill_seconds)
            victim = rng.choice(workers)
            victim.kill()
            victim.start()
            kills += 1
        await until(load.is_done)
    finally:
        for worker in workers:
            worker.abandon()
    return kills
