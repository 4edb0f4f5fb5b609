"""A thousand calls share a budget through two API replicas while workers are killed.

Every turn is reserved before it costs anything, so the budget is never exceeded, and used up.
"""

import asyncio
import random
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from api.http.roles import Role
from tests.support import parts
from tests.support.alerting import change
from tests.support.events import cost, started
from tests.support.fault_table import FaultRecorder
from tests.support.product_processes import Product
from tests.support.recording import assert_verified, fetch, until
from tests.support.streaming import Pipeline
from tests.support.worker_process import WorkerProcess

CALLS = 1_000
TURNS = 300
"""The number of full turns that the budget allows."""
TURN_NANO = 10_000_000
ONCE_NANO = 35_000_000
"""The infrastructure's share of a call."""
LIMIT_NANO = CALLS * ONCE_NANO + TURNS * TURN_NANO
WORKERS, REPLICAS = 3, 2
KILL_SECONDS = 3
KILLS_MIN, KILLS_MAX = 3, 8
THINK_SECONDS = 8
"""How long a call waits between two turns, on average."""
CONNECTIONS = 16
"""Requests at the same time: more would only wait in the API."""
SOURCE = "/voice-bot"
SERVICE: Role = "service"


@dataclass
class Load:
    """Calls that reserve each turn before they report its cost."""

    pipeline: Pipeline
    session: ClientSession
    replicas: list[Product]
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    granted_nano: int = 0
    spent_nano: int = 0
    turns: int = 0
    refused: int = 0
    seconds: list[float] = field(default_factory=list)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))
    costs: list[dict[str, Any]] = field(default_factory=list)

    async def run_call(self, number: int) -> None:
        """Ask for turns until cancelled."""
        turn = 0
        while True:
            await asyncio.sleep(self.rng.uniform(0, 2 * THINK_SECONDS))
            turn += 1
            await self._turn(f"call-{number}", f"{number}-{turn}")

    async def _turn(self, call: str, name: str) -> None:
        if not await self._reserve(call, name):
            self.refused += 1
            return
        nano = self.rng.choice((TURN_NANO, TURN_NANO, TURN_NANO // 4))
        self.turns += 1
        self.granted_nano += TURN_NANO
        self.spent_nano += nano
        total = f"{nano / 10**9:.9f}"
        self.costs.append(
            cost(call, source=SOURCE, id=name, time=datetime.now(UTC), totalCost=total)
        )

    async def _reserve(self, call: str, name: str) -> bool:
        """Return the decision; asks the other replica if one gives none."""
        body = {
            "userId": "alice",
            "costs": [{"source": SOURCE, "id": name, "amount": TURN_NANO / 10**9}],
            "lasts_seconds": 600,
        }
        while True:
            async with self.slots:
                status, answer = await self._ask(call, body)
            if status == 200:
                return bool(answer["data"]["granted"])
            assert status in {0, 429, 503}, answer
            await asyncio.sleep(self.rng.uniform(0.5, 1.5))

    async def _ask(self, call: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Return the status and the answer of a replica; 0 without an answer."""
        replica = self.rng.choice(self.replicas)
        url = f"{replica.url}/api/costs/call/{call}/reserve"
        headers = {"Authorization": f"Bearer {replica.token('voice-bot', SERVICE)}"}
        began = time.monotonic()
        try:
            async with self.session.post(url, json=body, headers=headers) as response:
                answer = await response.json()
        except (ClientError, TimeoutError):
            return 0, None
        self.seconds.append(time.monotonic() - began)
        return response.status, answer

    async def send_costs(self) -> None:
        """Send the costs of granted turns until cancelled, a second of them at a time."""
        while True:
            await asyncio.sleep(1)
            costs, self.costs = self.costs, []
            if costs:
                await self.pipeline.send(costs)

    async def watch(self) -> None:
        """Check the budget until cancelled: spent and reserved are never above it."""
        while True:
            await asyncio.sleep(0.25)
            assert await committed_nano(self.pipeline.database_url) <= LIMIT_NANO


async def committed_nano(database_url: str) -> int:
    """Return what is spent, and what is reserved for costs that are not counted."""
    [row] = await fetch(
        database_url,
        """SELECT (SELECT coalesce(sum(cost_nano), 0) FROM user_spend)
                + (SELECT coalesce(sum(amount_nano), 0) FROM cost_reservations AS r
                    WHERE NOT EXISTS (SELECT FROM event_identities AS i WHERE i.identity = r.identity))""",
    )
    return int(row[0])


async def kill_workers(workers: list[WorkerProcess], is_over: asyncio.Event) -> int:
    """Kill a worker every three seconds, some times; returns the number of kills."""
    rng, kills = random.Random(33), 0
    while kills < KILLS_MIN or (kills < KILLS_MAX and not is_over.is_set()):
        await asyncio.sleep(KILL_SECONDS)
        victim = rng.choice(workers)
        victim.kill()
        victim.start()
        kills += 1
    return kills


@pytest.mark.timeout(300)
async def test_reserved_turns_never_exceed_their_budget(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    await change(pipeline.database_url, "alice", "cost", daily_limit=(True, LIMIT_NANO))
    workers = [WorkerProcess(pipeline, tmp_path / f"worker-{n}") for n in range(WORKERS)]
    replicas = [
        Product(pipeline, tmp_path / f"api-{n}", BUDGET_BASIS="cost") for n in range(REPLICAS)
    ]
    with ExitStack() as stack:
        for worker in workers:
            worker.directory.mkdir()
            worker.start()
            stack.callback(worker.abandon)
        for replica in replicas:
            replica.directory.mkdir()
            replica.start("api")
            stack.callback(replica.close)
        for replica in replicas:
            await replica.until_ready()
        await pipeline.send(
            [started(f"call-{n}", "alice", time=datetime.now(UTC)) for n in range(CALLS)]
        )
        await pipeline.until_counted(CALLS)
        load, kills = await _run_load(pipeline, replicas, workers)
    spent = await committed_nano(pipeline.database_url)
    p50, *_, p99 = (statistics.quantiles(load.seconds, n=100)[place - 1] for place in (50, 99))
    parts.figures.append(
        f"reservations, {CALLS} calls, {WORKERS} workers killed {kills} times, {pipeline.broker}: "
        f"{load.turns} turns granted, {load.refused} refused, "
        f"{(LIMIT_NANO - spent) / 10**9:.4f} USD of the budget left, "
        f"decision p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms"
    )
    record_fault(
        f"{CALLS} calls on one budget, {WORKERS} workers killed {kills} times, {pipeline.broker}",
        sent=CALLS + load.turns,
        counted=await pipeline.counted(),
        difference=abs(spent - CALLS * ONCE_NANO - load.spent_nano),
    )
    assert load.turns >= TURNS
    assert LIMIT_NANO - TURN_NANO < spent <= LIMIT_NANO
    await assert_verified(pipeline.database_url)


async def _run_load(
    pipeline: Pipeline, replicas: list[Product], workers: list[WorkerProcess]
) -> tuple[Load, int]:
    """Run the calls until their budget is used up; returns the load and the number of kills."""
    async with ClientSession(timeout=ClientTimeout(total=10)) as session:
        load, is_over = Load(pipeline, session, replicas), asyncio.Event()

        async def is_used_up() -> bool:
            spent = CALLS * ONCE_NANO + load.spent_nano
            is_counted = await pipeline.counted() == CALLS + load.turns
            return is_counted and spent > LIMIT_NANO - TURN_NANO

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(load.run_call(number)) for number in range(CALLS)]
            tasks += [group.create_task(load.send_costs()), group.create_task(load.watch())]
            killing = group.create_task(kill_workers(workers, is_over))
            await until(is_used_up, 200)
            is_over.set()
            kills = await killing
            await until(is_used_up, 60)
            for task in tasks:
                task.cancel()
    return load, kills
