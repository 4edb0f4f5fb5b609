"""Metrics of the process that delivers notifications."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, get_args

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from schemas.notices import ChannelType
from streams.metrics.definitions import DELIVERIES, DELIVERIES_RUNNING, DELIVERY_SECONDS
from streams.metrics.event_loop import LoopMeter

DeliveryOutcome = Literal["delivered", "postponed", "failed"]
"""`postponed` is repeated later; `failed` is final."""

_BOUNDS_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 16)


class DeliveryMeter(Collector):
    """The metrics of a notifications process."""

    def __init__(self) -> None:
        self._attempts = Counter(*DELIVERIES, registry=None)
        self._seconds = Histogram(*DELIVERY_SECONDS, registry=None, buckets=_BOUNDS_SECONDS)
        self._running = Gauge(*DELIVERIES_RUNNING, registry=None)
        self.loop = LoopMeter()
        # Zero for what did not happen yet, so that the first failure shows as an increase.
        for channel in get_args(ChannelType):
            self._seconds.labels(channel)
            for outcome in get_args(DeliveryOutcome):
                self._attempts.labels(channel, outcome)

    def attempted(self, channel: ChannelType, outcome: DeliveryOutcome, duration_ms: int) -> None:
        """Measure an attempt whose outcome is stored."""
        self._attempts.labels(channel, outcome).inc()
        self._seconds.labels(channel).observe(duration_ms / 1000)

    def running(self, count: int) -> None:
        """Set the number of running attempts."""
        self._running.set(count)

    def collect(self) -> Iterable[Metric]:
        for metric in (self._attempts, self._seconds, self._running, self.loop):
            yield from metric.collect()
