"""One run: workers with a simulated broker and database, until all sent records are counted."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast
from unittest.mock import AsyncMock, patch

import asyncpg
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from cost_analytics.configuration.tree import Settings
from cost_analytics.roots.worker import worker_options
from ledger.postgres.clock import DatabaseClock
from ledger.recording import batch as batches
from ledger.recording import ledger as recording
from ledger.recording.offsets import Stream
from messaging.kafka import KafkaSettings, partition_of
from messaging.topic_ids import TopicIdentity
from schemas.topics import CALL_EVENTS
from streams import decoding, lane, period_sums, positions
from streams import worker as worker_module
from streams.watchdog import StalledError
from streams.worker import Worker
from tests.simulator.broker import ConsumerGroup, SimulatedBroker, call_events
from tests.simulator.chance import Chance
from tests.simulator.clients import SimulatedConsumer, SimulatedProducer
from tests.simulator.clock import VirtualLoop, virtual_time
from tests.simulator.connection import SimulatedDatabase
from tests.simulator.process import SimulatedProcess, adopt
from tests.simulator.server import SteppedServer
from tests.simulator.workload import LIMITS, THRESHOLDS, Workload, make_workload

STREAM = Stream("simulated", CALL_EVENTS.name)
EPOCH = 0
LOST_WORKER_AGE = timedelta(seconds=30)
"""After this time another worker publishes the outbox rows of a lost one."""
SENDING_SECONDS_MAX = 8
FAULT_PAUSE_SECONDS_MAX = 4
QUIET_SECONDS_MAX = 300
STOP_SECONDS_MAX = 60
_EXPECTED_ENDS = (KafkaError, StalledError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""Errors that may end a worker during outages; its supervisor starts another."""


class BrokenGuaranteeError(AssertionError):
    """The product broke a guarantee."""


