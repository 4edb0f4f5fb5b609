"""Metrics of the processes that deliver notifications and execute commands: of their attempts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, get_args

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from schemas.commands import CommandKind, CommandOutcome
from schemas.metrics import Definition
from schemas.notices import ChannelType
from streams.metrics.definitions import (
    COMMAND_SECONDS,
    COMMANDS,
    DELIVERIES,
    DELIVERIES_RUNNING,
    DELIVERY_SECONDS,
)
from streams.metrics.event_loop import LoopMeter

DeliveryOutcome = Literal["delivered", "postponed", "failed"]
"""`postponed` is repeated later; `failed` is final."""

_BOUNDS_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 16)


class AttemptMeter(Collector):
    """Counts attempts by kind and outcome, and measures their durations and the event loop."""

    def __init__(
        self,
        attempts: Definition,
        seconds: Definition,
        kinds: Sequence[str],
        outcomes: Sequence[str],
    ) -> None:
        self._attempts = Counter(*attempts, registry=None)
        self._seconds = Histogram(*seconds, registry=None, buckets=_BOUNDS_SECONDS)
        self.loop = LoopMeter()
        # Zero for what did not happen yet, so that the first failure shows as an increase.
        for kind in kinds:
            self._seconds.labels(kind)
            for outcome in outcomes:
                self._attempts.labels(kind, outcome)

    def attempted(self, kind: str, outcome: str, duration_ms: int) -> None:
        """Measure an attempt whose outcome is stored."""
        self._attempts.labels(kind, outcome).inc()
        self._seconds.labels(kind).observe(duration_ms / 1000)

    def collect(self) -> Iterable[Metric]:
        for metric in (self._attempts, self._seconds, self.loop):
            yield from metric.collect()


class CommandMeter(AttemptMeter):
    """The metrics of a process that executes commands."""

    def __init__(self) -> None:
        super().__init__(COMMANDS, COMMAND_SECONDS, get_args(CommandKind), get_args(CommandOutcome))


class DeliveryMeter(AttemptMeter):
    """The metrics of a notifications process; the kind of an attempt is the channel's type."""

    def __init__(self) -> None:
        super().__init__(
            DELIVERIES, DELIVERY_SECONDS, get_args(ChannelType), get_args(DeliveryOutcome)
        )
        self._running = Gauge(*DELIVERIES_RUNNING, registry=None)

    def running(self, count: int) -> None:
        """Set the number of running attempts."""
        self._running.set(count)

    def collect(self) -> Iterable[Metric]:
        yield from super().collect()
        yield from self._running.collect()
