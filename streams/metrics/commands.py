"""Metrics of the process that executes commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, get_args

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from schemas.commands import CommandKind, CommandOutcome
from streams.metrics.definitions import COMMAND_SECONDS, COMMANDS
from streams.metrics.event_loop import LoopMeter

_BOUNDS_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 16)


class CommandMeter(Collector):
    """The metrics of a process that executes commands."""

    def __init__(self) -> None:
        self._attempts = Counter(*COMMANDS, registry=None)
        self._seconds = Histogram(*COMMAND_SECONDS, registry=None, buckets=_BOUNDS_SECONDS)
        self.loop = LoopMeter()
        # Zero for what did not happen yet, so that the first failure shows as an increase.
        for kind in get_args(CommandKind):
            self._seconds.labels(kind)
            for outcome in get_args(CommandOutcome):
                self._attempts.labels(kind, outcome)

    def attempted(self, kind: CommandKind, outcome: CommandOutcome, duration_ms: int) -> None:
        """Measure an attempt whose result is stored."""
        self._attempts.labels(kind, outcome).inc()
        self._seconds.labels(kind).observe(duration_ms / 1000)

    def collect(self) -> Iterable[Metric]:
        for metric in (self._attempts, self._seconds, self.loop):
            yield from metric.collect()