@dataclass
class SimulationRun:
    """One run, which its seed determines completely."""

    server: SteppedServer
    loop: VirtualLoop
    chance: Chance
    workload: Workload = field(default_factory=Workload)
    processes: list[SimulatedProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = self.chance.random()
        self.workload = make_workload(rng)
        self.broker = SimulatedBroker(self.loop, self.chance, rng.randint(1, 4))
        self.group = ConsumerGroup(self.broker, self.chance)
        self.database = SimulatedDatabase(self.server, self.loop, self.chance)
        self.workers = rng.randint(1, 3)
        self.lanes = rng.randint(1, 2)
        self.batch_max = rng.choice([2, 5, 20, 100])
        self.keyed_by_user = rng.random() < 0.6
        self.basis: Any = rng.choice(["charged", "cost"])
        self.small_batch_max = rng.choice([0, 3, 100])
        self.backlog_min = rng.choice([2, 10, lane.BACKLOG_MIN])
        self.trust = rng.choice([1, 2, 20])
        self.faults = rng.choice([0, 1, 3, 8])

    async def run(self) -> None:
        """Send all records during faults, and wait until they are processed."""
        self._set_limits()
        helpers = [asyncio.create_task(self.group.run())]
        stop = asyncio.Event()
        workers = [asyncio.create_task(self._supervise(n, stop)) for n in range(self.workers)]
        try:
            await asyncio.gather(self._send(), self._cause_faults())
            self.chance.calm = True
            self.chance.note("no more faults")
            self.server.clock_ahead = LOST_WORKER_AGE  # instead of waiting
            await self._until_quiet(workers)
            stop.set()
            _, late = await asyncio.wait(workers, timeout=STOP_SECONDS_MAX)
            if late:
                raise BrokenGuaranteeError(f"a worker did not stop within {STOP_SECONDS_MAX} s")
            for worker in workers:
                worker.result()
        finally:
            for process in self.processes:
                await process.kill()
            for task in (*helpers, *workers):
                task.cancel()
            await asyncio.gather(*helpers, *workers, return_exceptions=True)

    def _set_limits(self) -> None:
        for user in self.workload.limited:
            self.server.fetch(
                """INSERT INTO user_budget_settings (user_id, daily_limit_nano, monthly_limit_nano,
                       call_limit_nano, daily_limit_version, monthly_limit_version,
                       call_limit_version, thresholds)
                   VALUES ($1, $2, $3, $4, 1, 1, 1, $5)""",
                user,
                *LIMITS.values(),
                [percent for percent in THRESHOLDS if percent not in (80, 100)],
            )

    async def _send(self) -> None:
        """Send the records one after another, with pauses."""
        every = list(range(self.broker.partitions))
        pause = self.chance.seconds(SENDING_SECONDS_MAX) / len(self.workload.sendings)
        for sending in self.workload.sendings:
            partition = partition_of(sending.key, every)
            if not self.keyed_by_user:
                partition = self.chance.choice(every)
            self.broker.append(CALL_EVENTS.name, partition, sending.key, sending.value)
            await asyncio.sleep(pause)

    async def _cause_faults(self) -> None:
        """Cause faults of processes, servers and the group."""
        faults: list[Callable[[], Awaitable[None]]] = [
            *(self._kill, self._kill, self._freeze, self._restart),
            *(self._stop_database, self._stop_broker, self._rebalance),
        ]
        for _ in range(self.faults):
            await asyncio.sleep(self.chance.seconds(FAULT_PAUSE_SECONDS_MAX))
            await self.chance.choice(faults)()

    def _victim(self) -> SimulatedProcess | None:
        alive = [process for process in self.processes if not process.dead]
        return self.chance.choice(alive) if alive else None

    async def _kill(self) -> None:
        victim = self._victim()
        if victim is not None and self.chance.happens(f"kill {victim.name}"):
            await victim.kill()

    async def _freeze(self) -> None:
        victim, seconds = self._victim(), self.chance.seconds(25)
        if victim is not None and self.chance.happens(f"freeze {victim.name} for {seconds} s"):
            victim.freeze(seconds)
            self.group.rebalance()

    async def _restart(self) -> None:
        if self.chance.happens("restart the database"):
            self.database.restart()

    async def _stop_database(self) -> None:
        if self.chance.happens("stop the database"):
            self.database.is_down = True
            self.database.restart()
            await asyncio.sleep(self.chance.seconds(10))
            self.database.is_down = False

    async def _stop_broker(self) -> None:
        if self.chance.happens("stop the broker"):
            self.broker.is_down = True
            await asyncio.sleep(self.chance.seconds(10))
            self.broker.is_down = False

    async def _rebalance(self) -> None:
        if self.chance.happens("rebalance"):
            self.group.rebalance()

    async def _supervise(self, number: int, stop: asyncio.Event) -> None:
        """Run a worker, and restart it whenever it ends early."""
        starts = 0
        while not stop.is_set():
            starts += 1
            process = SimulatedProcess(f"worker-{number}.{starts}", self.loop, self.chance)
            self.processes.append(process)
            task = process.start(self._run_worker(process, stop))
            await asyncio.wait({task})
            if not process.dead:
                self._check_end(process, task, stop)
                await process.kill()
            if not stop.is_set():
                await asyncio.sleep(1 + self.chance.seconds(3))

    async def _run_worker(self, process: SimulatedProcess, stop: asyncio.Event) -> None:
        options = replace(
            worker_options(Settings()),
            lanes=self.lanes,
            batch_max=self.batch_max,
            budget_basis=self.basis,
            worker_id=process.name,
        )
        await Worker(options, STREAM, EPOCH, DatabaseClock()).run(stop)

    def _check_end(
        self, process: SimulatedProcess, task: asyncio.Task[None], stop: asyncio.Event
    ) -> None:
        """Log why a worker has ended; raises an error that no outage explains."""
        error = None if task.cancelled() else task.exception()
        if error is None:
            if not stop.is_set():
                raise BrokenGuaranteeError(f"{process.name} ended without a request")
            return
        for cause in _causes(error):
            self.chance.note(f"{process.name} ended: {cause!r}")
            if not isinstance(cause, _EXPECTED_ENDS):
                raise error

    async def _until_quiet(self, workers: list[asyncio.Task[None]]) -> None:
        """Wait until every record is counted and every message is published."""
        deadline = self.loop.time() + QUIET_SECONDS_MAX
        while unfinished := self._unfinished():
            if self.loop.time() > deadline:
                raise BrokenGuaranteeError(f"after {QUIET_SECONDS_MAX} calm seconds: {unfinished}")
            for worker in workers:
                if worker.done():
                    worker.result()
            await asyncio.sleep(1)

    def _unfinished(self) -> str:
        """Return a description of what is not processed yet; empty if everything is."""
        stored = stored_offsets(self.server)
        ends = {number: len(log) for number, log in call_events(self.broker).items() if log}
        if stored != ends:
            return f"the offsets are {stored}, the logs end at {ends}"
        outboxes = self.server.fetch(
            "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM totals_outbox)"
        )
        return f"outboxes: {tuple(outboxes[0])}" if any(outboxes[0]) else ""

    def check_commit(self, partition: TopicPartition, offset: int) -> None:
        """Assert that Kafka's own offset is never ahead of the ledger's."""
        stored = stored_offsets(self.server).get(partition.partition, 0)
        if offset > stored:
            raise BrokenGuaranteeError(f"{partition} committed at {offset}, counted up to {stored}")


def stored_offsets(server: SteppedServer) -> dict[int, int]:
    """Return the stored offsets of the ledger."""
    rows = server.fetch('SELECT "partition", next_offset FROM stream_offsets WHERE next_offset > 0')
    return {row[0]: row[1] for row in rows}


def _causes(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [cause for one in error.exceptions for cause in _causes(one)]
    return [error]


@contextmanager
def started(
    server: SteppedServer, seed: int, faults_max: int | None = None
) -> Iterator[SimulationRun]:
    """Prepare the run of a seed: an empty database, virtual time, and failing clients."""
    state = random.getstate()
    random.seed(seed)
    with ExitStack() as stack:
        loop = stack.enter_context(virtual_time())
        loop.on_task = adopt
        chance = Chance(seed, faults_max)
        chance.now = loop.time
        run = SimulationRun(server, loop, chance)
        server.reset()
        stack.callback(random.setstate, state)
        for module in (batches, decoding):
            stack.enter_context(patch.object(module, "SMALL_BATCH_MAX", run.small_batch_max))
        stack.enter_context(patch.object(lane, "BACKLOG_MIN", run.backlog_min))
        stack.enter_context(patch.object(recording, "BATCHES_BEFORE_TRUST", run.trust))
        stack.enter_context(patch.multiple(worker_module, **_clients(run)))
        stack.enter_context(patch.object(positions, "request_identity", _identity))
        no_turn = AsyncMock(return_value=False)  # no batch depends on sums
        stack.enter_context(patch.object(period_sums, "lock_summing", no_turn))
        yield run


async def _identity(*_: Any) -> TopicIdentity:
    await SimulatedProcess.current().wait_while_frozen()
    return TopicIdentity(STREAM.cluster, "simulated-topic")


def _clients(run: SimulationRun) -> dict[str, Any]:
    """Return the replacements of a worker's clients."""

    def make_consumer(settings: KafkaSettings, *, group: str, start: str) -> Any:
        assert start == "none"
        return cast(Any, SimulatedConsumer(run.broker, run.group, run.chance, run.check_commit))

    def make_producer(settings: KafkaSettings) -> Any:
        return SimulatedProducer(run.broker, run.chance)

    return {
        "make_consumer": make_consumer,
        "make_producer": make_producer,
        # Simulated workers share real sessions, so none is marked as a worker's, which ends it.
        "connect_worker": run.database.connect,
    }
