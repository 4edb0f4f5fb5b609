"""Metrics of one worker, measured for each batch and each publication, not for each event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ledger.recording.batch import BatchOutcome
from messaging.kafka import AIOKafkaConsumer
from schemas.topics import CALL_EVENTS
from streams.lane import Lane
from streams.metrics.definitions import (
    BATCH_RECORDS,
    BATCH_RETRIES,
    BATCH_SECONDS,
    EVENTS,
    LAG,
    LANES_RETRYING,
    PUBLISH_DELAY,
    TOPIC_PARTITIONS,
    TOTALS_PENDING,
)
from streams.metrics.event_loop import LoopMeter
from streams.publishing.delays import OutboxName
from streams.publishing.publisher import TotalsPublisher

_NS_PER_SECOND: Final = 1_000_000_000
_RECORDS: Final = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 64_000)
_SECONDS: Final = (
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
)  # fmt: skip
_STEPS: Final = ("decode", "record", "commit")
_OUTCOMES: Final = ("recorded", "repeated", "held", "refused", "unpriced")
_OUTBOXES: Final[tuple[OutboxName, ...]] = ("totals", "messages")


class WorkerMeter(Collector):
    """The metrics of a worker process; a restarted worker continues with the same meter."""

    def __init__(self) -> None:
        self._records = Histogram(*BATCH_RECORDS, registry=None, buckets=_RECORDS)
        self._seconds = Histogram(*BATCH_SECONDS, registry=None, buckets=_SECONDS)
        self._events = Counter(*EVENTS, registry=None)
        self._retries = Counter(*BATCH_RETRIES, registry=None)
        self._retrying = Gauge(*LANES_RETRYING, registry=None)
        self._lag = Gauge(*LAG, registry=None)
        self._partitions = Gauge(*TOPIC_PARTITIONS, registry=None)
        self._pending = Gauge(*TOTALS_PENDING, registry=None)
        self._delays = Histogram(*PUBLISH_DELAY, registry=None, buckets=_SECONDS)
        self._steps = {step: self._seconds.labels(step) for step in _STEPS}
        self._outcomes = {outcome: self._events.labels(outcome) for outcome in _OUTCOMES}
        self._outboxes = {outbox: self._delays.labels(outbox) for outbox in _OUTBOXES}
        self._consumer: AIOKafkaConsumer | None = None
        self._lanes: Sequence[Lane] = ()
        self._publisher: TotalsPublisher | None = None
        self._known_retries = 0
        self._shown: set[str] = set()
        self.loop = LoopMeter(self.refresh)

    def watch(
        self, consumer: AIOKafkaConsumer, lanes: Sequence[Lane], publisher: TotalsPublisher
    ) -> None:
        """Set the gauges from these parts of a worker from now on."""
        self._consumer, self._lanes, self._publisher = consumer, lanes, publisher
        self._known_retries = 0

    def committed(self, outcome: BatchOutcome) -> None:
        """Measure a committed batch."""
        refused = outcome.refused.total()
        self._records.observe(outcome.recorded + outcome.repeated + outcome.held + refused)
        steps = (outcome.decode_ns, outcome.record_ns, outcome.commit_ns)
        for histogram, took_ns in zip(self._steps.values(), steps, strict=True):
            histogram.observe(took_ns / _NS_PER_SECOND)
        counts = (outcome.recorded, outcome.repeated, outcome.held, refused, outcome.unpriced)
        for counter, count in zip(self._outcomes.values(), counts, strict=True):
            if count:
                counter.inc(count)

    def published(self, outbox: OutboxName, delay_ms: int) -> None:
        """Measure a round of publishing, by its oldest entry."""
        self._outboxes[outbox].observe(delay_ms / 1000)

    def refresh(self) -> None:
        """Set the gauges; runs on the event loop, so that no part changes meanwhile."""
        retries = sum(lane.retries for lane in self._lanes)
        self._retries.inc(retries - self._known_retries)
        self._known_retries = retries
        self._retrying.set(sum(lane.is_failing for lane in self._lanes))
        if self._publisher is not None:
            self._pending.set(self._publisher.pending)
        if self._consumer is None:
            return
        partitions = self._consumer.partitions_for_topic(CALL_EVENTS.name)
        self._partitions.set(len(partitions or ()))
        lags = dict(_lags(self._consumer, self._lanes))
        for partition in self._shown - lags.keys():  # read by another worker now
            self._lag.remove(partition)
        for partition, lag in lags.items():
            self._lag.labels(partition).set(lag)
        self._shown = set(lags)

    def collect(self) -> Iterable[Metric]:
        for metric in (
            self._records,
            self._seconds,
            self._events,
            self._retries,
            self._retrying,
            self._lag,
            self._partitions,
            self._pending,
            self._delays,
            self.loop,
        ):
            yield from metric.collect()


def _lags(consumer: AIOKafkaConsumer, lanes: Sequence[Lane]) -> Iterator[tuple[str, int]]:
    """Yield the lag of each partition whose end is known, from its first fetch on."""
    assigned = consumer.assignment()
    for lane in lanes:
        for partition in lane.partitions:
            end = consumer.last_stable_offset(partition) if partition in assigned else None
            if end is not None:
                counted = lane.next_offsets.get(partition.partition, 0)
                yield str(partition.partition), max(0, end - counted)
