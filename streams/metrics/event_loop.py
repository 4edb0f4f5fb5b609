"""Measures how late the event loop runs timers: while it is stalled, nothing else runs either."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from messaging.retries import wait_until_set
from streams.metrics.definitions import LOOP_DELAY

_NS_PER_SECOND: Final = 1_000_000_000
_INTERVAL_NS: Final = _NS_PER_SECOND // 10
_REFRESH_NS: Final = _NS_PER_SECOND
_BOUNDS_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class LoopMeter(Collector):
    """Measures the delay of timers, and calls `refresh` about once a second on the event loop."""

    def __init__(self, refresh: Callable[[], None] = lambda: None) -> None:
        self._delays = Histogram(*LOOP_DELAY, registry=None, buckets=_BOUNDS_SECONDS)
        self._refresh = refresh

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until `stop`."""
        refreshed_ns = 0
        while not stop.is_set():
            due_ns = time.monotonic_ns() + _INTERVAL_NS
            await wait_until_set(stop, _INTERVAL_NS / _NS_PER_SECOND)
            now_ns = time.monotonic_ns()
            self._delays.observe(max(0, now_ns - due_ns) / _NS_PER_SECOND)
            if now_ns - refreshed_ns >= _REFRESH_NS:
                self._refresh()
                refreshed_ns = now_ns

    def collect(self) -> Iterable[Metric]:
        yield from self._delays.collect()
