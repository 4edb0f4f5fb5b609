"""The stream worker: joins the consumer group, runs lanes, and shuts down gracefully.

Offsets are stored in PostgreSQL together with the totals; Kafka's own offsets are committed
afterwards, for tools that show lag. Several workers share the partitions of the topic.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from ledger.budgets.alerting import Alerting
from ledger.operations.frozen_sessions import FrozenSessionWatch, connect_worker
from ledger.postgres.clock import DatabaseClock
from ledger.postgres.database import Connection, connected
from ledger.prices.price_book import PriceBook
from ledger.recording.batch import BatchOutcome
from ledger.recording.epochs import EpochChangedError
from ledger.recording.offsets import Stream
from messaging.kafka import KafkaSettings, cluster_id, make_consumer, make_producer, start_consumer
from messaging.producer import RecoveringProducer
from schemas.alerts import SpendBasis
from schemas.topics import CALL_EVENTS
from streams.dead_letters import DeadLetterTopic, RefusalLimit
from streams.deadlines import run_with_deadline
from streams.epoch import wait_for_epoch
from streams.lane import Lane
from streams.log_watch import LogWatch
from streams.offsets import KafkaOffsets
from streams.period_sums import PeriodicSums
from streams.positions import ClusterReplacedError, Positions
from streams.progress import StreamProgress
from streams.publishing.publisher import TotalsPublisher
from streams.publishing.relay import OutboxRelay
from streams.publishing.republishing import EpochFollower
from streams.rebalance_listener import RebalanceListener
from streams.retention import Retention, RetentionOptions
from streams.reviews import PeriodicReview, reviews
from streams.span_voids import PeriodicSpanVoids
from streams.stuck_calls import StuckCallOptions, StuckCallWatch
from streams.telemetry import WorkerTelemetry
from streams.unpriced import PeriodicPricing
from streams.watchdog import Watchdog

GROUP: Final = "cost-analytics-ledger"
FINISH_SECONDS: Final = 10
LEAVE_SECONDS: Final = 5
PUBLISH_SECONDS: Final = 6
"""A little more than publishers need for their last messages; a server may never answer."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Options of a worker. `batch_max` is the maximum number of records of a batch."""

    kafka: KafkaSettings
    database_url: str
    lanes: int
    batch_max: int
    budget_basis: SpendBasis
    refusal_limit: RefusalLimit
    retention: RetentionOptions
    stuck_calls: StuckCallOptions
    stall_seconds: int = 120
    worker_id: str = field(
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    )


class Worker:
    """Everything that a worker process runs."""

    def __init__(
        self,
        options: WorkerOptions,
        stream: Stream,
        epoch: int,
        clock: DatabaseClock,
        telemetry: WorkerTelemetry | None = None,
    ) -> None:
        """Create the parts for one epoch of the ledger; opens nothing."""
        self._options = options
        self._telemetry = telemetry or WorkerTelemetry()
        self._meter = self._telemetry.meter
        self._clock = clock
        self._consumer = make_consumer(options.kafka, group=GROUP, start="none")
        self._producer = RecoveringProducer(lambda: make_producer(options.kafka))
        self._totals_producer = RecoveringProducer(lambda: make_producer(options.kafka))
        self._publisher = self._make_publisher()
        tracing = self._telemetry.outbox_tracing()
        self._relay = OutboxRelay(
            self._producer, self._connect, clock.now, self._meter.published, tracing
        )
        self._offsets = KafkaOffsets(self._consumer)
        prices = PriceBook()
        self._lanes = self._make_lanes(stream, epoch, prices)
        self._meter.watch(self._consumer, self._lanes, self._publisher)
        self._unpriced = PeriodicPricing(self._connect, prices, options.budget_basis)
        self._span_voids = PeriodicSpanVoids(self._connect, prices, options.budget_basis)
        self._positions = Positions(
            self._consumer,
            lambda: make_consumer(options.kafka, group=None, start="none"),
            stream,
            self._connect,
        )
        self._follower = self._make_follower(stream, epoch)
        progress = StreamProgress(self._consumer, self._lanes, stream, clock.now)
        self._rebalance_listener = RebalanceListener(
            self._consumer,
            self._lanes,
            self._positions,
            self._connect,
            options.worker_id,
            clock,
            [FrozenSessionWatch().check, progress.store],
        )
        self._log_watch = LogWatch(self._consumer, self._lanes, self._positions)
        self._retention = Retention(
            options.retention, self._connect, self._totals_producer, epoch, clock.now
        )
        self._watches = self._make_watches(stream, epoch, prices)
        self._watchdog = Watchdog(self._consumer, self._lanes, options.stall_seconds)

    def _make_lanes(self, stream: Stream, epoch: int, prices: PriceBook) -> list[Lane]:
        dead_letters = DeadLetterTopic(self._producer, stream, self._options.refusal_limit)
        return [
            Lane(
                self._consumer,
                self._telemetry.recorder(
                    self._connect,
                    stream,
                    prices,
                    dead_letters.acknowledge,
                    worker_id=self._options.worker_id,
                    alerting=Alerting(self._options.budget_basis),
                    epoch=epoch,
                    now=self._clock.now,
                ),
                self._options.batch_max,
                self._on_commit,
            )
            for _ in range(self._options.lanes)
        ]

    def _make_publisher(self) -> TotalsPublisher:
        return TotalsPublisher(
            self._totals_producer,
            self._connect,
            self._is_behind,
            self._options.worker_id,
            self._clock.now,
            self._meter.published,
            self._telemetry.totals_tracing(self._totals_producer),
        )

    def _make_follower(self, stream: Stream, epoch: int) -> EpochFollower:
        parts = self._connect, self._totals_producer, self._publisher
        return EpochFollower(self._options.kafka, stream, *parts, epoch, self._clock.now)

    def _make_watches(
        self, stream: Stream, epoch: int, prices: PriceBook
    ) -> tuple[StuckCallWatch | PeriodicReview | PeriodicSums, ...]:
        options, now, wake = self._options, self._clock.now, self._relay.wake
        return (
            StuckCallWatch(options.stuck_calls, self._connect, prices, stream, epoch, now, wake),
            *(
                PeriodicReview(review, self._connect, now, wake)
                for review in reviews(options.budget_basis)
            ),
            PeriodicSums(self._connect, now),
        )

    async def _connect(self) -> Connection:
        return await connect_worker(self._options.database_url, self._options.worker_id)

    def _is_behind(self) -> bool:
        return any(lane.is_behind for lane in self._lanes)

    def _on_commit(self, outcome: BatchOutcome, next_offsets: Mapping[int, int]) -> None:
        self._offsets.note(next_offsets)
        self._meter.committed(outcome)
        if outcome.alerts:
            self._relay.wake()  # first, because alerts are most urgent
        self._publisher.submit(outcome)
        if outcome.refused:
            _log.warning("refused %s", dict(outcome.refused), extra={"action": "events_refused"})
        if outcome.unpriced:
            extra = {"action": "events_unpriced", "events": outcome.unpriced}
            _log.warning("recorded %d events without a price", outcome.unpriced, extra=extra)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set or a part fails; raises the part's error."""
        publishing_ends = asyncio.Event()
        await start_consumer(self._consumer)
        self._consumer.subscribe([CALL_EVENTS.name], listener=self._rebalance_listener)
        publishing = asyncio.gather(
            *(
                run_with_deadline(PUBLISH_SECONDS, publishing_ends, part.run(publishing_ends))
                for part in (self._publisher, self._relay)
            )
        )
        try:
            async with asyncio.TaskGroup() as parts:
                for lane in self._lanes:
                    parts.create_task(run_with_deadline(FINISH_SECONDS, stop, lane.run(stop)))
                for part in (
                    self._offsets,
                    self._rebalance_listener,
                    self._log_watch,
                    self._watchdog,
                    self._follower,
                    self._retention,
                    self._unpriced,
                    self._span_voids,
                    *self._watches,
                    self._meter.loop,
                ):
                    parts.create_task(run_with_deadline(0, stop, part.run(stop)))
                parts.create_task(run_with_deadline(0, stop, asyncio.shield(publishing)))
        finally:
            publishing_ends.set()
            await asyncio.gather(publishing, self._leave_group(), return_exceptions=True)
            await asyncio.gather(self._producer.close(), self._totals_producer.close())

    async def _leave_group(self) -> None:
        """Leave the group and remove this worker's entry, if the servers respond.

        A broker that was unreachable may prevent a consumer from leaving; its session then expires.
        """
        await self._offsets.commit()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                with suppress(ClusterReplacedError):
                    await self._log_watch.confirm()
                await asyncio.gather(self._rebalance_listener.leave(), self._positions.close())
                await self._consumer.stop()
        except TimeoutError:
            _log.warning("could not leave the group in time", extra={"action": "leave_timeout"})


async def run_worker(
    options: WorkerOptions, stop: asyncio.Event, telemetry: WorkerTelemetry | None = None
) -> None:
    """Run a worker until `stop` is set, measured and traced by `telemetry`.

    Raises KafkaError or OSError if the broker is unreachable at the start, a PostgreSQL error if
    the database is, and an ExceptionGroup if a part fails later.
    """
    async with connected(options.database_url, name="cost-analytics worker"):
        pass  # a wrong URL is reported at the start, not with the first event
    stream = Stream(await cluster_id(options.kafka), CALL_EVENTS.name)
    clock, telemetry = DatabaseClock(), telemetry or WorkerTelemetry()
    _tune_garbage_collection()
    while not stop.is_set():
        # Read before the positions: a restore in between changes the epoch.
        epoch = await wait_for_epoch(options.database_url, clock, stop)
        if epoch is not None:
            worker = Worker(options, stream, epoch, clock, telemetry)
            if await _run_one(worker, stop):
                return


async def _run_one(worker: Worker, stop: asyncio.Event) -> bool:
    """Run a worker; returns False if the ledger was restored or rebuilt meanwhile."""
    try:
        await worker.run(stop)
    except ExceptionGroup as group:
        changed, other = group.split(EpochChangedError)
        if other is not None or changed is None:
            raise
        _log.warning(
            "restarting from the stored offsets: %s",
            changed.exceptions[0],
            extra={"action": "epoch_changed"},
        )
        return False
    return True


def _tune_garbage_collection() -> None:
    """Tune garbage collection for batches: they are large and have no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000_000, 20, 100)
